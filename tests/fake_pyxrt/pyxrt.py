"""XRT's Python module with a card in software: the part of it that a driver needs, and no more.

Names, arguments and types of results are those of src/python/pybind11/src/pyxrt.cpp of
github.com/Xilinx/XRT, which names no argument: all are positional. Errors of XRT arrive as
RuntimeError, as pybind11 translates std::exception. An .xclbin is the JSON file of
`fake_network.Network` with `units`, the number of cores.

$FAKE_PYXRT, words with commas between: busy, stall, stall_2 (unit 2 alone), wrong, late (the movers
need several calls of wait), running (as late, in a state that the module has no name for), error
(the writer ends with one), no_sensor, bad_sensor, zero_sensor. $FAKE_PYXRT_LOG names a file that
gets a line for each start.
"""

from __future__ import annotations

import enum
import json
import os
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from fake_network import Network

BANK_BYTES = 256 << 20
CARDS = 1


def _fault(name: str) -> bool:
    return name in os.environ.get("FAKE_PYXRT", "").split(",")


class xclBOSyncDirection(enum.Enum):  # noqa: N801
    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1


class ert_cmd_state(enum.Enum):  # noqa: N801
    ERT_CMD_STATE_NEW = 1
    ERT_CMD_STATE_QUEUED = 2
    ERT_CMD_STATE_COMPLETED = 4
    ERT_CMD_STATE_ERROR = 5
    ERT_CMD_STATE_ABORT = 6
    ERT_CMD_STATE_SUBMITTED = 7
    ERT_CMD_STATE_TIMEOUT = 8
    ERT_CMD_STATE_NORESPONSE = 9


class _Unnamed:
    """What pybind11 makes of ERT_CMD_STATE_RUNNING, which the module does not register."""

    name = "???"


class xrt_info_device(enum.Enum):  # noqa: N801
    bdf = 0
    name = 5
    electrical = 8


class uuid:  # noqa: N801
    def __init__(self, text: str, /) -> None:
        self._text = text

    def to_string(self) -> str:
        return self._text


class device:  # noqa: N801
    def __init__(self, index: int, /) -> None:
        if not isinstance(index, int):
            raise TypeError("incompatible constructor arguments")
        if not 0 <= index < CARDS:
            raise RuntimeError(f"Could not open device with index '{index}'")
        self._network: Network | None = None
        self._units = 0
        self._started = False
        self._streams: dict[str, list[tuple[str, run]]] = {}

    def load_xclbin(self, path: str, /) -> uuid:
        if not isinstance(path, str):
            raise TypeError("incompatible function arguments")
        if _fault("busy"):
            raise RuntimeError("failed to load xclbin: Device or resource busy")
        if not Path(path).is_file():
            raise RuntimeError(f"failed to open xclbin file '{path}'")
        try:
            self._network = Network(Path(path))
        except ValueError as error:
            raise RuntimeError("Invalid xclbin: failed to load xclbin") from error
        self._units = self._network.settings["units"]
        return uuid(path)

    def get_info(self, key: xrt_info_device, /) -> str:
        if key is not xrt_info_device.electrical:
            return str(key)
        if _fault("no_sensor"):
            return "{}"
        if _fault("zero_sensor"):
            return json.dumps({"power_consumption_watts": "0.000000"})
        watts = "N/A" if _fault("bad_sensor") else "32.500000" if self._started else "24.500000"
        return json.dumps({"power_consumption_watts": watts, "power_rails": []})

    def _stream(self, role: str, unit: str, one: run) -> None:
        """A mover starts; when both of a unit have, the network works."""
        self._started = True
        waiting = self._streams.setdefault(unit, [])
        waiting.append((role, one))
        if len(waiting) == 2:
            jobs = dict(waiting)
            assert set(jobs) == {"mm2s", "s2mm"}, "one mover was started twice"
            del self._streams[unit]
            self._work(jobs["mm2s"], jobs["s2mm"])

    def _work(self, reader: run, writer: run) -> None:
        network = self._network
        assert network is not None
        beat = network.frame.width // 8
        frames, beats = reader._arguments[0], reader._arguments[1]
        answers, count = writer._arguments[0], writer._arguments[1]
        found = network.answers(bytes(frames._card[: beats * beat]))
        if _fault("wrong") and found:
            found[-1] ^= 1
        stuck = _fault("stall") or _fault(f"stall_{reader._kernel._unit}")
        if len(found) < count or stuck:
            return  # the writer waits for answers that never come
        raw = np.array(found[:count], "<u4").tobytes()
        answers._card[: len(raw)] = np.frombuffer(raw, np.int8)
        for one in (reader, writer):
            one._calls = 3 if _fault("late") or _fault("running") else 0
            one._done = True


