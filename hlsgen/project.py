"""A project: what to train, on which data, how large, for which clock (`project.toml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from hlsgen.errors import ConfigError
from hlsgen.schema import Record, load_toml

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Data(Record):
    """Where the samples come from and how they are split.

    `source` is `digits` (embedded, from scikit-learn), `openml:NAME` or `npz:PATH` (relative to
    the project file; arrays x, y or x_train, y_train, x_test, y_test). Where it has no test
    samples of its own, a share `test` becomes them; `validation` is a share of the rest.
    """

    source: Annotated[str, Field(pattern=r"^(digits|openml:\S+|npz:.+)$")]
    test: Share = 0.2
    validation: Share = 0.15


class Inputs(Record):
    """The input word of each feature and its thermometer code.

    Words of `bits` bits have 2**bits - 1 useful thresholds at most.
    """

    bits: Annotated[int, Field(ge=1, le=16)] = 8
    thresholds: Annotated[int, Field(ge=1, le=1024)] = 8

    @model_validator(mode="after")
    def _distinct(self) -> Inputs:
        if self.thresholds >= 2**self.bits:
            raise ValueError(
                f"thresholds must be at most {2**self.bits - 1} for words of {self.bits} bits"
            )
        return self


class Model(Record):
    """The network: layers of LUTs with `fan_in` inputs each, then one popcount per class."""

    method: str = "dwn"
    layers: Annotated[tuple[Positive, ...], Field(min_length=1)]
    fan_in: Annotated[int, Field(ge=2, le=6)] = 6
    wiring: Literal["random", "learned"] = "learned"
    candidates: Annotated[int, Field(ge=2, le=4096)] = 32


class Train(Record):
    """The training run. `learning_rate` decays along a cosine to zero.

    `temperature` divides the class counts before the softmax: the larger, the softer. Only the
    accelerator `cpu` gives the same weights in every run. Of each batch, `devices` processes take
    equal shares (DDP): the same training up to rounding. `precision` is that of matrix products
    in training, in the words of Lightning Fabric; weights stay float32. LUT layers have no such
    products and train alike in all.
    """

    epochs: Positive = 30
    batch: Positive = 128
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 0.01
    temperature: Annotated[float, Field(gt=0.0)] = 8.0
    accelerator: Literal["cpu", "cuda"] = "cpu"
    devices: Positive = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"


class Opt(Record):
    """Changes of the trained function that make the circuit smaller; none by default.

    Table entries that fewer than `unseen` training samples address may take any value.
    `narrow_words` drops low bits of input words, feature by feature. Both are kept only if all
    together cost at most `accuracy_drop` of the share of validation samples classified right.
    """

    unseen: Annotated[int, Field(ge=0)] = 0
    narrow_words: bool = False
    accuracy_drop: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Hardware(Record):
    """What the circuit is built for."""

    clock_mhz: Annotated[float, Field(gt=0.0, le=1000.0)] = 50.0


# The numbers of the report: they can be bounded by [limits].
NUMBERS = (
    *("accuracy", "lut", "ff", "lut_core", "ff_core", "lut_core_synth"),
    *("lut_core_deviation_percent", "lut_synth", "ff_synth"),
    *("fmax_mhz", "fmax_estimate_mhz", "latency_cycles", "latency_ns", "throughput_per_s"),
    *("energy_nj", "verified", "area_delay_lut_ns", "lut_used_percent", "ff_used_percent"),
)


class Range(Record):
    """Bounds on one number of the report; a bound that is left out does not apply."""

    min: float | None = None
    max: float | None = None


class Project(Record):
    """One `project.toml`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    title: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    data: Data
    inputs: Inputs = Inputs()
    model: Model
    train: Train = Train()
    opt: Opt = Opt()
    hardware: Hardware = Hardware()
    limits: dict[str, Range] = Field(default_factory=dict)
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Where the project file lies; relative paths in it start there."""
        return self._folder

    def at(self, folder: Path) -> Project:
        """The same project, its file in `folder`."""
        moved = self.model_copy()
        moved._folder = folder
        return moved

    @field_validator("name")
    @classmethod
    def _not_the_librarys(cls, name: str) -> str:
        # Keywords of a language do no harm: in the sources a name always has a suffix.
        if name == "hlsgen" or name.startswith("hlsgen_"):
            raise ValueError("hlsgen and hlsgen_* are taken by hlsgen's own modules")
        return name

    @field_validator("limits")
    @classmethod
    def _on_known_numbers(cls, limits: dict[str, Range]) -> dict[str, Range]:
        if unknown := sorted(set(limits) - set(NUMBERS)):
            raise ValueError(
                f"unknown number {unknown[0]!r}; limits may be set on {', '.join(NUMBERS)}"
            )
        return limits


def load_project(path: Path) -> Project:
    """Read the project at `path`: a `project.toml`, or the folder that holds one.

    Raises:
        ConfigError: no project there, or a mistake in the file.
    """
    file = path / "project.toml" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{path}: no project here (looked for {file})")
    return load_toml(file, Project).at(file.parent)
