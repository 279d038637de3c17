"""ECP5: nextpnr-ecp5, ecppll and ecppack, with the databases of Project Trellis."""

from __future__ import annotations

import re

from hlsgen.build.design import Design, Family, Generator
from hlsgen.errors import ConfigError
from hlsgen.plan import Step

# The netlist with every cell in its place.
_PLACED = "route/placed.json"
_CLOCK_ERROR = 0.001


def _generator(design: Design) -> Generator:
    """The clock generator's module, computed by ecppll."""
    made = f"synth/{design.name}_pll.v"
    args = (
        *("--clkin", f"{design.board.clock.source_mhz:g}", "--clkin_name", "clkin"),
        *("--clkout0", f"{design.clock_mhz:g}", "--clkout0_name", "clkout"),
        *("--module", f"{design.name}_pll", "--file", made),
    )
    return Generator(made, steps=(Step("ecppll", args, (made,), log="pll"),))


def check_clock(step: Step, output: str) -> None:
    """Refuse what ecppll made if it is another clock: it takes the nearest that it can make.

    The bit time of the UART and the latency in ns are those of the frequency asked for.

    Raises:
        ConfigError: it is more than a thousandth off.
    """
    asked = float(step.args[step.args.index("--clkout0") + 1])
    match = re.search(r"clkout0 frequency: ([\d.]+)", output)
    made = float(match.group(1)) if match else 0.0
    if abs(made - asked) > _CLOCK_ERROR * asked:
        raise ConfigError(
            f"hardware.clock_mhz is {asked:g}: the board's clock generator makes {made:g} MHz"
            f" at the nearest, and {100 * _CLOCK_ERROR:g} % off is allowed: ask for {made:g}"
        )


def _steps(design: Design) -> tuple[Step, ...]:
    options = design.board.ecp5
    if options is None:
        raise ConfigError(f"board {design.board.name}: [ecp5] is missing")
    config = f"route/{design.top}.config"
    common = (
        *(f"--{options.device}", "--package", options.package, "--speed", str(options.speed)),
        *("--lpf", "route/pins.lpf", "--freq", f"{design.clock_mhz:g}"),
        *("--seed", str(design.seed)),
    )
    placing: tuple[Step, ...] = ()
    reads: tuple[str, ...] = (design.netlist,)
    read: tuple[str, ...] = ("--json", design.netlist)
    if design.roomy:
        placing, reads = _placing(design.netlist, common), (design.netlist, _PLACED)
        read = ("--json", _PLACED, "--no-pack", "--no-place")
    made = (config, design.routed, "route/report.json")
    write = ("--textcfg", made[0], "--write", made[1], "--report", made[2])
    pack = (config, design.product, "--compress")
    return (
        *placing,
        Step("nextpnr-ecp5", (*common, *read, *write), made, reads, log="route"),
        Step("ecppack", pack, (design.product,), (config,), "pack"),
    )


def _placing(netlist: str, common: tuple[str, ...]) -> tuple[Step, ...]:
    """Steps that make `_PLACED`, with room for registers."""
    room, loose = "route/room.json", "route/loose.json"
    place = (*common, "--json", room, "--no-route", "--write", loose)
    return (
        Step("room", ("make", netlist, room), (room,), (netlist,), "room"),
        Step("nextpnr-ecp5", place, (loose,), (room,), "place"),
        Step("room", ("take", loose, _PLACED), (_PLACED,), (loose,), "tighten"),
    )


ECP5 = Family(
    tools=("room", "nextpnr-ecp5", "ecppack", "ecppll"),
    router="nextpnr-ecp5",
    macro="HLSGEN_ECP5",
    synth=lambda board: "synth_ecp5 -abc9",
    constraints="pins.lpf",
    generator=_generator,
    steps=_steps,
)
