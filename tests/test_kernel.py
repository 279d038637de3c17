"""The LUT kernel: both implementations against its definition, and the layer on top of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hlsgen.nn import LearnedWiring, LutLayer, RandomWiring, kernel
from hlsgen.nn.kernel import cpu, definition, gpu
from hlsgen.nn.lookup import interpolate, look_up

LANES, LUTS, COUNT = 9, 11, 5
BATCHES = (1, 5, 64, 257)
BOTH = pytest.mark.parametrize("module", [kernel, gpu], ids=["cpu", "gpu"])
FAN_INS = pytest.mark.parametrize("fan_in", range(1, 7))
fan_ins, seeds = st.integers(1, 6), st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in training; the tensors here are too small to share."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Case:
    """A random layer; LUTs 1 and 2 read one lane with all pins."""

    def __init__(self, fan_in: int, batch: int, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.src = torch.randint(LANES, (LUTS, fan_in), generator=draw, dtype=torch.int32)
        self.src[1], self.src[2] = 4, 0
        shape = LUTS, fan_in, COUNT
        self.candidates = torch.randint(LANES, shape, generator=draw, dtype=torch.int32)
        self.table = 2 * torch.rand(LUTS, 2**fan_in, generator=draw) - 1
        self.table[3] = 0.0
        self.bits = torch.randint(2, (LANES, batch), generator=draw, dtype=torch.uint8)
        self.soft = torch.rand(LANES, batch, generator=draw)
        self.grad = torch.randn(LUTS, batch, generator=draw)


def corners(fan_in: int) -> Tensor:
    """uint8 [K, 2**K]: all addresses as samples."""
    return (torch.arange(2**fan_in) >> torch.arange(fan_in)[:, None] & 1).to(torch.uint8)


def same(found: Tensor | None, expected: Tensor | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)


@BOTH
@FAN_INS
@pytest.mark.parametrize("batch", BATCHES)
def test_look_up_is_its_definition(module, fan_in, batch):
    case = Case(fan_in, batch)
    expected = definition.look_up(case.bits, case.src, case.table)
    for found, wanted in zip(
        module.look_up(case.bits, case.src, case.table), expected, strict=True
    ):
        assert found.dtype == torch.uint8 and torch.equal(found, wanted)


@BOTH
@FAN_INS
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("blur", [0.0, 0.25])
def test_gradients_are_their_definition(module, fan_in, batch, blur):
    case = Case(fan_in, batch)
    _, address = definition.look_up(case.bits, case.src, case.table)
    args = case.grad, address, case.src, case.table, blur, case.bits
    for candidates, to_rows in ((None, False), (None, True), (case.candidates, True)):
        expected = definition.differentiate(*args, candidates, to_rows=to_rows)
        found = module.differentiate(*args, candidates, to_rows=to_rows)
        for one, other in zip(found, expected, strict=True):
            same(one, other)


@BOTH
@FAN_INS
@pytest.mark.parametrize("batch", BATCHES)
def test_soft_values_and_gradients_are_their_definition(module, fan_in, batch):
    case = Case(fan_in, batch)
    args = case.src, case.table
    same(module.interpolate(case.soft, *args), definition.interpolate(case.soft, *args))
    for candidates, to_rows in ((None, False), (None, True), (case.candidates, True)):
        rest = case.grad, *args, case.soft, candidates
        expected = definition.differentiate_soft(*rest, to_rows=to_rows)
        for one, other in zip(
            module.differentiate_soft(*rest, to_rows=to_rows), expected, strict=True
        ):
            same(one, other)


@FAN_INS
def test_the_definition_is_the_sum_over_all_entries(fan_in):
    """`kernel.differentiate`'s docstring, entry by entry."""
    case = Case(fan_in, 3)
    _, address = definition.look_up(case.bits, case.src, case.table)
    args = case.grad, address, case.src, case.table, 0.25, case.bits, case.candidates
    tables, lanes, logits = definition.differentiate(*args, to_rows=True)
    expected = [torch.zeros_like(each) for each in (tables, lanes, logits)]
    for i, s in np.ndindex(LUTS, 3):
        at, grad = int(address[i, s]), case.grad[i, s]
        expected[0][i, at] += grad
        for pin in range(fan_in):
            bit, slope = 1 << pin, 0.0
            for entry in range(2**fan_in):
                h = ((entry ^ at) & ~bit).bit_count()
                step = case.table[i, entry | bit] - case.table[i, entry & ~bit]
                slope += step * 0.25**h * 0.75 ** (fan_in - 1 - h) / 2
            expected[1][case.src[i, pin], s] += grad * slope
            signs = 2.0 * case.bits[case.candidates[i, pin].long(), s] - 1
            expected[2][i, pin] += grad * slope * signs
    for found, wanted in zip((tables, lanes, logits), expected, strict=True):
        same(found, wanted)


