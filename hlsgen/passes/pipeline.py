"""Registers where the delay model and the requested clock ask for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node
from hlsgen.graph.ops import Register
from hlsgen.passes.retime import place


def pipeline(fabric: Fabric, clock_mhz: float) -> Callable[[Graph], Graph]:
    """The pass that pipelines for `clock_mhz` on `fabric`."""

    def insert_registers(graph: Graph) -> Graph:
        """As few registers as cut every path to the clock period, the outputs registered."""
        bare = remove_registers(graph)
        found = place(bare, fabric, 1000.0 / clock_mhz - fabric.register_ns)
        stage, depth = found.stage, found.depth
        nodes: list[Node] = []
        delayed: dict[str, list[str]] = {}
        for node in bare.nodes:
            inputs = tuple(
                _after(nodes, delayed, name, stage[node.name] - stage[name]) for name in node.inputs
            )
            nodes.append(dataclasses.replace(node, inputs=inputs))
            delayed[node.name] = [node.name]
        outputs = tuple(_after(nodes, delayed, name, depth - stage[name]) for name in bare.outputs)
        return dataclasses.replace(bare, nodes=tuple(nodes), outputs=outputs)

    return insert_registers


def remove_registers(graph: Graph) -> Graph:
    """The graph with every register replaced by a wire."""
    source: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(source[name] for name in node.inputs)
        if isinstance(node.op, Register):
            source[node.name] = inputs[0]
        else:
            source[node.name] = node.name
            nodes.append(dataclasses.replace(node, inputs=inputs))
    outputs = tuple(source[name] for name in graph.outputs)
    return dataclasses.replace(graph, nodes=tuple(nodes), outputs=outputs)


def fmax_mhz(graph: Graph, fabric: Fabric) -> float:
    """Estimated fastest clock: the longest register-to-register path."""
    path_ns = longest(graph, lambda node: node.op.delay_ns(fabric, *graph.inputs_of(node)))
    return 1000.0 / (path_ns + fabric.register_ns)


def longest(graph: Graph, cost: Callable[[Node], float]) -> float:
    """The largest sum of costs along a path between registers."""
    arrival: dict[str, float] = {}
    most = 0.0
    for node in graph.nodes:
        end = max((arrival[name] for name in node.inputs), default=0.0) + cost(node)
        most = max(most, end)
        arrival[node.name] = 0.0 if node.op.latency or node.op.streams else end
    return most


def slowest(graph: Graph, fabric: Fabric) -> tuple[str, float]:
    """The node with the longest estimated delay, and that delay in ns."""
    delays_ns = {n.name: n.op.delay_ns(fabric, *graph.inputs_of(n)) for n in graph.nodes}
    name = max(delays_ns, key=lambda node: delays_ns[node])
    return name, delays_ns[name]


def _after(nodes: list[Node], delayed: dict[str, list[str]], name: str, cycles: int) -> str:
    """The name of `name` delayed by `cycles`; registers are made once and shared."""
    chain = delayed[name]
    while len(chain) <= cycles:
        register = Node(f"{name}_r{len(chain)}", Register(), (chain[-1],))
        nodes.append(register)
        chain.append(register.name)
    return chain[cycles]
