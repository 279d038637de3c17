"""The interface that every board has for a program: samples in, answers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DeviceError
from .frames import padding_is_zero

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from .interface import Interface

    Words = NDArray[np.int64]
    Bytes = NDArray[np.uint8]


class Device(ABC):
    """A board that was configured with a network, or its simulation; use it in a `with` block.

    Attributes:
        interface: what the board was built for.
        transport: "uart", "xrt", "pynq" or "simulation".
        simulated: whether no hardware is behind it.
        power_source: where `power_w` reads, in words; "" where the board has no sensor.
        at_once: frames that one call of `exchange` should have for the board's full speed.
    """

    transport: str
    simulated = False
    power_source = ""

    def __init__(self, interface: Interface) -> None:
        self.interface = interface
        self.at_once = 1

    def run(self, samples: NDArray[Any]) -> Words:
        """Answers of the board to real feature values.

        Args:
            samples: float [n, features], in the features' units; made into words by the offset and
                scale of the trained network.

        Returns:
            int64 [n], the class of each sample, where the network ends in one lane; otherwise
            int64 [n, lanes], its scores.

        Raises:
            BadInput: samples of another shape, or not finite.
            DeviceError: no answer in time, or answers out of step.
        """
        return self.run_words(self.interface.quantise(samples))

    def run_words(self, words: NDArray[Any]) -> Words:
        """The same for integer words [n, features], each 0 to 2**bits - 1.

        Raises:
            BadInput: words of another shape, no integers, or out of range.
            DeviceError: no answer in time, or answers out of step.
        """
        frames = self.interface.pack(self.interface.checked(words))
        if not len(frames):
            return self.interface.shaped(np.zeros((0, self.interface.lanes), np.int64))
        raw, _ = self.exchange(frames)
        return self.interface.shaped(self.answers(raw))

    def answers(self, raw: Bytes) -> Words:
        """Answers int64 [n, lanes] of bytes that `exchange` returned.

        Raises:
            DeviceError: bits are set that no answer has.
        """
        whole = padding_is_zero(raw, self.interface.answer_bits * self.interface.lanes)
        if not whole.all():
            place = int(np.argmin(whole))
            raise DeviceError(
                f"frame {place}: the answer is {raw[place].tobytes().hex()} (hexadecimal), of which"
                f" only the lowest {self.interface.answer_bits * self.interface.lanes} bits may be"
                " set: another design is on the board, or answers are out of step; configure it"
                f" with {self.interface.product}"
            )
        return self.interface.unpack(raw)

    @abstractmethod
    def exchange(self, frames: Bytes) -> tuple[Bytes, float]:
        """Send frames uint8 [n, bytes of a frame], n at least 1.

        Returns:
            The answers uint8 [n, bytes of an answer], and the seconds from the first byte handed to
            the driver to the last one that came back; in a simulation, of simulated time.

        Raises:
            DeviceError: no answer in time, or answers out of step.
        """

    def power_w(self) -> float | None:
        """Power of the board now, in watts; None where it has no sensor or none that answers."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Give the board back; twice does no harm."""

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
