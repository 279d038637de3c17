"""The shells around streaming cores, by the same benches as those around flat ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hlsgen.emit import framing, places
from hlsgen.graph import Graph
from hlsgen.passes import opt
from rtl_tests.designs import ECP5, streaming_network
from rtl_tests.test_shell import bench, compile_shell, write_traffic

pytestmark = pytest.mark.verilator


def network(bits: int, channels: int, classes: int = 3) -> Graph:
    """Images of 4 x 3 pixels."""
    maps = ((2, 2), (1, 1), 5)
    graph = streaming_network(9, (4, 3), maps, bits=bits, channels=channels, classes=classes)
    return opt(graph, ECP5, 200.0)


# Bits of a word, words of a pixel: a slot's bits, bytes of a frame.
PIXELS = {(4, 2): (8, 12), (3, 1): (4, 6), (3, 3): (16, 24)}


@pytest.mark.parametrize("pixel", PIXELS, ids=str)
def test_axi_stream(pixel: tuple[int, int], tmp_path: Path) -> None:
    """Pixels of a byte, of half a one, and of more than one; answers of a byte, or of two."""
    graph = network(*pixel, classes=0 if pixel == (3, 3) else 3)
    frame = framing(graph, 8)
    assert (frame.slot, frame.in_beats) == PIXELS[pixel]
    # The next frame enters while the one before is inside.
    assert places(graph) > 2
    program = compile_shell(tmp_path, graph, "axis")
    traffic = write_traffic(tmp_path, graph)
    assert bench(program, "net_axis", "axis", tmp_path, HLSGEN_TRAFFIC=str(traffic)) == []


def test_uart(tmp_path: Path) -> None:
    """Silence in mid-frame, noise, resets."""
    graph = network(3, 1)
    program = compile_shell(tmp_path, graph, "uart")
    traffic = write_traffic(tmp_path, graph)
    assert bench(program, "net_uart", "uart", tmp_path, HLSGEN_TRAFFIC=str(traffic)) == []


# File, pattern, its replacement, the tests that must fail, among others.
FAULTS = {
    "answers of bad frames leave": (
        "hlsgen_frames",
        r"& ~drop;",
        ";",
        {"early_tlast"},
    ),
    "a cut frame is not filled": (
        "hlsgen_frames",
        r"filling \| last\)",
        "filling)",
        {"early_tlast"},
    ),
    "each beat takes a place": (
        "net_stage",
        r"take\(enter & first\)",
        "take(enter)",
        {"back_to_back"},
    ),
    "no credit": (
        "net_stage",
        r"assign frame_ready = free \| ~first;",
        "assign frame_ready = 1'b1;",
        {"full_back_pressure"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, old, new, failing = FAULTS[name]
    graph = network(4, 2)

    def faulty(files: list[str], *args: object, **options: object) -> Path:
        path = tmp_path / "rtl" / f"{file}.v"
        text, count = re.subn(old, new, path.read_text(), count=1)
        assert count == 1
        path.write_text(text)
        return original(files, *args, **options)  # type: ignore[arg-type]

    from rtl_tests import test_shell

    original = test_shell.build
    monkeypatch.setattr(test_shell, "build", faulty)
    program = compile_shell(tmp_path, graph, "axis")
    traffic = write_traffic(tmp_path, graph)
    failed = bench(program, "net_axis", "axis", tmp_path, HLSGEN_TRAFFIC=str(traffic))
    assert failing <= {line.split(":")[0] for line in failed}