@BOTH
@FAN_INS
def test_hard_is_soft_at_the_corners(module, fan_in):
    """Values are those of the 0/1 table; without blur slopes are the extension's derivatives."""
    case, bits = Case(fan_in, 2**fan_in), corners(fan_in)
    src = torch.arange(fan_in, dtype=torch.int32).expand(LUTS, -1).contiguous()
    out, address = module.look_up(bits, src, case.table)
    assert (address == torch.arange(2**fan_in)).all()
    signs = (case.table > 0).float()
    assert torch.equal(module.interpolate(bits.float(), src, signs), out.float())
    choices = torch.randint(fan_in, (LUTS, fan_in, 3), dtype=torch.int32)
    hard = case.grad, address, src, case.table, 0.0, bits, choices
    soft = case.grad, src, case.table, bits.float(), choices
    for one, other in zip(
        module.differentiate(*hard, to_rows=True),
        module.differentiate_soft(*soft, to_rows=True),
        strict=True,
    ):
        same(one, other)


@settings(max_examples=40, deadline=None)
@given(fan_in=fan_ins, batch=st.integers(1, 130), seed=seeds)
def test_soft_gradients_are_finite_differences(fan_in, batch, seed):
    """The extension is linear in each number, so that a difference of any width is exact."""
    case = Case(fan_in, batch, seed)
    # Each lane at one pin at most: the extension is of degree 2 and more where it is repeated.
    case.src = torch.randperm(LANES)[:fan_in].int().expand(LUTS, -1).contiguous()
    to_table, to_rows, _ = kernel.differentiate_soft(
        case.grad, case.src, case.table, case.soft, None, to_rows=True
    )

    def total(rows: Tensor, table: Tensor) -> Tensor:
        return (case.grad * kernel.interpolate(rows, case.src, table)).double().sum()

    for which, grads in enumerate((to_rows, to_table)):
        inputs = [case.soft.clone(), case.table.clone()]
        flat = inputs[which].view(-1)
        place = seed % len(flat)
        ends = []
        for end in (0.0, 1.0):
            flat[place] = end
            ends.append(total(*inputs))
        slope = (ends[1] - ends[0]).float()
        torch.testing.assert_close(grads.reshape(-1)[place], slope, rtol=1e-3, atol=1e-3)


@BOTH
@settings(max_examples=25, deadline=None)
@given(fan_in=fan_ins, seed=seeds)
def test_projecting_is_averaging_along_removed_pins(module, fan_in, seed):
    case = Case(fan_in, 1, seed)
    support = torch.rand(LUTS, fan_in, generator=torch.Generator().manual_seed(seed)) < 0.5
    table, defined = case.table.clone(), case.table.clone()
    module.project(table, support)
    definition.project(defined, support)
    same(table, defined)
    for i, row in enumerate(support.tolist()):
        # Axis 0 of the cube is the last pin.
        removed = [fan_in - 1 - pin for pin, kept in enumerate(row) if not kept]
        cube = case.table[i].view((2,) * fan_in)
        mean = cube.mean(dim=removed, keepdim=True) if removed else cube
        same(table[i].view((2,) * fan_in), mean.expand_as(cube))
    again = table.clone()
    module.project(again, support)
    assert torch.equal(again, table)


