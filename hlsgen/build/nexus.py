"""Nexus: nextpnr-nexus and prjoxide, with the databases of Project Oxide."""

from __future__ import annotations

from hlsgen.build.design import Design, Family, Generator
from hlsgen.clocks import out_of_range
from hlsgen.errors import ConfigError
from hlsgen.plan import Step


def _generator(design: Design) -> Generator:
    """There is none: the open tools know the PLL's place, not the analogue settings it needs."""
    raise out_of_range(design.board, design.clock_mhz)


def _steps(design: Design) -> tuple[Step, ...]:
    options = design.board.nexus
    if options is None:
        raise ConfigError(f"board {design.board.name}: [nexus] is missing")
    fasm, product = f"route/{design.top}.fasm", design.product
    made = (fasm, design.routed, "route/report.json")
    args = (
        *("--device", options.device, "--pdc", "route/pins.pdc"),
        # The default, router2, finds no way for the clock in designs of some hundred cells.
        *("--router", "router1"),
        *("--freq", f"{design.clock_mhz:g}", "--seed", str(design.seed)),
        *("--json", design.netlist),
        *("--fasm", made[0], "--write", made[1], "--report", made[2]),
    )
    return (
        Step("nextpnr-nexus", args, made, (design.netlist,), log="route"),
        Step("prjoxide", ("pack", fasm, product), (product,), (fasm,), "pack"),
    )


NEXUS = Family(
    tools=("nextpnr-nexus", "prjoxide"),
    router="nextpnr-nexus",
    macro="HLSGEN_NEXUS",
    synth=lambda board: "synth_nexus -nodsp",
    constraints="pins.pdc",
    generator=_generator,
    steps=_steps,
    # Yosys 0.70 ties the first carry of each chain to a cell for 0, which nextpnr 0.11 refuses.
    finish=(
        "techmap -max_iter 1 -map synth/nexus_map.v t:VLO",
        "techmap -max_iter 1 -map synth/nexus_map.v t:CCU2",
        "hilomap -singleton -hicell VHI Z -locell VLO Z",
        "clean",
    ),
    extra=("nexus_map.v",),
)
