"""PyTorch networks made of `hlsgen.nn` layers become graphs, compared layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, check, run
from hlsgen.graph.interp import BLOCK
from hlsgen.nn import (
    Addition,
    AnyOf,
    Argmax,
    Layer,
    LutLayer,
    Merge,
    Network,
    Pad,
    Popcount,
    Quantiser,
    Sums,
    Thermometer,
    Tiled,
    Votes,
    Window,
)

SUPPORTED = (
    *(Quantiser, Thermometer, LutLayer, Window, AnyOf, Tiled),
    *(Sums, Popcount, Votes, Argmax, Pad, Merge, Addition),
)

# Values of all layers that are held at a time, at most: images have many, and caches are small.
_VALUES = 8_000_000
# Random images in which a streaming operator is compared alone: each place sees each tap differ.
_IMAGES = 16


@dataclass(frozen=True)
class _Placed:
    """A layer, its path in the network, the name of its node, and the nodes that it reads."""

    layer: Layer
    path: str
    node: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class LayerResult:
    """How one layer of the torch network compares with its node of the graph."""

    layer: str
    compared: int
    mismatches: int


def export(network: nn.Sequential, name: str) -> Graph:
    """The graph `name` that computes what `network` computes in eval mode.

    Args:
        network: a `Network`, of which the circuit's layers count, or any (nested) Sequential of
            layers from `hlsgen.nn`.
        name: name of the graph and of the circuit.

    Raises:
        GraphError: an unsupported module, a table with NaN, or layers that do not fit together.
    """
    nodes: list[Node] = []
    for placed in _walk(network):
        if isinstance(placed.layer, Quantiser) == bool(placed.reads):
            raise GraphError(f"module {placed.path}: a network has one Quantiser, its first layer")
        try:
            nodes.append(Node(placed.node, placed.layer.to_op(), placed.reads, placed.path))
        except GraphError as error:
            raise GraphError(f"module {placed.path}: {error}") from None
    if not nodes:
        raise GraphError("the network is empty; its first layer must be a Quantiser")
    return check(Graph(name, tuple(nodes), (nodes[-1].name,)))


def compare(
    network: nn.Sequential,
    graph: Graph,
    words: NDArray[np.integer],
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[LayerResult, ...]:
    """Compare torch in eval mode with the interpreter: every sample, every layer, exactly.

    Args:
        network: the trained network.
        graph: what `export` made of it, before any pass.
        words: int [batch, features] or [batch, beats, lanes], what the quantiser makes of the
            samples.
        tell: is told how many samples are compared, and of how many.

    Returns:
        For each layer the number of integers compared and of those that differ; of a `Network` also
        for `network`: the classes of its largest logits.
    """
    layers = list(_walk(network))
    names = [placed.node for placed in layers]
    if names != [node.name for node in graph.nodes]:
        raise GraphError(f"graph {graph.name!r} is not the export of this network: expects {names}")
    wire = graph.wires[names[0]]
    words = words.reshape(len(words), wire.beats * wire.lanes)
    compared, mismatches = Counter[str](), Counter[str]()
    training = network.training
    network.eval()
    of_sample = sum(wire.beats * wire.lanes for wire in graph.wires.values())
    size = max(1, min(BLOCK, _VALUES // of_sample))
    for start in range(0, len(words), size):
        block = words[start : start + size].astype(np.int64)
        feed = block.reshape(len(block), wire.beats, wire.lanes)
        expected = run(graph, {names[0]: feed}, names)
        for node, value in _values(layers, torch.from_numpy(block)):
            same = value.cpu().numpy().reshape(expected[node].shape) == expected[node]
            compared[node] += same.size
            mismatches[node] += int(same.size - np.count_nonzero(same))
        if isinstance(network, Network):
            with torch.no_grad():
                found = network(torch.from_numpy(block)).argmax(-1).cpu().numpy()
            compared["network"] += found.size
            mismatches["network"] += int(np.count_nonzero(found != expected[names[-1]][:, 0, 0]))
        tell(start + len(block), len(words))
    network.train(training)
    return tuple(LayerResult(node, compared[node], mismatches[node]) for node in compared)


def compare_layers(network: nn.Sequential, graph: Graph, seed: int = 1) -> tuple[LayerResult, ...]:
    """Compare each torch layer alone with its operator, every table entry at least once.

    Samples reach only a part of the table entries; the operators' own stimuli reach all.

    Args:
        network: the trained network.
        graph: what `export` made of it, before any pass.
        seed: of the random stimuli.
    """
    rng = np.random.default_rng(seed)
    results = []
    training = network.training
    network.eval()
    for placed, node in zip(_walk(network), graph.nodes, strict=True):
        if not node.inputs:
            continue
        inputs = _stimuli(node, graph, rng)
        wanted = node.op.eval(*(rows.astype(np.int64) for rows in inputs))
        values = [torch.from_numpy(rows.astype(np.float32)) for rows in inputs]
        with torch.no_grad():
            got = placed.layer(*(x if x.shape[1] > 1 else x[:, 0] for x in values)).cpu().numpy()
        got = got.reshape(wanted.shape)
        results.append(LayerResult(node.name, wanted.size, int(np.count_nonzero(got != wanted))))
    network.train(training)
    return tuple(results)


def _values(layers: list[_Placed], words: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The name of each node and what its layer gives; what is read again is kept till the end."""
    again = {name for placed in layers for name in placed.reads[1:]}
    kept: dict[str, Tensor] = {}
    value = words
    for placed in layers:
        with torch.no_grad():
            value = placed.layer(value, *(kept[name] for name in placed.reads[1:]))
        if placed.node in again:
            kept[placed.node] = value
        yield placed.node, value


def _stimuli(node: Node, graph: Graph, rng: np.random.Generator) -> tuple[NDArray[np.integer], ...]:
    """Values [rows, beats, lanes] of each input that exercise every constant of an operator."""
    wires = graph.inputs_of(node)
    if not node.op.streams:
        return node.op.stimuli(rng, *wires)
    return tuple(rng.integers(w.lo, w.hi + 1, (_IMAGES, w.beats, w.lanes)) for w in wires)


def _walk(network: nn.Module) -> Iterator[_Placed]:
    """Each layer, in order: it reads the one before, and those that it names.

    Raises:
        GraphError: an unsupported module, or a layer that names no earlier one.
    """
    seen = Counter[str]()
    nodes: dict[str, str] = {}
    whole = network.circuit() if isinstance(network, Network) else network
    for path, layer in _layers(whole, ""):
        if missing := [other for other in layer.others if other not in nodes]:
            raise GraphError(f"module {path}: reads {missing[0]!r}, which is no earlier layer")
        others = (nodes[other] for other in layer.others)
        reads = (*list(nodes.values())[-1:], *others)
        nodes[path] = layer.node.format(seen[layer.node])
        yield _Placed(layer, path, nodes[path], reads)
        seen[layer.node] += 1


def _layers(module: nn.Module, path: str) -> Iterator[tuple[str, Layer]]:
    if isinstance(module, Layer):
        yield path or type(module).__name__, module
    elif isinstance(module, nn.Sequential):
        for name, child in module.named_children():
            yield from _layers(child, f"{path}.{name}" if path else name)
    else:
        known = ", ".join(layer.__name__ for layer in SUPPORTED)
        raise GraphError(
            f"module {path or 'network'} is a {type(module).__name__}, which has no hardware form;"
            f" supported are Sequential and {known}"
        )