class kernel:  # noqa: N801
    def __init__(self, card: device, identity: uuid, name: str, /) -> None:
        found = re.fullmatch(r"(mm2s|s2mm):\{(mm2s|s2mm)_(\d+)\}", name)
        if not found or found[1] != found[2] or not 1 <= int(found[3]) <= card._units:
            raise RuntimeError(f"No such kernel '{name}'")
        self._card, self._role, self._unit = card, found[1], found[3]

    def group_id(self, argument: int, /) -> int:
        if argument != 0:
            raise RuntimeError(f"kernel argument {argument} is no memory")
        return 2 * int(self._unit) - (2 if self._role == "mm2s" else 1)


class _Flags(enum.Enum):
    normal = 0
    device_only = 2


class bo:  # noqa: N801
    flags = _Flags
    normal = _Flags.normal
    device_only = _Flags.device_only

    def __init__(self, card: device, size: int, kind: _Flags, group: int, /) -> None:
        if not (isinstance(card, device) and isinstance(kind, _Flags)):
            raise TypeError("incompatible constructor arguments")
        if not 0 < size <= BANK_BYTES:
            raise RuntimeError("failed to allocate bo: Cannot allocate memory")
        self._group = group
        self._host = np.zeros(size, np.int8)
        # What a card that was not cleared may hold.
        self._card = np.full(size, 0x55, np.int8)

    def size(self) -> int:
        return len(self._host)

    def write(self, data: object, seek: int, /) -> None:
        raw = np.frombuffer(memoryview(data).cast("B"), np.int8)  # type: ignore[arg-type]
        if seek + len(raw) > len(self._host):
            raise RuntimeError("attempting to write past buffer size")
        self._host[seek : seek + len(raw)] = raw

    def read(self, size: int, skip: int, /) -> np.ndarray:
        if skip + size > len(self._host):
            raise RuntimeError("attempting to read past buffer size")
        return self._host[skip : skip + size].copy()

    def sync(self, way: xclBOSyncDirection, size: int, offset: int, /) -> None:
        if offset + size > len(self._host):
            raise RuntimeError("attempting to sync past buffer size")
        part = slice(offset, offset + size)
        if way is xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE:
            self._card[part] = self._host[part]
        else:
            self._host[part] = self._card[part]


class run:  # noqa: N801
    def __init__(self, of: kernel, /) -> None:
        self._kernel = of
        self._arguments: dict[int, object] = {}
        self._done, self._calls, self._begun = False, 0, False

    def set_arg(self, index: int, value: object, /) -> None:
        if type(value) not in (bo, int):
            raise TypeError("incompatible function arguments")  # no numpy integer is an int& there
        if isinstance(value, int) and not -(2**31) <= value < 2**31:
            raise TypeError("incompatible function arguments")
        if isinstance(value, bo) and value._group != self._kernel.group_id(index):
            raise RuntimeError("bo is in another bank than the kernel's argument")
        self._arguments[index] = value

    def start(self) -> None:
        if set(self._arguments) != {0, 1}:
            raise RuntimeError("kernel arguments are missing")
        if log := os.environ.get("FAKE_PYXRT_LOG"):
            with Path(log).open("a") as stream:
                stream.write(f"{self._kernel._role}_{self._kernel._unit} {self._arguments[1]}\n")
        self._begun = True
        self._kernel._card._stream(self._kernel._role, self._kernel._unit, self)

    def state(self) -> ert_cmd_state:
        done = self._done and not self._calls
        states = ert_cmd_state
        return states.ERT_CMD_STATE_COMPLETED if done else states.ERT_CMD_STATE_SUBMITTED

    def wait(self, timeout_ms: int = 0, /) -> ert_cmd_state | _Unnamed:
        """As in XRT: what state the run has at the end of the time."""
        if _fault("error") and self._kernel._role == "s2mm":
            return ert_cmd_state.ERT_CMD_STATE_ERROR
        if self._calls:
            self._calls -= 1
            return _Unnamed() if _fault("running") else ert_cmd_state.ERT_CMD_STATE_TIMEOUT
        if not self._done and timeout_ms == 0:
            raise AssertionError("this wait would have no end")
        return self.state() if self._done else ert_cmd_state.ERT_CMD_STATE_TIMEOUT
