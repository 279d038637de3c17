"""Which driver a build folder needs, and the file that configures its board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInput, DriverMissing
from .interface import Interface
from .pynq import PynqDevice
from .uart import UartDevice
from .xrt import XrtDevice

if TYPE_CHECKING:
    from .device import Device

TRANSPORTS = ("uart", "xrt", "pynq", "simulation")


def connect(
    build_dir: str | Path,
    *,
    via: str | None = None,
    port: str | None = None,
    baud: int | None = None,
    device: int = 0,
    timeout_s: float | None = None,
) -> Device:
    """Open the board that a build folder was made for.

    Args:
        build_dir: a build folder, or a copy of the `host` folder in it.
        via: "uart", "xrt", "pynq" or "simulation"; None: what the board has.
        port: serial port of a UART board.
        baud: of the line, instead of the built one.
        device: index of an XRT card.
        timeout_s: how long an answer may take; None: long enough for a board that works.

    Returns:
        The board, ready for `run`. Use it in a `with` block, or call `close`.

    Raises:
        BadInput: a wrong option, no interface.json, or no bitstream in the folder.
        DriverMissing: pyserial, XRT or PYNQ is not there; in a simulation, Verilator.
        DeviceError: the board does not answer, or is in use.
    """
    interface, root = read_interface(Path(build_dir))
    chosen = via or interface.transport
    _check(interface, chosen, port, baud, device, timeout_s)
    if chosen == "simulation":
        return _simulation(interface, root)
    if chosen == "uart":
        if (root / "graph").is_dir():
            _product(interface, root, interface.product)
        return UartDevice(interface, port, baud, timeout_s)
    if chosen == "xrt":
        file = _product(interface, root, interface.options["xclbin"])
        return XrtDevice(interface, file, device, timeout_s)
    file = _product(interface, root, interface.options["bitfile"])
    _product(interface, root, str(Path(interface.options["bitfile"]).with_suffix(".hwh")))
    return PynqDevice(interface, file, timeout_s)


def read_interface(build_dir: Path) -> tuple[Interface, Path]:
    """What a build folder, or a copy of its host folder, is for; and that folder.

    Raises:
        BadInput: no interface.json there, or a damaged one.
    """
    inside = build_dir / "host" / "interface.json"
    if inside.is_file():
        return Interface.load(inside), build_dir
    beside = build_dir / "interface.json"
    if beside.is_file():
        return Interface.load(beside), build_dir
    raise BadInput(
        f"{build_dir}: no host/interface.json here: name a build folder on which `hlsgen build` was"
        " run, or a copy of the host folder in it"
    )


def _check(
    interface: Interface,
    via: str,
    port: str | None,
    baud: int | None,
    device: int,
    timeout_s: float | None,
) -> None:
    """Raise BadInput for options that do not fit the board."""
    if via not in TRANSPORTS:
        raise BadInput(f"via is {via!r}, must be one of {', '.join(TRANSPORTS)}")
    if timeout_s is not None and not 0 < timeout_s < float("inf"):
        raise BadInput(f"timeout_s is {timeout_s}, must be seconds above 0")
    if baud is not None and baud < 1:
        raise BadInput(f"baud is {baud}, must be at least 1")
    if device < 0:
        raise BadInput(f"device is {device}, must be the index of a card, 0 or more")
    if via not in (interface.transport, "simulation"):
        raise BadInput(
            f"{interface.file}: was built for {interface.board}, which is reached via"
            f" {interface.transport}, not via {via}"
        )
    if via != "uart" and (port is not None or baud is not None):
        raise BadInput(
            f"a port or its speed was given, which belong to a UART: {interface.board} is reached"
            f" via {via}"
        )


def _product(interface: Interface, root: Path, name: str) -> Path:
    """The file that configures the board, in the build folder or beside interface.json."""
    places = list(dict.fromkeys((root, interface.file.parent, interface.file.parent.parent)))
    for place in places:
        if (place / name).is_file():
            return place / name
    raise BadInput(
        f"{root}: there is no {name}, so no board can be configured from here: run `hlsgen"
        f" bitstream` where the tools for {interface.board} are, and put the file into this folder"
    )


def _simulation(interface: Interface, root: Path) -> Device:
    try:
        from .simulation import SimulatedDevice
    except ImportError as error:
        raise DriverMissing(
            f"a simulation needs hlsgen and the whole build folder ({error}): pip install hlsgen"
        ) from None
    return SimulatedDevice(interface, root)
