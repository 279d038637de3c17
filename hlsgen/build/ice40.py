"""iCE40: nextpnr-ice40 and icepack, with the databases of Project IceStorm."""

from __future__ import annotations

from hlsgen.boards import Board, Ice40
from hlsgen.build.design import Design, Family, Generator
from hlsgen.clocks import setting_for
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.plan import Step


def _options(board: Board) -> Ice40:
    if board.ice40 is None:
        raise ConfigError(f"board {board.name}: [ice40] is missing")
    return board.ice40


def _synth(board: Board) -> str:
    """`-device` tells abc9 the delays: hx, lp or u, as the device's name begins."""
    device = _options(board).device
    return f"synth_ice40 -device {'u' if device.startswith('u') else device[:2]}"


def _generator(design: Design) -> Generator:
    file = f"synth/{design.name}_pll.v"
    setting = setting_for(design.board, design.clock_mhz)
    bits = {"DIVR": 4, "DIVF": 7, "DIVQ": 3, "FILTER_RANGE": 3}
    text = render(
        "nextpnr/pll_ice40.v.j2",
        name=design.name,
        source_mhz=design.board.clock.source_mhz,
        clock_mhz=design.clock_mhz,
        pad=_options(design.board).pll == "pad",
        dividers=[
            (name, bits[name], f"{value:0{bits[name]}b}") for name, value in setting.dividers
        ],
    )
    return Generator(file, {file: text})


def _steps(design: Design) -> tuple[Step, ...]:
    options = _options(design.board)
    config = f"route/{design.top}.asc"
    made = (config, design.routed, "route/report.json")
    args = (
        *(f"--{options.device}", "--package", options.package, "--pcf", "route/pins.pcf"),
        # See `hlsgen.tools.reroute`; the default, router1, does not tell that it will not end.
        *("--router", "router2"),
        *("--freq", f"{design.clock_mhz:g}", "--seed", str(design.seed)),
        *("--json", design.netlist),
        *("--asc", made[0], "--write", made[1], "--report", made[2]),
    )
    product = design.product
    return (
        Step("nextpnr-ice40", args, made, (design.netlist,), log="route"),
        Step("icepack", (config, product), (product,), (config,), "pack"),
    )


ICE40 = Family(
    tools=("nextpnr-ice40", "icepack"),
    router="nextpnr-ice40",
    macro="HLSGEN_ICE40",
    synth=_synth,
    constraints="pins.pcf",
    generator=_generator,
    steps=_steps,
)
