"""Stream known samples through a board, compare every answer, and measure."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BadInput, DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .device import Bytes, Device, Words
    from .interface import Interface

    Progress = Callable[[int, int], None]

# Frames that are sent one by one, at least and at most, and how long that may go on.
_SINGLE, _FEW, _SINGLE_S = 100, 3, 5.0
# Frames at once between two calls of `progress`, at most in so many parts.
_PARTS = 50
# How often full speed is timed, and bytes that the frames for it may take.
_PASSES, _FULL_BYTES = 3, 256 << 20
# Cards renew their power a few times a second.
_IDLE_S, _BUSY_S, _EVERY_S = 1.0, 3.0, 0.05
_SHOWN = 5


@dataclass(frozen=True)
class Mismatch:
    """A wrong answer: number of the sample, the lanes expected and those that came."""

    frame: int
    expected: tuple[int, ...]
    got: tuple[int, ...]

    def __str__(self) -> str:
        shown = [
            str(lanes[0]) if len(lanes) == 1 else str(list(lanes))
            for lanes in (self.got, self.expected)
        ]
        return f"frame {self.frame}: answer {shown[0]}, expected {shown[1]}"


@dataclass(frozen=True)
class Measured:
    """What a self-test saw. What a board has no sensor for is None.

    Args:
        frames, mismatches: answers compared, and those that were wrong.
        first: the first wrong answers.
        throughput_fps: frames a second when streaming, as the host sees it, copies included.
        latency_us, latency_p99_us: of a frame sent alone, to its answer: median and 99th
            percentile.
        idle_w, power_w: of the whole board before, and while streaming.
        energy_uj: of a frame, above idle: power_w less idle_w, over the throughput.
        power_source: where the power was read.
        transport: how the board was reached.
        simulated: whether there was no board; times are then those of the simulated clock.
    """

    frames: int
    mismatches: int
    first: tuple[Mismatch, ...]
    throughput_fps: float | None
    latency_us: float | None
    latency_p99_us: float | None
    idle_w: float | None
    power_w: float | None
    energy_uj: float | None
    power_source: str
    transport: str
    simulated: bool

    def record(self, interface: Interface) -> dict[str, Any]:
        """The same for a JSON file, without the wrong answers, and what was measured."""
        seen = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        del seen["first"]
        return {**seen, "board": interface.board, "graph": interface.graph}

    def save(self, interface: Interface) -> Path:
        """Write measured.json beside interface.json, whole or not at all.

        What was simulated goes to simulated.json, so that it replaces no measurement.

        Raises:
            OSError: it cannot be written.
        """
        name = "simulated.json" if self.simulated else "measured.json"
        file = interface.file.parent / name
        partial = file.with_name(f".{name}.part")
        partial.write_text(json.dumps(self.record(interface), indent=1) + "\n", encoding="utf-8")
        return partial.replace(file)


def measure(
    device: Device, words: Words, expected: Words, progress: Progress | None = None
) -> Measured:
    """Send known samples, all of them, and measure.

    Every answer is compared, also those of repeated frames. Wrong answers end the measurement after
    the first pass: numbers of a board that errs mean nothing.

    Args:
        device: a board.
        words: int64 [n, words of a frame], n at least 1.
        expected: int64 [n, lanes of an answer].
        progress: called with the number of samples done, and of all.

    Raises:
        BadInput: no samples, or not as many answers.
        DeviceError: as the board.
    """
    if not len(words) or expected.shape != (len(words), device.interface.lanes):
        raise BadInput(
            f"{len(words)} samples and answers of the shape {list(expected.shape)}: at least one"
            f" sample is needed, with {device.interface.lanes} numbers as its answer"
        )
    frames = device.interface.pack(device.interface.checked(words))
    idle = _mean_power(device, _IDLE_S)
    first, spent = _compare_all(device, frames, expected, progress or (lambda done, of: None))
    seen = _Seen(len(frames), len(first), len(frames) / spent)
    if not first:
        seen = _timed(device, frames, expected, seen, watched=idle is not None)
    good = seen.wrong == 0
    energy = None
    if good and idle is not None and seen.power_w is not None:
        energy = (seen.power_w - idle) / seen.fps * 1e6
    return Measured(
        frames=seen.frames,
        mismatches=seen.wrong,
        first=tuple(first[:_SHOWN]),
        throughput_fps=seen.fps if good else None,
        latency_us=seen.median_us if good else None,
        latency_p99_us=seen.p99_us if good else None,
        idle_w=idle,
        power_w=seen.power_w,
        energy_uj=energy,
        power_source=device.power_source if idle is not None else "",
        transport=device.transport,
        simulated=device.simulated,
    )


@dataclass(frozen=True)
class _Seen:
    """What the passes so far saw."""

    frames: int
    wrong: int
    fps: float
    median_us: float | None = None
    p99_us: float | None = None
    power_w: float | None = None


def _timed(device: Device, frames: Bytes, expected: Words, seen: _Seen, watched: bool) -> _Seen:
    """`seen` with the latency, and the speed with as many frames at once as the board takes."""
    alone, wrong = _one_by_one(device, frames, expected)
    median, p99 = (float(np.percentile(alone, q)) * 1e6 for q in (50, 99))
    count, wrong = seen.frames + len(alone), seen.wrong + wrong
    fps, power = seen.fps, None
    if watched or min(device.at_once, _FULL_BYTES // frames.shape[1]) > len(frames):
        busy_s = _BUSY_S if watched else 0.0
        more, bad, fps, power = _full_speed(device, frames, expected, busy_s)
        count, wrong = count + more, wrong + bad
    return _Seen(count, wrong, fps, median, p99, power)


def _compare_all(
    device: Device, frames: Bytes, expected: Words, progress: Progress
) -> tuple[list[Mismatch], float]:
    """Wrong answers to all frames, and the time that they took."""
    wrong: list[Mismatch] = []
    spent, step = 0.0, max(device.at_once, -(-len(frames) // _PARTS))
    progress(0, len(frames))
    for start in range(0, len(frames), step):
        wanted = expected[start : start + step]
        try:
            raw, took = device.exchange(frames[start : start + step])
            got = device.answers(raw)
        except DeviceError as error:
            if not start:
                raise
            # The device counts from the first frame that it was given.
            raise DeviceError(f"from sample {start} on: {error}") from error
        spent += took
        for place in np.flatnonzero((got != wanted).any(axis=1)).tolist():
            lanes = (tuple(rows[place].tolist()) for rows in (wanted, got))
            wrong.append(Mismatch(start + place, *lanes))
        progress(min(start + step, len(frames)), len(frames))
    return wrong, spent


def _one_by_one(device: Device, frames: Bytes, expected: Words) -> tuple[list[float], int]:
    """The time of each frame that is sent alone, in seconds, and how many answers were wrong."""
    times: list[float] = []
    wrong, begun = 0, time.monotonic()
    for number in range(_SINGLE):
        if number >= _FEW and time.monotonic() - begun > _SINGLE_S:
            break
        place = number % len(frames)
        raw, took = device.exchange(frames[place : place + 1])
        times.append(took)
        wrong += int((device.answers(raw) != expected[place]).any())
    return times, wrong


def _full_speed(
    device: Device, frames: Bytes, expected: Words, busy_s: float
) -> tuple[int, int, float, float | None]:
    """Frames, wrong answers, frames a second and power, for at least so many seconds."""
    many = max(1, min(device.at_once, _FULL_BYTES // frames.shape[1]))
    places = np.arange(many) % len(frames)
    sent, wanted = np.ascontiguousarray(frames[places]), expected[places]
    count = wrong = 0
    passes = 1 if device.simulated else _PASSES
    spent, begun = 0.0, time.monotonic()
    with _Watching(device, busy_s > 0) as watching:
        for number in range(1 << 20):
            if number >= passes and time.monotonic() - begun >= busy_s:
                break
            raw, took = device.exchange(sent)
            spent += took
            count += len(sent)
            wrong += int((device.answers(raw) != wanted).any(axis=1).sum())
    return count, wrong, count / spent, watching.mean


def _mean_power(device: Device, for_s: float) -> float | None:
    """Mean of the sensor over some time in which nothing is sent."""
    if not device.power_source:
        return None
    with _Watching(device, True) as watching:
        time.sleep(for_s)
    return watching.mean


class _Watching:
    """Reads the power beside the work in its `with` block."""

    def __init__(self, device: Device, wanted: bool) -> None:
        self._device, self._seen, self._end = device, [], threading.Event()  # type: ignore[var-annotated]
        self._thread = threading.Thread(target=self._watch, daemon=True) if wanted else None

    def _watch(self) -> None:
        while not self._end.is_set():
            watts = self._device.power_w()
            if watts is not None:
                self._seen.append(watts)
            self._end.wait(_EVERY_S)

    @property
    def mean(self) -> float | None:
        """In watts; None if the sensor never answered."""
        return float(np.mean(self._seen)) if self._seen else None

    def __enter__(self) -> _Watching:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()
