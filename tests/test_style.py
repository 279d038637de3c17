"""Rules of the code base that no linter checks: size, layers, light imports, forbidden calls."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hlsgen
from hlsgen.boards import board_names, load_board
from hlsgen.project import load_project
from hlsgen.train.methods import METHODS

PACKAGE = Path(hlsgen.__file__).parent
ROOT = PACKAGE.parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
FILE_LINES, FUNCTION_LINES = 400, 50

# What each part may import of the others; the packages' own modules always.
BASE = {"errors", "paths", "schema", "project"}
MIDDLE = BASE | {"graph", "sat", "passes", "samples", "plan", "emit", "boards", "clocks", "tools"}
COMMANDS = {"netlist", "proof", "verify", "mutate", "build", "report", "ledger", "train", "flow",
            "screen"}  # fmt: skip
ALLOWED = {
    "errors": set(),
    "paths": {"errors"},
    "schema": {"errors", "paths"},
    "project": {"errors", "paths", "schema"},
    "graph": BASE,
    "sat": BASE | {"graph"},
    "passes": BASE | {"graph", "sat"},
    "samples": BASE | {"graph"},
    "optimise": BASE | {"graph", "passes", "samples"},
    "budget": BASE | {"graph", "passes", "nn", "frontend"},
    "plan": BASE | {"graph"},
    "emit": BASE | {"graph", "passes", "plan"},
    "boards": BASE | {"graph", "passes", "plan"},
    "clocks": BASE | {"graph", "passes", "plan", "boards"},
    "tools": MIDDLE - {"tools"},
    "netlist": BASE | {"graph"},
    "proof": MIDDLE | {"netlist"},
    "verify": MIDDLE | {"netlist", "proof"},
    "mutate": MIDDLE | {"netlist", "proof", "verify"},
    "runtime": MIDDLE,
    "build": MIDDLE | {"runtime"},
    "report": MIDDLE | {"verify"},
    "ledger": MIDDLE,
    "nn": BASE | {"graph"},
    "train": BASE | {"graph", "nn"},
    "frontend": BASE | {"graph", "nn", "train"},
    "job": MIDDLE | {"ledger", "report", "train"},
    "flow": MIDDLE
    | {
        "job",
        "netlist",
        "proof",
        "verify",
        "mutate",
        "build",
        "report",
        "ledger",
        "optimise",
        "budget",
        "nn",
        "train",
        "frontend",
    },
    "screen": MIDDLE
    | {"netlist", "proof", "verify", "mutate", "build", "report", "ledger", "train", "flow"},
    "options": MIDDLE | COMMANDS,
    "checks": MIDDLE | COMMANDS | {"options"},
    "folding": MIDDLE | COMMANDS | {"options", "frontend"},
    "selftest": MIDDLE | COMMANDS | {"options", "runtime"},
    "programming": MIDDLE | COMMANDS | {"options"},
    "cli": MIDDLE | COMMANDS | {"options", "checks", "folding", "selftest", "programming"},
    "__main__": {"cli"},
    "__init__": set(),
}
PRINTING = {
    "cli.py",
    "tools/abc_module.py",
    "tools/hls_module.py",
    "tools/reroute.py",
    "tools/room.py",
    "tools/verilator_module.py",
    "tools/yosys_module.py",
}
# They run inside the simulator, under cocotb.
BENCHES = {"verify/benches.py", "verify/replay_bench.py"}


def part(name: str) -> str:
    """The first level below hlsgen: graph/ops/lut.py belongs to graph."""
    return name.split("/", maxsplit=1)[0].removesuffix(".py")


def imports(tree: ast.Module) -> Iterator[str]:
    """Full names of the modules imported, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(name: str) -> list[str]:
    """Dotted names of everything called in a file."""
    return [ast.unparse(n.func) for n in ast.walk(TREES[name]) if isinstance(n, ast.Call)]