@settings(max_examples=40, deadline=None)
@given(fan_in=fan_ins, learned=st.booleans(), seed=seeds)
def test_a_shrunk_layer_reads_its_support_only(fan_in, learned, seed):
    torch.manual_seed(seed)
    layer = LutLayer(LANES, LUTS, fan_in, COUNT if learned else 0)
    removed = torch.rand(LUTS, fan_in) < 0.5
    removed[0] = True
    layer.shrink(removed)
    x = torch.randint(2, (50, LANES)).float()
    op = layer.to_op()
    assert op.k.tolist() == (~removed).sum(1).tolist() == layer.support.sum(1).tolist()
    bits = layer(x).detach()
    assert (op.eval(x.numpy().astype(np.int64)[:, None])[:, 0] == bits.numpy()).all()
    # Any other wiring of the removed pins gives the same.
    src = layer.wiring.chosen()
    other = torch.where(removed, torch.randint(LANES, src.shape, dtype=torch.int32), src)
    rows = x.T.to(torch.uint8).contiguous()
    assert torch.equal(kernel.look_up(rows, other, layer.table.detach())[0].T.float(), bits)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("blur", [0.0, 0.25])
def test_autograd_hands_on_the_kernel_s_gradients(soft, learned, blur):
    torch.manual_seed(1)
    case = Case(4, 20)
    wiring = LearnedWiring(LANES, LUTS, 4, COUNT) if learned else RandomWiring(LANES, LUTS, 4)
    table = case.table.clone().requires_grad_()
    rows = case.soft if soft else case.bits.float()
    x = rows.T.clone().requires_grad_()
    y = interpolate(x, table, wiring) if soft else look_up(x, table, wiring, blur)
    y.backward(case.grad.T)
    src, choices = wiring.chosen(), wiring.candidates if learned else None
    if soft:
        expected = definition.differentiate_soft(
            case.grad, src, case.table, rows, choices, to_rows=True
        )
    else:
        _, address = definition.look_up(case.bits, src, case.table)
        expected = definition.differentiate(
            *(case.grad, address, src, case.table, blur, case.bits, choices), to_rows=True
        )
    same(table.grad, expected[0])
    same(x.grad.T, expected[1])
    if learned:
        same(wiring.logits.grad, expected[2])


def test_words_that_need_no_gradient_get_none():
    layer = LutLayer(LANES, LUTS, 3, COUNT)
    x = torch.randint(2, (7, LANES))
    layer(x).sum().backward()
    assert layer.table.grad is not None and layer.wiring.logits.grad is not None
    layer.table.requires_grad_(False).grad = None
    layer.wiring.requires_grad_(False)
    y = torch.rand(7, LANES, requires_grad=True)
    interpolate(y, layer.table, layer.wiring).sum().backward()
    assert y.grad is not None and layer.table.grad is None


def test_sums_are_the_same_every_time():
    case = Case(6, 257)
    results = []
    for _ in range(2):
        _, address = kernel.look_up(case.bits, case.src, case.table)
        args = case.grad, address, case.src, case.table, 0.25, case.bits, case.candidates
        results.append(kernel.differentiate(*args, to_rows=True))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


_PROCESS = """
import cpu, numpy as np
print(sum(len(found.signatures) for found in vars(cpu).values() if hasattr(found, "signatures")))
cpu.project(np.ones((1, 2), np.float32), np.ones((1, 1), np.bool_))
print(sum(cpu.project.stats.cache_hits.values()))
print(cpu.project.stats.cache_path)
"""


@pytest.mark.parametrize("writable", [True, False])
def test_compiled_once_for_all_processes_and_not_at_import(tmp_path, writable):
    """Where the package's folder cannot be written, the user's cache is used."""
    package, cache = tmp_path / "package", tmp_path / "cache"
    package.mkdir()
    shutil.copy(cpu.__file__, package)
    if not writable:
        # Not by permissions: they do not bind the superuser.
        (package / "__pycache__").touch()
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(package)}
    environment.pop("NUMBA_CACHE_DIR", None)
    for hits in (0, 1):
        done = subprocess.run(
            [sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=True,
            env=environment,
        )  # fmt: skip
        compiled, found, where = done.stdout.split()
        assert (compiled, found) == ("0", str(hits))
        assert Path(where).is_relative_to(package if writable else cache)
