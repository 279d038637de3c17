"""The graph: wires, operators, nodes."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar, TypeVar

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import stimuli
from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.cells import Cells
from hlsgen.graph.fabric import Fabric

Values = NDArray[np.int64]  # [batch, beats, lanes]
Lanes = NDArray[np.int32]
Rows = NDArray[np.integer[Any]]  # values [rows, 1, lanes] in any type that holds them


@dataclass(frozen=True, slots=True)
class Wire:
    """What flows along an edge: per frame `beats` transfers of `lanes` integers in [lo, hi]."""

    lanes: int
    lo: int
    hi: int
    beats: int = 1

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.beats < 1 or self.lo > self.hi:
            raise GraphError(f"{self}: needs lanes >= 1, beats >= 1 and lo <= hi")

    @property
    def signed(self) -> bool:
        """Whether a lane needs a sign bit."""
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Bits of one lane: two's complement where signed."""
        magnitude = max(self.hi, ~self.lo if self.signed else self.lo)
        return max(1, magnitude.bit_length() + self.signed)

    @property
    def width_bits(self) -> int:
        """Bits of one beat."""
        return self.lanes * self.bits

    @property
    def dtype(self) -> type[np.signedinteger[Any]]:
        """The smallest type that holds the values, and those one outside the range."""
        small: tuple[type[np.signedinteger[Any]], ...] = (np.int8, np.int16, np.int32)
        fits = (t for t in small if np.iinfo(t).min < self.lo and self.hi < np.iinfo(t).max)
        return next(fits, np.int64)


@dataclass(frozen=True, slots=True)
class Area:
    """Estimated cells: LUTs of the family, registers, carry cells.

    `pairs` of the LUTs hold two functions each.
    """

    lut: int = 0
    ff: int = 0
    carry: int = 0
    pairs: int = 0

    def __add__(self, other: Area) -> Area:
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return Area(*(a + b for a, b in zip(mine, others, strict=True)))


@dataclass(frozen=True)
class Constants:
    """Which lanes of a wire are known: int64 `value` [lanes] where bool `mask` [lanes] is set."""

    mask: NDArray[np.bool_]
    value: NDArray[np.int64]

    @staticmethod
    def none(lanes: int) -> Constants:
        """Nothing known about `lanes` lanes."""
        return Constants(np.zeros(lanes, dtype=bool), np.zeros(lanes, dtype=np.int64))


def array(dtype: str) -> Any:
    """A dataclass field that holds a C-contiguous, read-only array of `dtype`."""
    return field(metadata={"dtype": np.dtype(dtype)})


