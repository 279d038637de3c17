"""Binarised networks of which some layers become tables: LUTNet beside engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph import Graph, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Lut, Tiled
from hlsgen.nn import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.table_layer import TableLayer
from hlsgen.passes import opt
from hlsgen.project import (
    Binary,
    Convolution,
    Data,
    Inputs,
    Lutnet,
    Model,
    Project,
    Shrink,
    Train,
    load_project,
)
from hlsgen.train import METHODS, Metrics, load_data, load_model, train

DEEP = (Convolution(filters=6, kernel=3, pool=2), Convolution(filters=5, kernel=2))
# Convolution 0 reads words of five bits; 1 and the dense layer read bits.
BOTH = Binary(tables=(1, 2))


def make_project(method: str = "binary", **keys: object) -> Project:
    """For 8 x 8 pixels of five bits."""
    model = {
        "convolutions": DEEP,
        "layers": (9,),
        "binary": BOTH,
        "lutnet": Lutnet(theta=(0.5,), fan_in=(4, 3)),
        "shrink": Shrink(delta=0.4),
    }
    return Project(
        name="tiny",
        seed=2,
        data=Data(source="digits", image=(8, 8)),
        inputs=Inputs(bits=5),
        model=Model(method=method, **(model | keys)),
        train=Train(epochs=8, batch=50, temperature=2.0),
    )


def make_architecture(project: Project, features: int = 64) -> BinaryArchitecture:
    found = METHODS["binary"].architecture(project, features, 10)
    assert isinstance(found, BinaryArchitecture)
    return found


def tables_of(network: BinaryNetwork) -> list[TableLayer]:
    return [layer for layer in network if isinstance(layer, TableLayer)]


def random_network(seed: int, project: Project) -> tuple[BinaryNetwork, np.ndarray]:
    """Pruned, expanded, with any slopes and table entries, zeros among them, and words for it."""
    torch.manual_seed(seed)
    network = BinaryNetwork(make_architecture(project))
    words = torch.randint(0, 32, (60, 64))
    network.fit_encoding(words.numpy().astype(np.float64))
    for phase in ("bnn", "retrain", "lut"):
        network.begin(phase, words)
    for layer in tables_of(network):
        layer.norm.momentum = 1.0
        entries = torch.randint(-2, 3, layer.nodes.lut.table.shape)
        if layer.nodes.learns_tables:
            layer.nodes.lut.table.data = entries / 2
    network.train()(words)
    for layer in tables_of(network):
        torch.nn.init.normal_(layer.norm.weight)
        torch.nn.init.normal_(layer.norm.bias, std=0.3)
        layer.norm.weight.data[0] = 0.0
    return network.eval(), words.numpy()


def mismatches(network: BinaryNetwork, words: np.ndarray) -> int:
    graph = export(network, "net")
    results = compare(network, graph, words) + compare_layers(network, graph)
    return sum(result.mismatches for result in results)


KINDS = {
    "two layers": {},
    "pooled": {"binary": Binary(tables=(1,)), "convolutions": (DEEP[0], Convolution(
        filters=4, kernel=2, pool=2)), "lutnet": Lutnet(fan_in=(2,))},
    "padded, a stride": {"binary": Binary(tables=(1,)), "lutnet": Lutnet(fan_in=(3,)),
        "convolutions": (DEEP[0], Convolution(filters=4, kernel=2, padding=1, stride=3))},
    "only pruned": {"lutnet": Lutnet(theta=(0.3, 0.9), fan_in=(1,))},
    "no convolutions": {"convolutions": (), "layers": (12, 9), "binary": Binary(tables=(1,)),
                        "lutnet": Lutnet(fan_in=(6,))},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_graph_computes_what_the_network_computes(kind: str, seed: int) -> None:
    network, words = random_network(seed, make_project(**KINDS[kind]))
    assert mismatches(network, words) == 0
    layers = tables_of(network)
    assert any(bool((layer.norm.weight < 0).any()) for layer in layers), "counts are negated"


def test_tables_and_engines_stand_side_by_side() -> None:
    network, words = random_network(7, make_project())
    graph: Graph = export(network, "net")
    tiled, luts = ([n for n in graph.nodes if isinstance(n.op, kind)] for kind in (Tiled, Lut))
    assert [node.origin for node in tiled] == ["conv0_sums", "classes_sums"]
    assert [node.origin for node in luts] == ["conv0_pool", "conv1_tables", "dense0_tables"]
    # 6 x 2 x 2 taps, 5 filters, half of the pairs pruned; 2 x 2 pixels of 5 lanes, 9 rows.
    assert [len(node.op.k) for node in luts[-2:]] == [60, 90]
    assert network.learned_k() == {node.name: [0, 0, 0, *k, 0, 0] for node, k in zip(
        luts[-2:], ([0, 60], [90, 0]), strict=True)}  # fmt: skip
    final = opt(graph, FABRICS["xcup"], 100.0)
    feeds = {"x": words}
    assert (run(graph, feeds)["argmax"] == next(iter(run(final, feeds).values()))).all()


@pytest.mark.parametrize("number", [0, 1])
def test_in_training_it_is_what_it_is_in_eval_mode(number: int) -> None:
    """Where the running statistics are those of the batch."""
    network, _ = random_network(3, make_project())
    layer = tables_of(network)[number]
    x = 2.0 * torch.randint(0, 2, (60, 6, 3, 3) if number == 0 else (60, 20)) - 1
    with torch.no_grad():
        trained = layer.train()(x)
        samples = trained.numel() // trained.shape[1]
        # Batch norm divides by n, its running variance by n - 1.
        layer.norm.running_var *= (samples - 1) / samples
        assert layer.eval()(x).equal(trained)
    assert set(trained.unique().tolist()) == {-1.0, 1.0}


def test_shrinking_takes_connections_from_tables_alone() -> None:
    network, words = random_network(5, make_project(binary=Binary(tables=(1, 2), shrink=True)))
    engine = network.conv0.weights.latent.clone()
    network.begin("shrink3", torch.from_numpy(words))
    for layer in tables_of(network):
        gone = (~layer.nodes.lut.support).float().mean()
        assert gone == pytest.approx(0.4, abs=0.01)
    assert (network.conv0.weights.latent == engine).all()
    assert mismatches(network.eval(), words) == 0


def test_before_its_last_phase_it_has_no_circuit() -> None:
    network = BinaryNetwork(make_architecture(make_project()))
    with pytest.raises(GraphError, match="the training ended before its phase lut"):
        network.circuit()


def test_the_architecture_survives_its_storage() -> None:
    a = make_architecture(make_project(binary=Binary(tables=(1,), shrink=True),
                                       lutnet=Lutnet(theta=(0.8,), fan_in=(4,))))  # fmt: skip
    assert (a.tables, a.theta, a.fan_ins, a.delta, a.saliency) == ((1,), (0.8,), (4,), 0.4, "cost")
    assert a.nodes(1) == (24, 4), "24 taps, 5 filters, a fifth of them"
    assert make_architecture(make_project(binary=Binary(), lutnet=Lutnet())).tables == ()


REFUSED = {
    "the classes": ({"binary": Binary(tables=(3,))},
        r"model\.binary\.tables has 3: layers are 0 to 2, convolutions first, each at most once"),
    "twice": ({"binary": Binary(tables=(1, 1))}, r"each at most once"),
    "words": ({"binary": Binary(tables=(0,))},
        r"has 0: it reads words of 0 to 31 and gives words of 0 to 1; tables want bits"),
    "two bits": ({"binary": Binary(tables=(2,), bits=2)}, r"reads words of 0 to 3 and gives"),
    "theta": ({"lutnet": Lutnet(theta=(0.1, 0.2, 0.3))},
        r"model\.lutnet\.theta has 3 values: needs one, or 2, one for each of model\.binary\."),
    "pins": ({"layers": (3, 4), "convolutions": (), "binary": Binary(tables=(1,))},
        r"a row of layer 1 has 3 inputs, and a node has 4 pins; use a fan_in of at most 3"),
    "nothing to shrink": ({"binary": Binary(shrink=True)},
        r"model\.binary\.shrink is true, and model\.binary\.tables names no layer"),
}  # fmt: skip


@pytest.mark.parametrize(("keys", "message"), REFUSED.values(), ids=list(REFUSED))
def test_settings_that_do_not_fit_are_refused(keys: dict[str, object], message: str) -> None:
    keys = {"lutnet": Lutnet(theta=(0.5,), fan_in=(4,))} | keys
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(**keys))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Project, Metrics]:
    folder = tmp_path_factory.mktemp("mixed")
    project = make_project(binary=Binary(tables=(1, 2), shrink=True))
    return folder, project, train(project, folder)


def test_a_trained_network_exports_exactly(trained: tuple[Path, Project, Metrics]) -> None:
    folder, project, metrics = trained
    network = load_model(folder / "model.pt", project)
    assert isinstance(network, BinaryNetwork)
    data = load_data(project)
    words = network.quantiser.quantise(data.x_test).numpy()
    assert mismatches(network, words) == 0
    assert metrics.test_accuracy > 0.5
    for layer in tables_of(network):
        assert (~layer.nodes.lut.support).float().mean() == pytest.approx(0.4, abs=0.01)


def test_the_example_is_lutnets_network() -> None:
    """CNV with its sixth convolution, of most weights, as tables."""
    project = load_project(Path(__file__).parent.parent / "examples" / "cnv" / "shrink.toml")
    a = METHODS["binary"].architecture(project, 3072, 10)
    assert a.tables == (5,) and a.sizes[5] == (2304, 256)
