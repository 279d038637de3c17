"""Projects: what is accepted, and one message for each mistake."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from report_folder import write_folder

from hlsgen.errors import ConfigError
from hlsgen.project import NUMBERS, Project, Range, load_project
from hlsgen.report import collect, measure

GOOD = """
name = "net"
[data]
source = "digits"
[model]
layers = [20]
"""
KEYS = "data, hardware, inputs, limits, model, name, opt, seed, title, train"


def write(folder: Path, text: str) -> Path:
    (folder / "project.toml").write_text(text, encoding="utf-8")
    return folder


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    return str(caught.value).replace(str(path), "DIR").splitlines()


def test_a_folder_and_its_file_are_the_same_project(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, GOOD))
    assert load_project(tmp_path / "project.toml") == project
    assert project.folder == tmp_path
    assert project.model.layers == (20,)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, GOOD))
    assert (project.seed, project.title, project.limits) == (1, "", {})
    assert (project.data.test, project.data.validation) == (0.2, 0.15)
    assert (project.inputs.bits, project.inputs.thresholds) == (8, 8)
    assert (project.model.method, project.model.fan_in, project.model.wiring) == (
        "dwn",
        6,
        "learned",
    )
    assert (project.train.accelerator, project.hardware.clock_mhz) == ("cpu", 50.0)


def test_the_folder_is_no_key(tmp_path: Path) -> None:
    """It depends on the machine, so a copy of the project does not hold it."""
    project = load_project(write(tmp_path, GOOD))
    text = project.model_dump_json()
    assert "folder" not in text
    copy = Project.model_validate_json(text)
    assert copy.folder == Path()
    assert copy.at(tmp_path) == project != copy
    assert project.at(tmp_path / "other").folder == tmp_path / "other"
    assert pickle.loads(pickle.dumps(project)).folder == tmp_path, "training in other processes"


def test_limits_are_ranges_with_open_ends(tmp_path: Path) -> None:
    text = GOOD + "[limits]\naccuracy = { min = 0.9 }\nlut = { max = 1e3 }\n"
    limits = load_project(write(tmp_path, text)).limits
    assert limits == {"accuracy": Range(min=0.9), "lut": Range(max=1000.0)}


def change(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_limits_may_be_set_on_exactly_the_numbers_of_a_report(tmp_path: Path) -> None:
    write_folder(tmp_path)
    assert tuple(measure(collect(tmp_path)).numbers) == NUMBERS


MISTAKES = {
    "unknown key": (
        'colour = "red"' + GOOD,
        f"unknown key colour; allowed here: {KEYS}",
    ),
    "folder": (
        'folder = "/data"' + GOOD,
        f"unknown key folder; allowed here: {KEYS}",
    ),
    "unknown key in a table": (
        GOOD + "[hardware]\nclock = 3\n",
        "unknown key hardware.clock; allowed here: clock_mhz, frames_per_s",
    ),
    "unknown table": (
        GOOD + "[hard]\nx = 1\n",
        f"unknown key hard; allowed here: {KEYS}",
    ),
    "unknown key of a limit": (
        GOOD + "[limits]\nlut = { maximum = 3 }\n",
        "unknown key limits.lut.maximum; allowed here: see docs/reference.md",
    ),
    "limit on an unknown number": (
        GOOD + "[limits]\nluts = { max = 3.0 }\nlut = { max = 3.0 }\n",
        "limits is {'luts': {'max': 3.0}, 'lut': {'max': 3.0}}: unknown number 'luts'; limits"
        f" may be set on {', '.join(NUMBERS)}",
    ),
    "missing": (change('name = "net"', ""), "name is missing"),
    "missing table": (change('[data]\nsource = "digits"', ""), "data is missing"),
    "missing in a table": (change("layers = [20]", ""), "model.layers is missing"),
    "type": (
        change("[20]", '["20"]'),
        "model.layers.0 is '20': should be a valid integer",
    ),
    "integer for text": (change('"net"', "3"), "name is 3: should be a valid string"),
    "float for integer": (
        GOOD + "[train]\nepochs = 2.5\n",
        "train.epochs is 2.5: should be a valid integer",
    ),
    "range": (
        change("[20]", "[0]"),
        "model.layers.0 is 0: should be greater than or equal to 1",
    ),
    "no layer": (
        change("[20]", "[]"),
        "model.layers is []: Tuple should have at least 1 item after validation, not 0",
    ),
    "name": (
        change('"net"', '"Net-1"'),
        "name is 'Net-1': String should match pattern '^[a-z][a-z0-9_]*$'",
    ),
    "name of the library": (
        change('"net"', '"hlsgen"'),
        "name is 'hlsgen': hlsgen and hlsgen_* are taken by hlsgen's own modules",
    ),
    "name with its prefix": (
        change('"net"', '"hlsgen_uart"'),
        "name is 'hlsgen_uart': hlsgen and hlsgen_* are taken by hlsgen's own modules",
    ),
    "seed": ("seed = -1" + GOOD, "seed is -1: should be greater than or equal to 0"),
    "fan-in": (
        change("[20]", "[20]\nfan_in = 7"),
        "model.fan_in is 7: should be less than or equal to 6",
    ),
    "choice": (
        change("[20]", '[20]\nwiring = "fixed"'),
        "model.wiring is 'fixed': should be 'random' or 'learned'",
    ),
    "share": (
        change('"digits"', '"digits"\ntest = 1.0'),
        "data.test is 1.0: should be less than 1",
    ),
    "source": (
        change('"digits"', '"mnist"'),
        r"data.source is 'mnist': String should match pattern '^(digits|openml:\S+|npz:.+)$'",
    ),
    "not finite": (
        GOOD + "[hardware]\nclock_mhz = nan\n",
        "hardware.clock_mhz is nan: should be a finite number",
    ),
    "clock": (
        GOOD + "[hardware]\nclock_mhz = 0\n",
        "hardware.clock_mhz is 0: should be greater than 0",
    ),
    "thresholds": (
        GOOD + "[inputs]\nbits = 2\nthresholds = 4\n",
        "inputs is {'bits': 2, 'thresholds': 4}: thresholds must be at most 3 for words of 2 bits",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_named_with_file_key_value_and_rule(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refused(write(tmp_path, text)) == [f"DIR/project.toml: {message}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = change("[20]", "[20]\nfan_in = 1\nlayer = 2") + "[train]\nepochs = 0\n"
    lines = refused(write(tmp_path, text))
    assert len(lines) == 3
    assert [re.search(r"(model|train)\.\w+", line)[0] for line in lines] == [  # type: ignore[index]
        "model.fan_in", "model.layer", "train.epochs",
    ]  # fmt: skip


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (line,) = refused(write(tmp_path, "name = net\n"))
    assert line.startswith("DIR/project.toml: not valid TOML: Invalid value (at line 1")
    (tmp_path / "project.toml").write_bytes(b'name = "\xff"\n')
    (line,) = refused(tmp_path)
    assert line.startswith("DIR/project.toml: not valid TOML: 'utf-8' codec can't decode byte 0xff")


def test_a_folder_without_project_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == ["DIR: no project here (looked for DIR/project.toml)"]
    assert refused(tmp_path / "no") == ["DIR: no project here (looked for DIR)"]