@dataclass(frozen=True, eq=False)
class Op:
    """One layer's constants and what they mean; the only Python place that knows a layer kind.

    Lanes are counted from 0, lane 0 least significant. A subclass gives `infer`, `eval`, `logic`,
    `example`, and `cells` or else `area`, `delay_ns` and `levels`; the methods after those let
    passes work without knowing op kinds.

    An operator that `streams` has a state: which beats it gives, and when, depends on beats before.
    It has no `logic` and no cells; the graph is cut there into parts (see `hlsgen.graph.parts`).
    One that `waits` takes a beat when it can, and a FIFO in front of it holds those that wait (see
    `hlsgen.graph.segments`).
    """

    kind: ClassVar[str]
    part: ClassVar[str]  # of the design that the report counts it with
    arity: ClassVar[int] = 1
    latency: ClassVar[int] = 0
    streams: ClassVar[bool] = False
    waits: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if dtype := item.metadata.get("dtype"):
                frozen = np.array(getattr(self, item.name), dtype=dtype, order="C")
                frozen.flags.writeable = False
                object.__setattr__(self, item.name, frozen)

    def infer(self, *wires: Wire) -> Wire:
        """Output wire for these input wires.

        Raises:
            GraphError: an input has the wrong shape or range, or a constant is out of range.
        """
        raise NotImplementedError

    def eval(self, *values: Values) -> Values:
        """The definition of the operator, on int64 [batch, beats, lanes]."""
        raise NotImplementedError

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        """The operator in ANDs, for proofs: one word of literals for each output lane.

        What `eval` computes on one beat, in two's complement of the width of the output wire; for
        inputs outside the range of their wires it may be anything.

        Args:
            aig: where the ANDs are made.
            wires: input wires.
            values: for each input one word of `bits` literals for each lane.
        """
        raise NotImplementedError

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells | None:
        """What the operator is made of on `fabric`, or None where its template says it.

        Input bits are counted through the inputs in order, lane by lane, lowest bit first; so are
        the output bits.
        """
        return None

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        """Cells that the operator takes on `fabric`."""
        cells = built(self, fabric, wires)
        pairs = sum(mate >= 0 for mate in cells.mates) // 2 if fabric.dual else 0
        return Area(cells.luts(fabric), 0, cells.carry_cells(fabric), pairs)

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        """Estimated delay from inputs to output on `fabric`."""
        return built(self, fabric, wires).delay_ns(fabric)

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        """LUTs on the longest path from inputs to output on `fabric`."""
        return built(self, fabric, wires).levels(fabric)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        """A random small instance with fitting input wires; every generic test uses it."""
        raise NotImplementedError

    def stimuli(self, rng: np.random.Generator, *wires: Wire) -> tuple[Rows, ...]:
        """Input values that a hardware check drives, one array [rows, 1, lanes] for each input.

        Every combination where there are at most 2**12 of them; else random rows, rows of
        extremes and rows of nearly equal lanes. An operator that needs more to exercise every
        constant overrides this. Wide layers have many lanes: small types save memory.
        """
        return stimuli.rows(rng, wires)

    def explain(self, lane: int, *row: Values) -> str:
        """What output `lane` is, for the message that it differs on inputs `row` [1, 1, lanes]."""
        return f"lane {lane}"

    @property
    def fold(self) -> int:
        """Clocks that a beat takes."""
        return 1

    def memory_bits(self, wire: Wire) -> int:
        """Bits of the operator's memories, where its input is `wire`; tables are none."""
        return 0

    def unfolded(self) -> Op:
        """What is left of the operator without the choices that only change clocks and area."""
        return self

    def reads(self, i: int, wire: Wire) -> NDArray[np.bool_]:
        """Which lanes of input `i` matter: bool [lanes]."""
        return np.ones(wire.lanes, dtype=bool)

    def keep(self, lanes: Lanes) -> Op | None:
        """The operator that makes only output `lanes` (ascending), or None if it cannot."""
        return None

    def rewire(self, i: int, lane_of: Lanes) -> Op | None:
        """The operator that reads lane `lane_of[l]` of input `i` where it read `l`, or None."""
        return None

    def simplify(self, wires: tuple[Wire, ...], known: tuple[Constants, ...]) -> Op:
        """The same function, cheaper, given what is known of the inputs."""
        return self

    def constants(self, wires: tuple[Wire, ...]) -> Constants:
        """Output lanes that are constant whatever the input."""
        return Constants.none(self.infer(*wires).lanes)

    def twins(self) -> Lanes | None:
        """For each output lane the first lane that computes the same, or None if not known."""
        return None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Op) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over kind and constants."""
        digest = hashlib.sha256(self.kind.encode())
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            digest.update(f"|{item.name}:{getattr(value, 'shape', value)}|".encode())
            if isinstance(value, np.ndarray):
                digest.update(value.tobytes())
        return digest.hexdigest()


@lru_cache(maxsize=64)
def built(made: Op, fabric: Fabric, wires: tuple[Wire, ...]) -> Cells:
    """The cells of an operator that has them."""
    cells = made.cells(fabric, *wires)
    if cells is None:
        raise NotImplementedError(
            f"operator {made.kind} gives neither cells nor area, delay and levels"
        )
    return cells


OPS: dict[str, type[Op]] = {}

OpClass = TypeVar("OpClass", bound=type[Op])


def op(kind: str) -> Any:
    """Class decorator: enter an operator in `OPS` under `kind`."""

    def enter(cls: OpClass) -> OpClass:
        if kind in OPS:
            raise ValueError(f"two operators are called {kind!r}")
        cls.kind = kind
        OPS[kind] = cls
        return cls

    return enter


@dataclass(frozen=True)
class Node:
    """One operator in a graph. `origin` names the torch module it came from."""

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and the names of those whose values leave the graph."""

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def wires(self) -> dict[str, Wire]:
        """The wire that each node drives.

        Raises:
            GraphError: an operator refuses its inputs; the message names the node.
        """
        wires: dict[str, Wire] = {}
        for node in self.nodes:
            try:
                if len(node.inputs) != node.op.arity:
                    wanted = f"takes {node.op.arity} input(s)"
                    raise GraphError(f"{wanted}, it has {len(node.inputs)}")
                wires[node.name] = node.op.infer(*(wires[name] for name in node.inputs))
            except GraphError as error:
                place = f"graph {self.name!r}: node {node.name!r} ({node.op.kind})"
                raise GraphError(f"{place} {error}") from None
        return wires

    @cached_property
    def nx(self) -> nx.DiGraph:
        """A networkx view, one vertex per node with attribute `node`; for queries only."""
        view = nx.DiGraph(name=self.name)
        view.add_nodes_from((node.name, {"node": node}) for node in self.nodes)
        view.add_edges_from((name, node.name) for node in self.nodes for name in node.inputs)
        return nx.freeze(view)

    @cached_property
    def latency(self) -> dict[str, int]:
        """Clock cycles from a beat of its stream to each node's output (longest path)."""
        latency: dict[str, int] = {}
        for node in self.nodes:
            start = max((latency[name] for name in node.inputs), default=0)
            latency[node.name] = 0 if node.op.streams else start + node.op.latency
        return latency

    @cached_property
    def stream(self) -> dict[str, str]:
        """The streaming node whose beats each node follows; empty for those of the inputs."""
        stream: dict[str, str] = {}
        for node in self.nodes:
            followed = stream[node.inputs[0]] if node.inputs else ""
            stream[node.name] = node.name if node.op.streams else followed
        return stream

    @cached_property
    def digest(self) -> str:
        """SHA-256 over structure and constants; node origins do not count."""
        digest = hashlib.sha256(f"{self.name}|{self.outputs}".encode())
        for node in self.nodes:
            digest.update(f"|{node.name}|{node.inputs}|{node.op.digest}".encode())
        return digest.hexdigest()

    def inputs_of(self, node: Node) -> tuple[Wire, ...]:
        """Input wires of `node`, in order."""
        return tuple(self.wires[name] for name in node.inputs)

    def feeds(self) -> tuple[Node, ...]:
        """The nodes that have no input: where samples enter."""
        return tuple(node for node in self.nodes if not node.inputs)
