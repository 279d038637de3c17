"""Logic Shrinkage: what is removed, by which ranking, for good, and down to the circuit."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_lutnet import make_project, mismatches, random_network, seeds

from hlsgen import passes
from hlsgen.emit import emit
from hlsgen.errors import ConfigError
from hlsgen.frontend.torch import export
from hlsgen.graph import Graph, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Lut
from hlsgen.nn import LutNetNetwork
from hlsgen.nn.saliency import cheapest, influence, lowest, table_luts
from hlsgen.project import Shrink, load_project
from hlsgen.train import Metrics, load_model, train
from hlsgen.train.method import Phase
from hlsgen.train.methods import METHODS

# --- saliency -------------------------------------------------------------------------------------


def test_influence_sums_the_differences_of_pairs() -> None:
    tables = np.array([[[0.0, 1.0, 0.25, -0.5]], [[1.0, 1.0, 1.0, 1.0]]])
    assert influence(tables).tolist() == [[1.75, 1.75]]
    weight = np.array([[[1, 2, 3, 4]], [[9, 9, 9, 9]]])
    # Pin 0: 1 * (1 + 2) + 0.75 * (3 + 4); pin 1: 0.25 * (1 + 3) + 1.5 * (2 + 4).
    assert influence(tables, weight).tolist() == [[8.25, 10.0]]


@given(seed=seeds, fan_in=st.integers(1, 6), planes=st.integers(1, 2))
def test_influence_equals_its_definition(seed: int, fan_in: int, planes: int) -> None:
    tables = np.random.default_rng(seed).uniform(-1, 1, (planes, 3, 2**fan_in))
    found = influence(tables)
    for node, pin in product(range(3), range(fan_in)):
        pairs = [(a, a | 1 << pin) for a in range(2**fan_in) if not a >> pin & 1]
        whole = sum(abs(t[node, a] - t[node, b]) for t in tables for a, b in pairs)
        assert found[node, pin] == pytest.approx(whole)


def test_a_pin_outside_the_support_has_no_influence() -> None:
    network, words = random_network(1, fan_in=4, saliency="paper")
    layer = network.node_layers[1]
    network.shrink(0.5, torch.from_numpy(words))
    score = influence(layer.tables.numpy())
    support = layer.support[0].numpy()
    assert (score[~support] == 0).all() and (score[support] > 0).any()


@given(seed=seeds, data=st.data())
def test_lowest_takes_exactly_the_lowest_of_the_support(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    score, support = rng.integers(0, 9, (5, 4)).astype(float), rng.random((5, 4)) < 0.7
    count = data.draw(st.integers(0, int(support.sum())))
    removed = lowest(score, support, count)
    assert removed.sum() == count and not (removed & ~support).any()
    rest = support & ~removed
    assert not count or not rest.any() or score[removed].max() <= score[rest].min()


def test_the_cost_of_a_table() -> None:
    assert table_luts(6).tolist() == pytest.approx([0, 0.7, 1.2, 1.2, 1.2, 1.2, 1.7])


# LUTs saved by 0 .. 4 removals: 0, 0, 0, 0.5, 1.2. Node 0 loses 0, 1, 2, 3, 8: steps of three pins
# (3 / 0.5 = 6) and one (5 / 0.7 = 7.1). Node 1 loses 0, 0.1, 0.2, 4.2, 8.2: one step of four pins
# (8.2 / 1.2 = 6.8), as three for 4.2 / 0.5 = 8.4 is no bargain.
SCORE = np.array([[5.0, 1.0, 1.0, 1.0], [4.0, 0.1, 4.0, 0.1]])
HULL = [
    (0, [[0, 0, 0, 0], [0, 0, 0, 0]]),
    (2, [[0, 1, 1, 0], [0, 0, 0, 0]]),
    (3, [[0, 1, 1, 1], [0, 0, 0, 0]]),
    (5, [[0, 1, 1, 1], [0, 1, 0, 1]]),
    (7, [[0, 1, 1, 1], [1, 1, 1, 1]]),
    (8, [[1, 1, 1, 1], [1, 1, 1, 1]]),
]


@pytest.mark.parametrize(("count", "wanted"), HULL)
def test_the_hull_ranks_steps_by_saliency_for_each_lut(count: int, wanted: list) -> None:
    full = np.ones((2, 4), dtype=bool)
    removed = cheapest(SCORE, full, count, table_luts(4))
    assert removed.astype(int).tolist() == wanted


def test_pins_that_are_gone_are_not_counted_again() -> None:
    support = np.array([[1, 0, 0, 1], [1, 1, 1, 1]], dtype=bool)
    # Node 0 has pins of 5 and 1 left: 1 / 0.5 = 2, then 7.1.
    removed = cheapest(SCORE, support, 1, table_luts(4))
    assert removed.astype(int).tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]


def test_the_sixth_input_is_worth_half_a_lut() -> None:
    score = np.array([[9.0, 9.0, 9.0, 9.0, 9.0, 2.0], [9.0, 9.0, 9.0, 9.0, 9.0, 1.0]])
    removed = cheapest(score, np.ones((2, 6), dtype=bool), 1, table_luts(6))
    assert np.argwhere(removed).tolist() == [[1, 5]]


def test_tables_of_a_group_lose_the_same_pin_first() -> None:
    score = np.array([[1.0, 2, 9, 9, 9, 9], [5, 2, 9, 9, 9, 9], [1, 2, 9, 9, 9, 9]])
    full, luts = np.ones((3, 6), dtype=bool), table_luts(6)
    removed = cheapest(score, full, 3, luts, np.array([0, 0, 1]))
    assert np.argwhere(removed).tolist() == [[0, 1], [1, 1], [2, 0]]
    again = cheapest(score * ~removed, full & ~removed, 2, luts, np.array([0, 0, 1]))
    assert again.sum() == 2 and not (again & removed).any()


@given(seed=seeds, fan_in=st.integers(2, 6), data=st.data())
def test_cheapest_removes_the_count_by_rising_score(seed, fan_in, data) -> None:
    rng = np.random.default_rng(seed)
    score, support = rng.random((6, fan_in)), rng.random((6, fan_in)) < 0.7
    count = data.draw(st.integers(0, int(support.sum())))
    removed = cheapest(score, support, count, table_luts(fan_in))
    assert removed.sum() == count and not (removed & ~support).any()
    for row, gone, there in zip(score, removed, support, strict=True):
        rest = there & ~gone
        assert not gone.any() or not rest.any() or row[gone].max() < row[rest].min()


# --- networks -------------------------------------------------------------------------------------


def luts(graph: Graph) -> dict[str, Lut]:
    return {n.name: n.op for n in graph.nodes if n.name.startswith("lut")}


@pytest.mark.parametrize("saliency", ["paper", "cost"])
def test_removals_are_monotone_and_exact(saliency: str) -> None:
    network, words = random_network(6, fan_in=4, saliency=saliency, delta=0.7)
    before = [layer.support.clone() for layer in network.node_layers]
    for number, phase in enumerate(("shrink1", "shrink2", "shrink3"), 1):
        network.begin(phase, torch.from_numpy(words))
        for old, layer in zip(before, network.node_layers, strict=True):
            assert not (layer.support & ~old).any()
            alike = layer.planes if saliency == "paper" else 1
            gone = alike * round(number / 3 * 0.7 * old.numel() / alike)
            assert (~layer.support).sum() == gone
            assert alike == 1 or layer.support.equal(layer.support[:1].expand_as(old))
        before = [layer.support.clone() for layer in network.node_layers]
        assert set(mismatches(network, words)) == {0}
    assert not network.training


def test_a_step_back_changes_nothing() -> None:
    network, words = random_network(6)
    network.shrink(0.5, torch.from_numpy(words))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.shrink(0.4, torch.from_numpy(words))
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_pairs_become_the_mean_of_what_is_seen() -> None:
    layer = random_network(1, fan_in=2)[0].node_layers[0]
    entries, removed = layer.tables[0], torch.zeros_like(layer.support)
    entries[0], removed[0, 0, 0] = torch.tensor([1.0, 0.0, -1.0, 0.5]), True
    visits, kept = torch.zeros_like(layer.tables), entries[1:].clone()
    visits[0, 0, :2] = torch.tensor([1.0, 3.0])
    layer.shrink(removed, visits)
    expected = torch.tensor([0.25, 0.25, -0.25, -0.25])
    torch.testing.assert_close(layer.tables[0, 0], expected, atol=1e-3, rtol=0)
    assert layer.tables[0, 1:].equal(kept) and layer.tables[0, 0, 0] == layer.tables[0, 0, 1]


def test_what_was_removed_stays_removed_in_training() -> None:
    network, words = random_network(7, fan_in=3)
    network.shrink(0.6, torch.from_numpy(words))
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    (network(torch.from_numpy(words)) * torch.randn(3)).sum().backward()
    optimizer.step()
    network.after_step()
    for layer in network.node_layers:
        tables = layer.tables.numpy()
        for pin in range(3):
            halves = tables.reshape(*tables.shape[:2], -1, 2, 2**pin)
            gone = ~layer.support[..., pin].numpy()
            low, high = halves[gone, :, 0], halves[gone, :, 1]
            assert (low == high).all() and np.ptp(low) > 0
    assert set(mismatches(network.eval(), words)) == {0}


def test_nodes_without_inputs_are_constants_and_cost_nothing() -> None:
    network, words = random_network(8)
    network.shrink(1.0, torch.from_numpy(words))
    graph = export(network, "small")
    assert all((op.k == 0).all() for op in luts(graph).values())
    assert set(mismatches(network, words)) == {0}
    for change in 3 * passes.REDUCE:
        graph = change(graph)
    found = passes.parts(graph, FABRICS["xcup"])
    assert found["tables"].lut == found["popcount"].lut == 0


def test_the_passes_keep_a_shrunk_network() -> None:
    network, words = random_network(9, fan_in=4)
    network.shrink(0.6, torch.from_numpy(words))
    graph = export(network, "small")
    feeds = {graph.feeds()[0].name: words[:, None].astype(np.int64)}
    final = passes.opt(graph, FABRICS["xcup"], 50.0, feeds)
    expected = network(torch.from_numpy(words)).argmax(-1).numpy()
    assert (run(final, feeds)[final.outputs[0]][:, 0, 0] == expected).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_learned_k_is_that_of_the_graph(share: float) -> None:
    network, words = random_network(10, fan_in=4)
    network.shrink(share, torch.from_numpy(words))
    found = {
        name: np.bincount(op.k, minlength=7).tolist()
        for name, op in luts(export(network, "small")).items()
    }
    learned = network.learned_k()
    assert learned == found
    assert share in (0.0, 1.0) or sum(count > 0 for count in learned["lut0"]) > 2


def test_learned_k_reaches_the_verilog() -> None:
    network, words = random_network(11, fan_in=5)
    network.shrink(0.5, torch.from_numpy(words))
    # A family without dual-output LUTs: each table is an instance of its own. Each layer is its
    # own module; wires and constants need no instance, which leaves two inputs and more to count.
    graph, fabric = export(network, "net"), FABRICS["ecp5"]
    for change in (passes.split_head(fabric, 1.0), passes.pipeline(fabric, 1.0)):
        graph = change(graph)
    text = emit(graph, 8, fabric)
    for name, learned in network.learned_k().items():
        module = text.files[f"rtl/net_{name}.v"]
        assert isinstance(module, str)
        found = [module.count(f"hlsgen_lut{k} #(") for k in range(2, 7)]
        assert found == learned[2:] and sum(found) > 0


# --- training -------------------------------------------------------------------------------------


def small(**keys: object):
    return make_project("shrink", epochs=7, shrink=Shrink(delta=0.6), **keys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Metrics]:
    folder = tmp_path_factory.mktemp("shrink")
    return folder, train(small(), folder)


def test_a_shrunk_network_exports_exactly(trained: tuple[Path, Metrics]) -> None:
    network = load_model(trained[0], small())
    assert isinstance(network, LutNetNetwork) and trained[1].epoch > 5
    for layer in network.node_layers:
        assert (~layer.support).sum() == round(0.6 * layer.support.numel())
    words = np.random.default_rng(1).integers(0, 32, (500, 64))
    assert set(mismatches(network, words)) == {0}


@pytest.mark.parametrize("stop", [2, 3, 4, 6])
def test_a_run_cut_short_ends_like_an_uninterrupted_one(trained, tmp_path, stop) -> None:
    def interrupt(status: object) -> None:
        if status.epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small(), tmp_path, interrupt)
    assert train(small(), tmp_path) == trained[1]
    expected = load_model(trained[0]).state_dict()
    found = load_model(tmp_path).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_both_methods_have_the_same_epochs_before_the_tables() -> None:
    plain = METHODS["lutnet"].phases(make_project(epochs=40))
    shrunk = METHODS["shrink"].phases(make_project("shrink", epochs=40))
    assert shrunk[:2] == plain[:2]
    assert sum(phase.epochs for phase in shrunk) == sum(phase.epochs for phase in plain) == 40
    assert shrunk[2:] == (Phase("lut", 8), *(Phase(f"shrink{i}", n) for i, n in SHRINK_EPOCHS))


SHRINK_EPOCHS = [(1, 2), (2, 2), (3, 20)]


def test_the_examples_differ_in_the_method_only() -> None:
    folder = Path(__file__).parent.parent / "examples" / "mnist"
    plain, shrunk = (
        load_project(folder / f"{name}.toml").model_dump(
            exclude={"name": True, "title": True, "model": {"method", "shrink"}}
        )
        for name in ("lutnet", "shrink")
    )
    assert plain == shrunk


def test_a_model_of_other_shrinkage_is_refused(trained: tuple[Path, Metrics]) -> None:
    project = make_project("shrink", epochs=7, shrink=Shrink(delta=0.5, saliency="paper"))
    with pytest.raises(ConfigError, match=r"delta is 0\.6, .* 0\.5; saliency is cost, .* paper"):
        load_model(trained[0], project)


@pytest.mark.parametrize(
    ("line", "key"),
    [("delta = 1.1", "delta"), ("delta = -0.1", "delta"), ('saliency = "size"', "saliency")],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, line: str, key: str) -> None:
    text = 'name = "p"\n[data]\nsource = "digits"\n[model]\nlayers = [10]\n'
    (tmp_path / "project.toml").write_text(f"{text}[model.shrink]\n{line}\n")
    with pytest.raises(ConfigError, match=rf"model\.shrink\.{key}"):
        load_project(tmp_path)
