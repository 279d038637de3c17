"""One interface to every board: `connect(build_dir)` gives a device with `run(samples)`.

All but `simulation.py` needs numpy and the board's driver only, and is copied into the `host`
folder of each build as the package `hlsgen_runtime`; written for Python 3.8 and newer.
"""

from __future__ import annotations

from .connect import TRANSPORTS, connect, read_interface
from .device import Device
from .errors import BadInput, DeviceError, DriverMissing
from .frames import pack_frames
from .interface import VERSION, Interface
from .measure import Measured, Mismatch, measure

__all__ = [
    "TRANSPORTS",
    "VERSION",
    "BadInput",
    "Device",
    "DeviceError",
    "DriverMissing",
    "Interface",
    "Measured",
    "Mismatch",
    "connect",
    "measure",
    "pack_frames",
    "read_interface",
]
