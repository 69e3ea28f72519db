"""The plain-torch int8 layer against torch's own CPU engine: equal to the last bit."""

import pytest
import torch
from helpers import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from knowcost.models import int8_linear
from knowcost.models.int8_linear import DynamicInt8Linear, torch_engine
from knowcost.spec import scopes

pytestmark = pytest.mark.skipif(
    torch.backends.quantized.engine not in ("x86", "fbgemm", "onednn"), reason="torch's engine here is not x86's"
)


def quantize(module, names):
    config = torch.ao.quantization.default_dynamic_qconfig
    return torch.ao.quantization.quantize_dynamic(module, {name: config for name in names}, torch.qint8)


def ours(reference):
    """Our layer with the weights of torch's dynamic Linear."""
    weight = reference.weight()
    return DynamicInt8Linear(weight.int_repr(), torch.tensor([weight.q_scale()]), reference.bias())


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 40),
    inner=st.integers(1, 300),
    out=st.integers(1, 300),
    bias=st.booleans(),
    exponent=st.floats(-9, 4),
    sign=st.sampled_from(["both", "positive", "negative", "zero"]),
    seed=st.integers(0, 2**31),
)
def test_a_layer_is_torch_s_bit_for_bit(rows, inner, out, bias, exponent, sign, seed):
    torch.manual_seed(seed)
    x = torch.randn(rows, inner) * 10**exponent
    x = {"both": x, "positive": x.abs(), "negative": -x.abs(), "zero": x * 0}[sign]
    reference = quantize(torch.nn.Sequential(torch.nn.Linear(inner, out, bias=bias)), ["0"])
    with torch.inference_mode():
        expected = reference(x)
        assert torch.equal(ours(reference[0])(x), expected)
        weight = reference[0].weight()
        same = torch_engine(weight.int_repr(), torch.tensor([weight.q_scale()]), reference[0].bias())
        assert torch.equal(same(x), expected)


@pytest.mark.parametrize("below", [63.5, 10.5, 41.5, 100.5])
@pytest.mark.parametrize("seed", range(5))
def test_codes_that_go_one_beyond_their_range_are_torch_s(below, seed):
    """From -63.5 to 63.5 steps of the scale, and the like: zero is code 64, and the largest becomes 128, not -128."""
    torch.manual_seed(seed)
    x = torch.rand(3, 20) * 0.2
    x[0, 3], x[1, 7] = -below / (127 - below), 1
    reference = quantize(torch.nn.Sequential(torch.nn.Linear(20, 9)), ["0"])
    with torch.inference_mode():
        for size in (1, 0.1, 7):
            assert torch.equal(ours(reference[0])(x * size), reference(x * size))


@pytest.mark.parametrize("size", [1e-45, 1e-42, 1e-40, 3e-37, 1e-36, 1e-30, 6.1e-5 * 127, 6.2e-5 * 127])
@pytest.mark.parametrize("low", [-1.0, 0.0, 1.0])
def test_inputs_of_tiny_ranges_are_torch_s_bit_for_bit(size, low):
    """Where a scale, or one over it, is too small or too large a number, and about FBGEMM's cut-off."""
    x = torch.tensor([[low, 0.3, 1.0], [0.5, low / 3, 0.0]]) * size
    reference = quantize(torch.nn.Sequential(torch.nn.Linear(3, 4)), ["0"])
    with torch.inference_mode():
        for each in (x, -x):
            assert torch.equal(ours(reference[0])(each), reference(each))


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_a_whole_model_is_torch_s_bit_for_bit(kind):
    model = tiny.model(kind)
    names = scopes.layers(model.config.model_type, tiny.linears(model), "paper", "overall", quantizing=True)
    reference = quantize(model, names)
    expected = tiny.logits(reference)
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(reference.get_submodule(parent), child, ours(reference.get_submodule(name)))
    assert not torch.equal(expected, tiny.logits(model))
    assert torch.equal(tiny.logits(reference), expected)


def test_an_empty_batch_and_leading_dimensions():
    layer = DynamicInt8Linear(torch.ones(5, 3, dtype=torch.int8), torch.tensor([0.1]))
    assert layer(torch.empty(0, 2, 3)).shape == (0, 2, 5)
    assert layer(torch.ones(4, 2, 3)).shape == (4, 2, 5)


@pytest.mark.parametrize(("rows", "columns", "sizes"), [(7, 4, [2, 2, 2, 1]), (3, 100, [1, 1, 1]), (2, 4, [2])])
def test_rows_are_worked_on_in_parts_of_the_cache_s_size(monkeypatch, rows, columns, sizes):
    """8 numbers at a time; each row once."""
    monkeypatch.setattr(int8_linear, "CACHED", 8)
    parts = [range(rows)[part] for part in int8_linear._parts(torch.zeros(rows, columns))]
    assert [len(part) for part in parts] == sizes
    assert [row for part in parts for row in part] == list(range(rows))
    layer = DynamicInt8Linear(torch.arange(columns, dtype=torch.int8).repeat(5, 1), torch.tensor([0.1]))
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    found = layer(x)
    monkeypatch.setattr(int8_linear, "CACHED", 10**6)
    assert torch.equal(found, layer(x))