def everywhere(names: set[str] | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", sorted(names or SOURCES))


def test_the_package_is_found() -> None:
    assert len(SOURCES) > 50
    assert {part(name) for name in SOURCES} == set(ALLOWED)


@everywhere()
def test_size(name: str) -> None:
    assert len(SOURCES[name].read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < FUNCTION_LINES, node.name


TESTS = [*(ROOT / "tests").glob("*.py"), *(ROOT / "rtl_tests").rglob("*.py")]


@pytest.mark.parametrize("path", sorted(TESTS), ids=lambda p: p.name)
def test_size_of_tests(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@everywhere()
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(TREES[name])


@everywhere()
def test_imports_go_one_way(name: str) -> None:
    for module in imports(TREES[name]):
        first, *rest = module.split(".")
        if first == "hlsgen" and rest and rest[0] != "__version__" and rest[0] != part(name):
            assert rest[0] in ALLOWED[part(name)], module


@everywhere({name for name in SOURCES if part(name) == "runtime"} - {"runtime/simulation.py"})
def test_what_is_copied_to_boards_stands_alone(name: str) -> None:
    near = [n for n in ast.walk(TREES[name]) if isinstance(n, ast.ImportFrom) and n.level]
    assert {node.level for node in near} <= {1}
    far = {module.split(".")[0] for module in imports(TREES[name])}
    far -= {str(node.module).split(".")[0] for node in near}
    # Drivers are looked for when a board is opened.
    assert far <= {"numpy", *sys.stdlib_module_names}
    # Boards have older Pythons.
    ast.parse(SOURCES[name].read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_layers_have_no_cycle() -> None:
    done: set[str] = set()
    while later := [name for name in ALLOWED if name not in done]:
        ready = [name for name in later if ALLOWED[name] <= done]
        assert ready, later
        done.update(ready)


@everywhere()
def test_torch_and_cocotb_stay_in_their_place(name: str) -> None:
    found = {module.split(".")[0] for module in imports(TREES[name])}
    if part(name) not in ("nn", "train", "frontend"):
        # flow and cli name torch's version and train's types, inside functions only.
        top = {m.split(".")[0] for m in imports(ast.Module(_outermost(TREES[name]), []))}
        assert not {"torch", "lightning_fabric", "sklearn"} & top
    if name not in BENCHES:
        assert "cocotb" not in found


def _outermost(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("module", ["hlsgen", "hlsgen.cli", "hlsgen.flow", "hlsgen.verify"])
def test_imports_are_light(module: str) -> None:
    heavy = ("torch", "cocotb", "matplotlib", "sklearn", "lightning_fabric", "pyosys")
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.strip() == "[]"


@everywhere()
def test_forbidden_calls(name: str) -> None:
    forbidden = {"os.chdir", "os.system", "os.popen", "eval", "exec", "breakpoint"}
    if name not in PRINTING:
        forbidden |= {"print", "sys.exit", "exit", "quit"}
    if name != "train/devices.py":  # whose child processes end themselves
        forbidden.add("os._exit")
    assert not forbidden & set(calls(name))


@everywhere()
def test_the_environment_is_read_in_tools_and_cli_only(name: str) -> None:
    if part(name) in ("tools", "cli") or name in BENCHES:
        return
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("os.environ", "os.environb", "os.getenv", "os.putenv")


@everywhere()
def test_no_shell_no_broad_except_no_assert(name: str) -> None:
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert ast.unparse(node.value) == "False"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "bare except"
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            assert not {ast.unparse(kind) for kind in caught} & {"Exception", "BaseException"}
        if isinstance(node, ast.Assert) and name not in BENCHES:
            # Only to tell the type checker what construction guarantees.
            assert ast.unparse(node.test).startswith("isinstance("), node.lineno


@everywhere()
def test_nothing_is_left_to_do(name: str) -> None:
    text = SOURCES[name].read_text(encoding="utf-8")
    for word in ("TODO", "FIXME", "XXX", "HACK"):
        assert word not in text


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "misc", "common"])
def test_files_are_named_after_what_they_hold(word: str) -> None:
    assert not [name for name in SOURCES if word in name]


# --- data files -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", board_names())
def test_every_board_loads(name: str) -> None:
    assert load_board(name).name == name


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/project.toml")), ids=str)
def test_every_example_loads(path: Path) -> None:
    project = load_project(path)
    assert project.name == path.parent.name
    assert project.model.method in METHODS
