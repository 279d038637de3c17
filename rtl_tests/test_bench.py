"""A simulation that did not really run, or did not run to its end, never passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hlsgen.boards import load_board
from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.tools.verilator import build, failures, simulate
from hlsgen.verify import verify
from rtl_tests.designs import random_network, with_latency, write_build

GOOD = '<testcase name="good"/>'
FINE = '<testcase name="fine"/>'
INVERTER = "module inverter (input wire a, output wire y);\nassign y = ~a;\nendmodule\n"
PUBLIC = """`verilator_config
public_flat_rw -module "inverter" -var "a"
public_flat_rw -module "inverter" -var "y"
"""


def results(folder: Path, *cases: str) -> Path:
    path = folder / "results.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def test_good_results(tmp_path: Path) -> None:
    assert failures(results(tmp_path, GOOD, FINE), ["fine", "good"]) == []


def test_truncated_results(tmp_path: Path) -> None:
    path = results(tmp_path, GOOD)
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ToolFailed, match=r"results\.xml: damaged or truncated"):
        failures(path, ["good"])


@pytest.mark.parametrize(
    ("ran", "names"),
    [
        ([], "none"),
        ([GOOD], "good"),
        ([GOOD, GOOD], "good, good"),
        ([GOOD, '<testcase name="other"/>'], "good, other"),
        ([GOOD, "<testcase/>"], ", good"),
        ([GOOD, FINE, GOOD], "fine, good, good"),
    ],
)
def test_other_tests_than_expected(tmp_path: Path, ran: list[str], names: str) -> None:
    message = f"tests that ran: {names}; expected: fine, good\nthe last line"
    with pytest.raises(ToolFailed, match=message):
        failures(results(tmp_path, *ran), ["good", "fine"], "the last line")


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        ('<failure message="2 rows differ"/>', "bad: 2 rows differ"),
        ('<error message="no such signal"/>', "bad: no such signal"),
        ("<error>Traceback</error>", "bad: Traceback"),
        ("<skipped/>", "bad: "),
    ],
)
def test_failed_test(tmp_path: Path, outcome: str, line: str) -> None:
    bad = f'<testcase name="bad">{outcome}</testcase>'
    assert failures(results(tmp_path, GOOD, bad), ["good", "bad"]) == [line]


@pytest.fixture(scope="module")
def program(folder: Path) -> Path:
    (folder / "inverter.v").write_text(INVERTER)
    (folder / "public.vlt").write_text(PUBLIC)
    return build(["public.vlt", "inverter.v"], "inverter", folder / "obj", folder / "logs")


def run_bench(program: Path, folder: Path, mode: str, module: str = "misbehave") -> list[str]:
    # What an earlier simulation left must not be taken for this one's.
    results(folder, GOOD)
    return simulate(
        program,
        "inverter",
        f"rtl_tests.tb.{module}",
        tests=["behave"],
        results=folder / "results.xml",
        log_file=folder / "simulation.log",
        env={"HLSGEN_MISBEHAVE": mode},
        timeout_s=6 if mode == "hang" else 60,
    )


@pytest.mark.verilator
def test_bench_that_passes(program: Path, tmp_path: Path) -> None:
    assert run_bench(program, tmp_path, "nothing") == []


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("mode", "line"), [("wrong", "y is not 1"), ("error", "the bench itself is broken")]
)
def test_bench_that_fails(program: Path, tmp_path: Path, mode: str, line: str) -> None:
    (failed,) = run_bench(program, tmp_path, mode)
    assert failed.startswith("behave: ")
    assert line in failed


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("mode", "module", "complaint"),
    [
        ("crash", "misbehave", "exit code -11"),
        ("exit", "misbehave", r"did not make .*results\.xml"),
        ("hang", "misbehave", "still running after 6 s"),
        ("more", "misbehave", "tests that ran: behave, more; expected: behave"),
        ("nothing", "empty", "simulation failed|tests that ran: none; expected: behave"),
        ("nothing", "not_there", "simulation failed|tests that ran: none; expected: behave"),
    ],
)
def test_bench_that_does_not_run(
    program: Path, tmp_path: Path, mode: str, module: str, complaint: str
) -> None:
    with pytest.raises(ToolFailed, match=complaint):
        run_bench(program, tmp_path, mode, module)


@pytest.mark.verilator
def test_syntax_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "inverter.v").write_text(INVERTER.replace("~a;", "~a"))
    with pytest.raises(ToolFailed, match=r"(?s)verilator failed.*%Error: inverter\.v:3.*full log"):
        build(["inverter.v"], "inverter", tmp_path / "obj", tmp_path / "logs")
    assert not (tmp_path / "obj" / "Vtop.mk").exists()


def test_missing_files(tmp_path: Path) -> None:
    graph = with_latency(random_network(3), 2)
    write_build(tmp_path, graph, 8)
    path = tmp_path / "rtl" / "net_layer0.v"
    path.unlink()
    with pytest.raises(ConfigError, match=r"net_layer0\.v: missing; run the stage emit"):
        verify(tmp_path, load_board("ulx3s"))
    write_build(tmp_path, graph, 8)
    (tmp_path / "graph" / "samples.npz").write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"samples\.npz: no samples here"):
        verify(tmp_path, load_board("ulx3s"))
    assert not (tmp_path / "verify").exists()
