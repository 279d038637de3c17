"""nextpnr-ice40 with the next seed, where its router does not end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hlsgen.tools import TOOLS, reroute

# Goes on until it is stopped for the seeds below the one that `good` holds; writes its seed.
PROGRAM = """\
import pathlib, sys, time
seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 99
with open("seeds", "a") as file:
    file.write(f"{seed}\\n")
if seed >= int(pathlib.Path("good").read_text()):
    print("Info:     iter=36 wires=1 overused=0 overuse=0 archfail=NA")
    sys.exit(int(pathlib.Path("code").read_text()))
number = 0
while True:
    number += 1
    print(f"Info:     iter={number} wires=1 overused=2 overuse=2 archfail=NA", flush=True)
    if number > 400:
        time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a stand-in for nextpnr-ice40."""
    program = tmp_path / "nextpnr"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    monkeypatch.setattr(reroute.shutil, "which", lambda name, path=None: str(program))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").write_text("0")
    return tmp_path


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, good: int, *args: str
) -> tuple[int, list[str]]:
    (folder / "good").write_text(str(good))
    monkeypatch.setattr(sys, "argv", ["reroute", *args])
    code = reroute.main()
    return code, (folder / "seeds").read_text().split()


def test_a_route_that_ends_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, folder, 0, "--hx8k", "--seed", "7") == (0, ["7"])


def test_a_failure_is_passed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "code").write_text("3")
    assert run(monkeypatch, folder, 0, "--seed", "7") == (3, ["7"])
    (folder / "seeds").unlink()
    assert run(monkeypatch, folder, 0, "--version") == (3, ["99"])


def test_the_next_seed_follows_one_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, folder, 9, "--seed", "7", "--json", "a") == (0, ["7", "8", "9"])
    said = capfd.readouterr().out
    assert said.count("is not routed after 150 iterations") == 2
    assert "iter=151 " in said and "iter=152 " not in said


def test_no_seed_leads_to_an_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, seeds = run(monkeypatch, folder, 1000, "--seed", "1")
    assert (code, seeds) == (1, [str(seed) for seed in range(1, 13)])
    assert "ERROR: none of the seeds 1 to 12 is routed" in capfd.readouterr().out


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reroute.shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(sys, "argv", ["reroute", "--version"])
    assert reroute.main() == 127
    assert TOOLS["nextpnr-ice40"].module == "hlsgen.tools.reroute"
