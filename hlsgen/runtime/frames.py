"""Samples as the bytes of frames, and the bytes of answers as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

# Bits that are unfolded at a time, 8 bytes each and twice: a bound of the memory.
_BITS = 1 << 23


def pack_frames(
    values: Words, bits: int, width_bits: int, beat_words: int = 0, slot_bits: int = 0
) -> bytes:
    """Frames as they travel to the board.

    Args:
        values: int64 [frames, values of one frame], in the order they are sent.
        bits: width of one value; negative ones become two's complement.
        width_bits: width of a beat; each frame is padded with zeros to whole beats.
        beat_words: values that the core takes together, in a slot of their own; 0: all.
        slot_bits: width of such a slot; 0: no more than the values take.

    Returns:
        Little-endian bytes, value 0 least significant.
    """
    step = max(1, _BITS // max(1, values.shape[1] * max(bits, slot_bits)))
    parts = [
        _pack(values[start : start + step], bits, width_bits, beat_words, slot_bits)
        for start in range(0, len(values), step)
    ]
    return b"".join(parts)


def _pack(values: Words, bits: int, width_bits: int, beat_words: int, slot_bits: int) -> bytes:
    frames, words = values.shape[0], beat_words or values.shape[1]
    slots = values.shape[1] // words
    raw = ((values[:, :, None] >> np.arange(bits)) & 1).reshape(frames, slots, words * bits)
    slotted = np.zeros((frames, slots, slot_bits or words * bits), dtype=np.uint8)
    slotted[:, :, : words * bits] = raw
    used = slotted.shape[1] * slotted.shape[2]
    padded = np.zeros((frames, -(-used // width_bits) * width_bits), dtype=np.uint8)
    padded[:, :used] = slotted.reshape(frames, used)
    return np.packbits(padded, axis=1, bitorder="little").tobytes()


def unpack_answers(raw: Bytes, bits: int, lanes: int, signed: bool) -> Words:
    """The inverse for answers: int64 [frames, lanes].

    Args:
        raw: uint8 [frames, bytes of one answer], little-endian, lane 0 least significant.
        bits: width of one lane, 1 to 63.
        lanes: numbers in one answer; what lies above them is padding.
        signed: whether a lane is two's complement.
    """
    used = np.unpackbits(raw, axis=1, bitorder="little")[:, : bits * lanes]
    weights = np.left_shift(np.int64(1), np.arange(bits, dtype=np.int64))
    if signed:
        weights[-1] = -weights[-1]
    return np.asarray(used.reshape(len(raw), lanes, bits).astype(np.int64) @ weights)


def padding_is_zero(raw: Bytes, used_bits: int) -> Bytes:
    """Whether each answer [frames] holds zeros above its `used_bits`, as every shell fills it."""
    return np.asarray(~np.unpackbits(raw, axis=1, bitorder="little")[:, used_bits:].any(axis=1))
