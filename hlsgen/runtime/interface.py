"""What a board was built for: `host/interface.json`, checked key by key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BadInput
from .frames import pack_frames, unpack_answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

# Of the file's form: another number is another form.
VERSION = 1
TRANSPORTS = ("uart", "xrt", "pynq")
_NUMBER = (int, float)
_LARGEST = 1 << 48  # more bytes than any card's memory bank has
# The keys, and those of each table: name -> type.
_KEYS: dict[str, Any] = {
    "name": str, "graph": str, "board": str, "product": str, "transport": str,
    "clock_mhz": _NUMBER, "interval": int, "width_bits": int, "frame": dict, "answer": dict,
    "offset": list, "scale": list, "self_test": dict,
}  # fmt: skip
_TABLES: dict[str, dict[str, Any]] = {
    "frame": dict.fromkeys(("words", "word_bits", "beat_words", "slot_bits", "bytes"), int),
    "answer": {"bytes": int, "bits": int, "lanes": int, "signed": bool},
    "self_test": {"words": list, "answers": list},
    "uart": {"baud": int},
    "xrt": {"xclbin": str, "units": int, "reader": str, "writer": str, "bank_bytes": int},
    "pynq": {"bitfile": str, "dma": str},
}


@dataclass(frozen=True)
class Interface:
    """How samples become frames of one board, and what its answers mean.

    Args:
        file: where it was read.
        name, graph, board: of the network, the digest of its graph, the board's name.
        product: file that configures the board, in the build folder.
        transport: "uart", "xrt" or "pynq"; `options` is its table.
        clock_mhz: of the network, which takes a frame in every `interval` clocks.
        width_bits: of a beat of the shell.
        words: of a frame; `word_bits` wide, unsigned; `beat_words` of them begin at each multiple
            of `slot_bits`; `frame_bytes` in all.
        answer_bytes: of an answer as it comes; `lanes` numbers of `answer_bits` in it.
        offset, scale: float64 [words], how words are made of real features; empty: unknown.
        known_words, known_answers: int64 [n, words] and [n, lanes], for a self-test.
    """

    file: Path
    name: str
    graph: str
    board: str
    product: str
    transport: str
    options: dict[str, Any]
    clock_mhz: float
    interval: int
    width_bits: int
    words: int
    word_bits: int
    beat_words: int
    slot_bits: int
    frame_bytes: int
    answer_bytes: int
    answer_bits: int
    lanes: int
    signed: bool
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    known_words: Words
    known_answers: Words

    @classmethod
    def load(cls, path: Path) -> Interface:
        """Read the file.

        Raises:
            BadInput: it is missing, damaged, or of another version.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"{path}: {error}; copy it from the build folder") from error
        try:
            return _checked(path, raw)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadInput(f"{path}: damaged: {error}; copy it from the build folder") from error

    def quantise(self, samples: NDArray[Any]) -> Words:
        """Words int64 [n, words] of real samples [n, words], as in the export of the network.

        Values beyond the range of the words become the nearest word.

        Raises:
            BadInput: another shape, or a value that is not finite.
        """
        if not self.scale.size:
            raise BadInput(
                f"{self.file}: this network takes integer words, it has no scale: use run_words"
            )
        values = self._shaped(samples, "samples")
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise BadInput(f"samples are not numbers: {error}") from error
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise BadInput(
                f"sample {row}, feature {column} is {values[row, column]}, must be finite: leave"
                " this sample out or fill it in"
            )
        steps = np.rint((values - self.offset) / self.scale)
        return np.asarray(np.clip(steps, 0, 2**self.word_bits - 1).astype(np.int64))

    def checked(self, words: NDArray[Any]) -> Words:
        """Integer words as int64 [n, words].

        Raises:
            BadInput: another shape, no integers, or a word out of range.
        """
        values = self._shaped(words, "words")
        if values.dtype.kind not in "iub":
            raise BadInput(f"words are {values.dtype}, must be integers; run() takes real values")
        largest = 2**self.word_bits - 1
        wrong = np.argwhere((values < 0) | (values > largest))
        if len(wrong):
            row, column = wrong[0]
            raise BadInput(
                f"sample {row}, word {column} is {values[row, column]}, must be 0 to {largest}"
            )
        return values.astype(np.int64)

    def _shaped(self, values: NDArray[Any], what: str) -> NDArray[Any]:
        try:
            array = np.asarray(values)
        except ValueError as error:
            raise BadInput(f"{what} are not one array of numbers: {error}") from error
        if array.ndim != 2 or array.shape[1] != self.words:
            one = "; one sample is an array of one row" if array.ndim == 1 else ""
            raise BadInput(
                f"{what} have the shape {list(array.shape)}, must be [n, {self.words}]: a row of"
                f" {self.words} values each{one}"
            )
        return array

    def frames_in(self, seconds: float) -> int:
        """Frames that the core takes in this time, at least 1."""
        return max(1, int(self.clock_mhz * 1e6 * seconds) // self.interval)

    def pack(self, words: Words) -> Bytes:
        """Frames uint8 [n, frame_bytes] of checked words."""
        raw = pack_frames(words, self.word_bits, self.width_bits, self.beat_words, self.slot_bits)
        return np.frombuffer(raw, dtype=np.uint8).reshape(len(words), self.frame_bytes)

    def unpack(self, raw: Bytes) -> Words:
        """Answers int64 [n, lanes] of their bytes [n, answer's bytes]."""
        return unpack_answers(raw, self.answer_bits, self.lanes, self.signed)

    def shaped(self, answers: Words) -> Words:
        """Answers as a caller gets them: classes [n] of one lane, or scores [n, lanes]."""
        return answers[:, 0] if self.lanes == 1 else answers


def _checked(path: Path, raw: Any) -> Interface:
    """The record of a parsed file; ValueError says what is wrong with it."""
    if not isinstance(raw, dict):
        raise ValueError("no table of keys")
    if raw.get("version") != VERSION:
        raise BadInput(
            f"{path}: is of version {raw.get('version', 'none')}, this program reads {VERSION}:"
            " build again, and copy the whole host folder"
        )
    _typed(raw, _KEYS, "")
    transport = raw["transport"]
    if transport not in TRANSPORTS:
        raise ValueError(f"transport {transport!r} must be one of {', '.join(TRANSPORTS)}")
    for table in ("frame", "answer", "self_test", transport):
        if not isinstance(raw.get(table), dict):
            raise ValueError(f"table {table!r} is missing")
        _typed(raw[table], _TABLES[table], f"{table}.")
    frame, answer = raw["frame"], raw["answer"]
    words, lanes = frame["words"], answer["lanes"]
    _check_sizes(raw, frame, answer)
    scale, offset = (np.array(raw[key], dtype=np.float64) for key in ("scale", "offset"))
    if scale.shape != offset.shape or scale.shape not in ((0,), (words,)):
        raise ValueError(f"offset and scale must hold {words} numbers each")
    if not (np.isfinite(offset) & np.isfinite(scale) & (scale != 0)).all():
        raise ValueError("offset and scale must hold finite numbers, and scale no 0")
    known = raw["self_test"]
    known_words = np.array(known["words"], dtype=np.int64).reshape(-1, words)
    known_answers = np.array(known["answers"], dtype=np.int64).reshape(-1, lanes)
    if len(known_words) != len(known_answers):
        raise ValueError(f"{len(known_words)} known samples and {len(known_answers)} answers")
    return Interface(
        file=path,
        **{key: raw[key] for key in ("name", "graph", "board", "product", "transport")},
        options=raw[transport],
        clock_mhz=float(raw["clock_mhz"]),
        interval=raw["interval"],
        width_bits=raw["width_bits"],
        **{key: frame[key] for key in ("words", "word_bits", "beat_words", "slot_bits")},
        frame_bytes=frame["bytes"],
        answer_bytes=answer["bytes"],
        answer_bits=answer["bits"],
        lanes=lanes,
        signed=answer["signed"],
        offset=offset,
        scale=scale,
        known_words=known_words,
        known_answers=known_answers,
    )


def _typed(table: dict[str, Any], keys: dict[str, Any], place: str) -> None:
    for key, kind in keys.items():
        if key not in table:
            raise ValueError(f"key {place}{key} is missing")
        value = table[key]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise ValueError(f"key {place}{key} is {value!r}, of the wrong type")
        if kind in (int, _NUMBER) and not 0 < value < _LARGEST:
            raise ValueError(f"key {place}{key} is {value}, must be above 0 and below {_LARGEST}")


def _check_sizes(raw: dict[str, Any], frame: dict[str, int], answer: dict[str, int]) -> None:
    """The numbers must fit each other."""
    beats, rest = divmod(frame["words"], frame["beat_words"])
    used = -(-beats * frame["slot_bits"] // raw["width_bits"]) * raw["width_bits"] // 8
    if (
        rest
        or raw["width_bits"] % 8
        or frame["beat_words"] * frame["word_bits"] > frame["slot_bits"]
        or used != frame["bytes"]
    ):
        raise ValueError("the numbers of table frame do not fit each other")
    if answer["bits"] > 63 or answer["bits"] * answer["lanes"] > 8 * answer["bytes"]:
        raise ValueError("the numbers of table answer do not fit each other")
