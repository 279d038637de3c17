"""Gowin: nextpnr-himbaechel and gowin_pack, with the databases of Project Apicula."""

from __future__ import annotations

from hlsgen.boards import Board, Gowin
from hlsgen.build.design import Design, Family, Generator
from hlsgen.clocks import setting_for
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.plan import Step


def _options(board: Board) -> Gowin:
    if board.gowin is None:
        raise ConfigError(f"board {board.name}: [gowin] is missing")
    return board.gowin


def _synth(board: Board) -> str:
    """Pads come later: here each module that stays one would get them."""
    return f"synth_gowin -family {_options(board).family[:4].lower()} -noiopads -nodsp"


def _generator(design: Design) -> Generator:
    file = f"synth/{design.name}_pll.v"
    setting = setting_for(design.board, design.clock_mhz)
    text = render(
        "nextpnr/pll_gowin.v.j2",
        name=design.name,
        source_mhz=design.board.clock.source_mhz,
        clock_mhz=design.clock_mhz,
        # The name of the chip in its package: GW1NR-LV9QN88PC6/I5 is a GW1NR-9C.
        device=_options(design.board).device.partition("-")[0] + _options(design.board).family[4:],
        dividers=setting.dividers,
    )
    return Generator(file, {file: text})


def _steps(design: Design) -> tuple[Step, ...]:
    options, product = _options(design.board), design.product
    made = (design.routed, "route/report.json")
    args = (
        *("--device", options.device, "--vopt", f"family={options.family}"),
        *("--vopt", "cst=route/pins.cst"),
        *("--freq", f"{design.clock_mhz:g}", "--seed", str(design.seed)),
        *("--json", design.netlist, "--write", made[0], "--report", made[1]),
    )
    pins = tuple(f"--{name}_as_gpio" for name in options.pins_as_io)
    pack = ("-d", options.family, *pins, "-o", product, design.routed)
    return (
        Step("nextpnr-himbaechel", args, made, (design.netlist,), log="route"),
        Step("gowin_pack", pack, (product,), (design.routed,), "pack"),
    )


GOWIN = Family(
    tools=("nextpnr-himbaechel", "gowin_pack"),
    router="nextpnr-himbaechel",
    macro="HLSGEN_GOWIN",
    synth=_synth,
    constraints="pins.cst",
    generator=_generator,
    steps=_steps,
    # nextpnr-himbaechel 0.11 sees no paths through LUT1 to LUT3, nor through the LUT that it puts
    # between a multiplexer and a flip-flop: its Fmax would be far too good.
    extra=("gowin_map.v",),
    finish=(
        "iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O {top}",
        "techmap -max_iter 1 -map synth/gowin_map.v t:LUT1 t:LUT2 t:LUT3",
        "techmap -max_iter 1 -map synth/gowin_map.v t:DFF* %ci1:+[D]"
        " %ci1:+MUX2_LUT5,MUX2_LUT6,MUX2_LUT7,MUX2_LUT8[O] t:MUX2_LUT* %i",
        "clean",
    ),
)
