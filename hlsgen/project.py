"""A project: what to train, on which data, how large, for which clock (`project.toml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from hlsgen.errors import ConfigError
from hlsgen.schema import Record, load_toml

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]


# How a file of training samples ends that has one of test samples beside it, and that one.
TRAIN_FILE, TEST_FILE = "_train.npz", "_test.npz"


class Data(Record):
    """Where the samples come from and how they are split.

    `source` is `digits` (embedded, from scikit-learn), `openml:NAME` or `npz:PATH` (relative to
    the project file; arrays x, y or x_train, y_train, x_test, y_test). A file NAME_train.npz with
    NAME_test.npz beside it stands for both. Where it has no test samples of its own, a share `test`
    becomes them; `validation` is a share of the rest.
    `image` is the height and width of samples that are images, for what needs to know it. Their
    features are pixel after pixel, channels last; with `order` `planes` they come channel after
    channel (`openml:CIFAR_10`). Of arrays [samples, height, width, channels], or with the channels
    first, the shape decides.
    """

    source: Annotated[str, Field(pattern=r"^(digits|openml:\S+|npz:.+)$")]
    test: Share = 0.2
    validation: Share = 0.15
    image: tuple[Positive, Positive] | None = None
    order: Literal["pixels", "planes"] = "pixels"


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


class Assemble(Record):
    """The trees of `assemble` (`hlsgen.nn.trees`); `layers` are then the roots of each unit.

    `depth` is the number of levels of a tree, 1..4: a root stands on fan_in**(depth - 1) leaves.
    """

    depth: Annotated[int, Field(ge=1, le=4)] = 2


class Binary(Record):
    """The method `binary` (`hlsgen.nn.binary`): activations of `bits` bits, 1 or 2.

    `tables`: numbers of layers, from 0, `convolutions` first, whose weights become tables as in
    `lutnet`, with the settings of [model.lutnet] for each of them; all others keep their weights in
    memory. `shrink` takes connections out of the tables, as [model.shrink] says.
    """

    bits: Literal[1, 2] = 1
    tables: tuple[Annotated[int, Field(ge=0)], ...] = ()
    shrink: bool = False


class Convolution(Record):
    """One convolution (`hlsgen.nn.convolution`, `hlsgen.nn.lutnet`); `layers` come behind them.

    `filters` slide over the image, or over the map of the convolution before, in a window of
    `kernel` x `kernel` pixels that moves by `stride`. `pool` 2 makes one pixel of 2 x 2, 1 none.
    With `convolution` a filter is a tree of `depth` levels of LUTs, 1..3, with fan_in**depth
    pins at its leaves, of which each chooses among `candidates` taps of the window (16 or all, if
    not given), pooled by OR; [model.multilinear] holds for trees and layers behind.
    With `lutnet` and `shrink` it is a count of nodes, with `binary` a sum over the whole window,
    pooled by the maximum once it is normalised.
    Of `binary` alone: `padding` is a frame of so many pixels on each side, filled with word 0, the
    lowest number. `residual` 1 adds the map that enters this convolution to the one that it makes,
    2 the map that entered the one before, and so on; both have the same size. 0: none.
    """

    filters: Positive
    kernel: Positive
    depth: Annotated[int, Field(ge=1, le=3)] = 1
    pool: Literal[1, 2] = 1
    stride: Positive = 1
    candidates: Annotated[int, Field(ge=2, le=4096)] | None = None
    padding: Annotated[int, Field(ge=0, le=64)] = 0
    residual: Annotated[int, Field(ge=0)] = 0


class Difflogic(Record):
    """How `difflogic` learns gates, relaxed to probabilities (`hlsgen.nn.gates`).

    `parametrisation`: `softmax` over the 16 gates of two inputs, or `walsh`, the coefficients of a
    table of 2 to 6 inputs. `temperature` divides them: the lower, the nearer to one hard gate.
    `start`: `residual` gates pass one pin on, `uniform` ones do anything.
    """

    parametrisation: Literal["softmax", "walsh"] = "softmax"
    temperature: Annotated[float, Field(ge=0.01, le=100.0)] = 1.0
    start: Literal["uniform", "residual"] = "residual"


class Logicnets(Record):
    """The neurons of `logicnets` (`hlsgen.nn.neurons`).

    `bits` is the width of the codes between layers, 1..6; a neuron reads `fan_in` codes, 12 bits
    at most, and in the first layer as many bits of the inputs. Connections are random: `wiring`
    and `candidates` do not matter.
    """

    bits: Annotated[int, Field(ge=1, le=6)] = 2


class Dwn(Record):
    """`spectral` weighs the spectral regulariser of `dwn`, from 0 (`hlsgen.nn.network`)."""

    spectral: Annotated[float, Field(ge=0.0)] = 0.0


class Multilinear(Record):
    """How `multilinear` begins.

    `start`: the tables at first (`hlsgen.nn.lut`). `soft`: shares of the training in which layers
    give the multilinear extension of their tables, and in which they then turn into bits by and by
    (progressive binarisation); together at most 1. It takes about twice the time meanwhile.
    """

    start: Literal["uniform", "residual", "bimodal"] = "uniform"
    soft: tuple[
        Annotated[float, Field(ge=0.0, le=1.0)], Annotated[float, Field(ge=0.0, le=1.0)]
    ] = (
        0.0,
        0.0,
    )

    @field_validator("soft")
    @classmethod
    def _leaves_time(cls, soft: tuple[float, float]) -> tuple[float, float]:
        if sum(soft) > 1:
            raise ValueError("the shares must be at most 1 together")
        return soft


class Lutnet(Record):
    """How much `lutnet` and `shrink` prune; their `layers` are filters, the classes come on top.

    `theta`: the share of each layer's weights that is pruned, 0..1 (below 1): one for all layers,
    or one for each of `convolutions`, each of `layers` and one for the classes. `fan_in`: the pins
    of a node, 1..6, as many values; those of `model`, if not given. A layer of 1 is an ordinary
    binary one: a weight is a wire or an inverter, and shrinking leaves it alone.
    """

    theta: Annotated[tuple[Annotated[float, Field(ge=0.0, lt=1.0)], ...], Field(min_length=1)] = (
        0.9,
    )
    fan_in: tuple[Annotated[int, Field(ge=1, le=6)], ...] = ()


class Shrink(Record):
    """Which connections `shrink` takes out of the tables of `lutnet`.

    `delta`: their share, 0..1, of each layer. `saliency` ranks them: `paper` by influence alone,
    `cost` by the influence that training samples see, for each LUT that is saved.
    """

    delta: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    saliency: Literal["paper", "cost"] = "cost"


class Model(Record):
    """The network: layers of LUTs with `fan_in` inputs each, then one count per class.

    `votes` 0 gives each class a popcount of its own share of the last layer; else each LUT learns
    for which classes it votes, with weights up to `votes` (`hlsgen.nn.head.Votes`).
    With `wiring` `learned` each pin chooses among `candidates` inputs (at most as many as there
    are; 32 or all, if not given). In images (`data.image`) those of a LUT of the first layer lie in
    a square of `window` pixels, somewhere in the image; 0: anywhere.
    """

    method: str = "dwn"
    layers: Annotated[tuple[Positive, ...], Field(min_length=1)]
    fan_in: Annotated[int, Field(ge=2, le=6)] = 6
    wiring: Literal["random", "learned"] = "learned"
    candidates: Annotated[int, Field(ge=2, le=4096)] | None = None
    window: Annotated[int, Field(ge=0)] = 0
    votes: Annotated[int, Field(ge=0, le=3)] = 0
    assemble: Assemble = Assemble()
    binary: Binary = Binary()
    convolutions: tuple[Convolution, ...] = ()
    difflogic: Difflogic = Difflogic()
    dwn: Dwn = Dwn()
    logicnets: Logicnets = Logicnets()
    lutnet: Lutnet = Lutnet()
    multilinear: Multilinear = Multilinear()
    shrink: Shrink = Shrink()


class Train(Record):
    """The training run. `learning_rate` decays along a cosine to zero.

    `shift` moves each training image by up to so many pixels, anew in every epoch, `rotate` turns
    it by up to so many degrees, `zoom` changes its size by up to this share (`data.image` has its
    size), `flip` mirrors every other one at random, left to right; `label_smoothing` is the share
    of the label that all classes share.
    `cost` is the price of 1000 expected LUTs (six inputs, the whole circuit) in the loss: it rises
    to this over the run, so that one run goes through networks of many sizes; each that is better
    than all smaller ones is kept in `front/`, and `--budget-lut` picks one.
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
    shift: Annotated[int, Field(ge=0, le=64)] = 0
    rotate: Annotated[float, Field(ge=0.0, le=45.0)] = 0.0
    zoom: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0
    flip: bool = False
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    cost: Annotated[float, Field(ge=0.0)] = 0.0
    accelerator: Literal["cpu", "cuda"] = "cpu"
    devices: Positive = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"

    @property
    def moves(self) -> bool:
        """Whether training images are moved."""
        return bool(self.shift or self.rotate or self.zoom or self.flip)


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
    """What the circuit is built for.

    `frames_per_s` is for networks whose weights lie in memory (method `binary`): their layers use
    as many weights at a time as that needs. All others take a beat a clock.
    """

    clock_mhz: Annotated[float, Field(gt=0.0, le=1000.0)] = 50.0
    frames_per_s: Annotated[float, Field(gt=0.0)] = 1000.0


