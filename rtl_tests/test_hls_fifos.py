"""FIFOs of the emitted C++ are deep enough: its processes as threads, its streams with an end.

Whether processes that block on streams get stuck depends on the places of the streams alone, not on
clocks, as long as pipelines empty themselves (`style = frp`). So what runs through here does not
get stuck in hardware.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hlsgen.emit import emit
from hlsgen.graph import Graph
from hlsgen.paths import data_dir
from hlsgen.tools.csim import headers
from rtl_tests.designs import ECP5
from rtl_tests.engines import convolutional, residual

pytestmark = pytest.mark.verilator

# A stream that blocks: readers while it is empty, writers while it is full. Nobody waits for long.
STREAM = """
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace hls {
template <class T> class stream {
    std::deque<T> data;
    size_t places = size_t(1) << 40;
    std::mutex mutex;
    std::condition_variable changed;

    template <class Ready> void wait(std::unique_lock<std::mutex> &lock, Ready ready) {
        if (!changed.wait_for(lock, std::chrono::seconds(4), ready)) std::_Exit(3);
    }

  public:
    stream() {}
    stream(const char *) {}
    void bound(size_t depth) { places = depth; }
    T read() {
        std::unique_lock<std::mutex> lock(mutex);
        wait(lock, [&] { return !data.empty(); });
        T value = data.front();
        data.pop_front();
        changed.notify_all();
        return value;
    }
    void write(const T &value) {
        std::unique_lock<std::mutex> lock(mutex);
        wait(lock, [&] { return data.size() < places; });
        data.push_back(value);
        changed.notify_all();
    }
};
}  // namespace hls
"""
STUCK = 3


def as_threads(text: str) -> str:
    """Processes of each region of data flow at once, and its streams with their places."""
    bound = r"    for (auto *s = \1; s != \1 + sizeof \1 / sizeof *\1; ++s) s->bound(\2);"
    text = re.sub(r"#pragma HLS STREAM variable = (fate) depth = (\d+)", r"    \1.bound(\2);", text)
    text = re.sub(r"#pragma HLS STREAM variable = (\w+) depth = (\d+)", bound, text)
    text = text.replace("#pragma HLS DATAFLOW", "    std::vector<std::thread> started;")
    call = r"^    ((?:net_inside::\w+|net_core)\(.*\);)$"
    text = re.sub(call, r"    started.emplace_back([&] { \1 });", text, flags=re.MULTILINE)
    last = r"^(    started\.emplace_back.*)\n\}"
    joined = r"\1\n    for (auto &t : started) t.join();\n}"
    ends = re.sub(last, joined, text, flags=re.MULTILINE)
    assert ends.count("t.join()") == text.count("> started;") == 1
    return ends


def run(folder: Path, graph: Graph, change: Callable[[str], str] = str) -> int:
    """Exit code of the bench on the design with threads; `change` edits the core first."""
    emit(graph, 32, ECP5, "hls").write(folder)
    hls = folder / "hls"
    core = hls / "net_core.h"
    core.write_text(change(core.read_text()))
    for path in (core, hls / "net_kernel.cpp"):
        path.write_text(as_threads(path.read_text()))
    (hls / "hls_stream.h").write_text(STREAM)
    stand_in = data_dir("templates") / "hls" / "sim"
    flags = ["-std=c++14", "-O1", "-w", "-pthread", "-I.", f"-I{stand_in}"]
    files = ["-isystem", str(headers()), "net_tb.cpp", "net_kernel.cpp", "-o", "bench"]
    subprocess.run(["g++", *flags, *files], cwd=hls, check=True)
    return subprocess.run(["./bench"], cwd=hls, check=False, capture_output=True).returncode


def test_a_residual_branch_does_not_get_stuck(tmp_path: Path) -> None:
    assert run(tmp_path, residual()) == 0


def test_a_branch_with_too_few_places_does(tmp_path: Path) -> None:
    """The branch holds what comes while the window on the other way fills."""

    def shallow(text: str) -> str:
        changed = re.sub(r"(variable = q_merge5_1 depth = )\d+", r"\g<1>2", text)
        assert changed != text
        return changed

    assert run(tmp_path, residual(), shallow) == STUCK


def test_engines_and_pools_do_not_get_stuck(tmp_path: Path) -> None:
    assert run(tmp_path, convolutional()) == 0
