"""Boards and plans that the tests of Vivado's flow share."""

from __future__ import annotations

from hlsgen.boards import Board, load_board
from hlsgen.build import vivado
from hlsgen.emit import emit
from hlsgen.graph import Graph
from hlsgen.passes import opt
from hlsgen.plan import Plan

HLS = {
    "hls/small_kernel.cpp": "void small_kernel() {}\n",
    "hls/small_tb.cpp": "int main() {}\n",
    "hls/small.h": "\n",
}


def arty() -> Board:
    """A 7-series board with a UART and lamps, one of which lights up when low."""
    bare = load_board("u280_bare")
    return Board.model_validate(
        bare.model_dump()
        | {
            "name": "seven", "title": "a 7-series board", "part": "xc7a100tcsg324-1",
            "fabric": "xc7", "vivado": {"io_type": "LVCMOS33"}, "io_types": {}, "constants": {},
            "pins": {"clk": "E3", "uart_rxd": "A9", "uart_txd": "D10", "led0": "H5", "led1": "J5"},
            "leds_active_low": True,
        }
    )  # fmt: skip


def board(name: str) -> Board:
    return arty() if name == "seven" else load_board(name)


def made(small: Graph, name: str, clock_mhz: float = 125.0, language: str = "verilog") -> Plan:
    """Sources and plan of a small network."""
    target = board(name)
    graph = opt(small, target.logic, 100.0)
    sources = Plan(HLS) if language == "hls" else emit(graph, target.shell.width_bits, target.logic)
    return sources | vivado.plan(graph, target, sources, clock_mhz)
