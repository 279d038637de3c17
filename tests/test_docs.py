"""What README and docs/ name exists, and what they show is accepted."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from hlsgen.boards import Board
from hlsgen.cli import app
from hlsgen.project import Project, load_project
from hlsgen.schema import load_toml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In code: indented or fenced lines, and spans between backticks.
CODE = re.compile(r"^    [^\n]*|^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _code(page):
    return "\n".join(CODE.findall(page.read_text(encoding="utf-8")))


def test_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == generate.reference(), "run: python docs/generate.py"


@pages
def test_commands_exist(page):
    known = set(typer.main.get_command(app).commands)
    named = set(re.findall(r"\bhlsgen ([a-z]+)\b", _code(page)))
    assert named <= known


@pages
def test_make_targets_exist(page):
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) *\?=", text, re.MULTILINE))
    calls = re.findall(r"^[ `]*make ((?:[a-z]+\b|[A-Z]+=\S+| )+)", _code(page), re.MULTILINE)
    words = " ".join(calls).split()
    assert {word for word in words if "=" not in word} <= targets
    assert {word.partition("=")[0] for word in words if "=" in word} <= variables


@pages
def test_links_resolve(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pages
def test_toml_is_accepted(page, tmp_path):
    """A block that begins with a comment `# project.toml` or `# boards/...` claims to be whole."""
    for number, block in enumerate(TOML.findall(page.read_text(encoding="utf-8"))):
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        first = block.partition("\n")[0]
        if first.startswith("# boards/"):
            assert load_toml(file, Board).name == Path(first.removeprefix("# ")).stem
        elif first.startswith("# project.toml"):
            load_toml(file, Project)
        else:
            tomllib.loads(block)


def test_the_pages_are_found():
    """The tests above look at something: commands, targets, a project and a board."""
    code = "\n".join(_code(page) for page in PAGES)
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert "hlsgen verify" in code and "make bitstream" in code
    assert "```toml\n# project.toml" in text and "```toml\n# boards/" in text


@pytest.mark.parametrize("example", sorted((ROOT / "examples").iterdir()), ids=lambda e: e.name)
def test_examples_are_projects(example):
    assert load_project(example).name == example.name


@pytest.mark.parametrize(
    ("model", "project"),
    [
        ("digits", "examples/digits"),
        ("mnist", "examples/mnist"),
        ("./digits", "./digits"),
        ("a/net", "a/net"),
        ("digits/", "digits/"),
        ("net.toml", "net.toml"),
    ],
)
def test_a_models_name_is_an_example_and_a_path_a_project(tmp_path, model, project):
    """A folder ./digits must not stand in for the example digits."""
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "project.toml").touch()
    (tmp_path / "net.toml").touch()
    shown = subprocess.run(
        ["make", "-n", "-f", ROOT / "Makefile", "-o", ".venv/ready", "train", f"MODEL={model}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f".venv/bin/hlsgen train {project} --board ulx3s" in shown


def test_the_size_of_the_environment_is_the_same_everywhere():
    sizes = {
        re.search(r"([\d.]+ GB)(?:, once| in `.venv`)", (ROOT / name).read_text())[1]
        for name in ("Makefile", "README.md")
    }
    assert len(sizes) == 1
