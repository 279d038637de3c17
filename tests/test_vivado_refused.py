"""Boards, clocks and languages that Vivado's flow cannot take."""

from __future__ import annotations

import pytest
from vivado_cases import board, made

from hlsgen.boards import Board, Clock
from hlsgen.build import vivado
from hlsgen.emit import emit
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph
from hlsgen.passes import opt


def changed(name: str, **changes: object) -> Board:
    return board(name).model_copy(update=changes)


def without(name: str, pin: str) -> Board:
    pins = {port: site for port, site in board(name).pins.items() if port != pin}
    return changed(name, pins=pins)


REFUSED = {
    "no table": (changed("seven", vivado=None), 100.0, "seven: flow vivado needs a table [vivado]"),
    "no pin": (without("seven", "uart_txd"), 100.0, "board seven: [pins] lacks uart_txd"),
    "one clock pin": (without("u280_bare", "clk_n"), 100.0, "u280_bare: [pins] lacks clk_n"),
    "unknown pin": (
        changed("seven", pins=board("seven").pins | {"button": "D9"}), 100.0,
        "unknown pin button in [pins]; allowed: clk, uart_rxd, uart_txd, led0 to led7",
    ),
    "too fast": (board("zcu104"), 400.0, "hardware.clock_mhz is 400, board zcu104 allows at"),
    "too slow for the MMCM": (
        board("seven"), 3.6864,
        "hardware.clock_mhz is 3.6864: MMCME2_BASE takes 4.69 to 800 MHz there",
    ),
    "no such clock": (
        changed("u280_bare", clock=Clock(source_mhz=10.0, max_mhz=700.0)), 650.0,
        "MMCME4_BASE makes 640 MHz at the nearest of 10 MHz, and 0.1 % off is allowed: ask for 640",
    ),
    "open fabric": (changed("seven", fabric="ecp5"), 100.0, "fabric is 'ecp5', Vivado takes xcup"),
    "io type": (
        changed("seven", vivado=board("seven").vivado.model_copy(update={"io_type": "SSTL15"})),
        100.0, "vivado.io_type is 'SSTL15': LVCMOS33",
    ),
    "no device": (changed("seven", part="LFE5U-85F"), 100.0, "part 'LFE5U-85F' is no AMD device"),
    "axis without processor": (
        changed("zcu104", vivado=board("seven").vivado), 100.0, "the shell must be a uart",
    ),
    "uart with processor": (
        changed("zcu104", shell=board("seven").shell), 100.0,
        "vivado.processor 'zynqmp' needs a shell of kind 'axis', not 'uart'",
    ),
    "wrong fabric": (
        changed("zcu104", fabric="xc7"), 100.0, "fabric is 'xc7', but zynqmp devices are 'xcup'",
    ),
    "too wide": (
        changed("pynq_z2", shell=board("zcu104").shell), 100.0,
        "shell.width_bits is 128: the DMA of zynq7 takes 32, 64 or 128, at most 64",
    ),
    "no presets": (
        changed("pynq_z2", vivado=board("pynq_z2").vivado.model_copy(update={"board_part": ""})),
        100.0, "vivado.board_part is empty: presets need it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_board_that_cannot_be_built_is_refused(small: Graph, case: str) -> None:
    target, clock_mhz, message = REFUSED[case]
    graph = opt(small, board("zcu104").logic, 100.0)
    sources = emit(graph, target.shell.width_bits, board("zcu104").logic)
    with pytest.raises(ConfigError) as caught:
        vivado.plan(graph, target, sources, clock_mhz)
    assert message in str(caught.value)


def test_a_uart_shell_is_verilog(small: Graph) -> None:
    with pytest.raises(ConfigError, match="--hdl hls is for boards with an AXI-Stream shell"):
        made(small, "u280_bare", 100.0, "hls")