# The numbers of the report: they can be bounded by [limits].
NUMBERS = (
    *("accuracy", "lut", "ff", "lut_core", "ff_core", "lut_core_synth"),
    *("lut_core_deviation_percent", "lut_synth", "ff_synth"),
    *("memory_bits", "memory_blocks"),
    *("fmax_mhz", "fmax_estimate_mhz", "latency_cycles", "latency_ns", "throughput_per_s"),
    *("power_w", "lut_hls", "ff_hls", "clock_hls_ns", "latency_hls_cycles", "interval_hls_cycles"),
    *("board_frames_per_s", "board_latency_us", "board_power_w", "board_energy_uj"),
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

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The files of samples; none where they come from elsewhere."""
        if not self.data.source.startswith("npz:"):
            return ()
        file = self.folder / self.data.source.removeprefix("npz:")
        if not file.name.endswith(TRAIN_FILE):
            return (file,)
        return file, file.with_name(file.name.removesuffix(TRAIN_FILE) + TEST_FILE)

    def at(self, folder: Path) -> Project:
        """The same project, its file in `folder`."""
        moved = self.model_copy()
        moved._folder = folder
        return moved

    def reading(self, file: Path) -> Project:
        """The same project with samples from an .npz file.

        Raises:
            ConfigError: there is no such file.
        """
        if not file.is_file():
            raise ConfigError(f"--data is {file}: no such file; give an .npz file of samples")
        source = self.data.model_copy(update={"source": f"npz:{file.resolve()}"})
        return self.model_copy(update={"data": source})

    def paced(self, frames_per_s: float) -> Project:
        """The same project for so many frames a second."""
        hardware = self.hardware.model_copy(update={"frames_per_s": frames_per_s})
        return self.model_copy(update={"hardware": hardware})

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
