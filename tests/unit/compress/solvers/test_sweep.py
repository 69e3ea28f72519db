import pytest
import torch
from helpers import layers
from hypothesis import given, settings
from hypothesis import strategies as st

from knowcost.common.errors import InputError
from knowcost.compress.methods.sparsegpt import SparseGPT
from knowcost.compress.solvers import gptq, magnitude_layer, round_to_nearest, sparsegpt, sweep, wanda
from knowcost.spec.levels import Pattern

HALF, TWO_OF_FOUR = Pattern(sparsity=0.5), Pattern(n=2, m=4)


@pytest.fixture(autouse=True, params=[32, 5])
def near(request, monkeypatch):
    monkeypatch.setattr(sweep, "NEAR", request.param)


def optimal_brain_surgeon(weight, settled, hessian):
    """Columns settled one after another at the values `settled` (float64), by the formula, with an inverse per column:
    w -= (w_i - q) / [F^-1]_00 * [F^-1]_0,: where F is the Hessian of the columns still free (SparseGPT, equation 3)."""
    weight = weight.double().clone()
    for i in range(weight.shape[1]):
        inverse = torch.linalg.inv(hessian[i:, i:])
        quantum = settled(i, weight[:, i])
        weight[:, i:] -= torch.outer((weight[:, i] - quantum) / inverse[0, 0], inverse[0])
    return weight


@pytest.mark.parametrize("pattern", [HALF, TWO_OF_FOUR, Pattern(n=4, m=8), Pattern(n=1, m=3), Pattern(sparsity=0.9)])
@pytest.mark.parametrize("blocksize", [128, 16])
def test_sparsegpt_follows_the_exact_updates(pattern, blocksize):
    weight, inputs = layers.layer()
    pruned = sparsegpt(weight, layers.seen(inputs), pattern, blocksize=blocksize)
    expected = optimal_brain_surgeon(weight, lambda i, w: w * (pruned[:, i] != 0), layers.damped(inputs))
    assert torch.allclose(pruned.double(), expected, rtol=1e-3, atol=1e-4)


def test_gptq_follows_the_exact_updates():
    weight, inputs = layers.layer()
    quantized = gptq(weight, layers.seen(inputs), bits=4, blocksize=16)
    scale, zero = quantized.scales[:, 0].double(), quantized.zeros[:, 0].double()

    def nearest(i, w):
        return scale * ((w / scale).round().add(zero).clamp(0, 15) - zero)

    expected = optimal_brain_surgeon(weight, nearest, layers.damped(inputs))
    assert (quantized.dequantized().double() - expected).abs().max() < 1e-5


def test_weights_that_stay_are_the_best_that_there_are():
    """When the columns that go come first, what stays is the least-squares solution (with the damping as ridge)."""
    weight, inputs = layers.layer(columns=8)
    weight[:, :4] *= 1e-4
    pruned = sparsegpt(weight, layers.seen(inputs), Pattern(n=4, m=8))
    assert not pruned[:, :4].any()
    hessian = layers.damped(inputs)
    best = weight[:, 4:].T.double() + torch.linalg.solve(hessian[4:, 4:], hessian[4:, :4] @ weight[:, :4].T.double())
    assert torch.allclose(pruned[:, 4:].double(), best.T, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 40),
    sparsity=st.sampled_from([0.05, 0.3, 0.5, 0.7, 0.95]),
    blocksize=st.integers(1, 50),
    seed=st.integers(0, 9),
)
def test_sparsegpt_leaves_exactly_the_promised_zeros(rows, columns, sparsity, blocksize, seed):
    weight, inputs = layers.layer(rows, columns, seed)
    pruned = sparsegpt(weight, layers.seen(inputs), Pattern(sparsity=sparsity), blocksize=blocksize)
    assert (pruned == 0).sum() == SparseGPT().promised_zeros(rows, columns, Pattern(sparsity=sparsity), blocksize)
    for first in range(0, columns, blocksize):
        block = pruned[:, first : first + blocksize]
        assert (block == 0).sum() == int(block.numel() * sparsity) + 1


@pytest.mark.parametrize("n, m", [(2, 4), (4, 8), (1, 3)])
def test_n_of_m_are_kept_in_every_group(n, m):
    weight, inputs = layers.layer()
    pruned = sparsegpt(weight, layers.seen(inputs), Pattern(n=n, m=m), blocksize=16)
    assert ((pruned != 0).reshape(-1, m).sum(1) == n).all()


@pytest.mark.parametrize("pattern", [HALF, TWO_OF_FOUR, Pattern(n=4, m=8)])
def test_putting_updates_off_changes_nothing(pattern, monkeypatch):
    weight, inputs = layers.layer()
    pruned = sparsegpt(weight, layers.seen(inputs), pattern)
    monkeypatch.setattr(sweep, "NEAR", 48)  # every update at once
    expected = sparsegpt(weight, layers.seen(inputs), pattern)
    assert torch.equal(pruned == 0, expected == 0)
    assert torch.allclose(pruned, expected, rtol=1e-3, atol=1e-4)


def test_equal_scores_do_not_cost_more_weights_than_promised():
    pruned = sparsegpt(torch.ones(4, 8), layers.seen(torch.eye(8)[None]), Pattern(sparsity=0.5))
    assert (pruned == 0).sum() == 17


@pytest.mark.parametrize("pattern", [HALF, TWO_OF_FOUR])
def test_compensation_helps_where_inputs_are_correlated(pattern):
    weight, inputs = layers.layer()
    errors = [
        layers.error(weight, pruned, inputs)
        for pruned in (
            sparsegpt(weight, layers.seen(inputs), pattern),
            wanda(weight, layers.seen(inputs), pattern),
            magnitude_layer(weight, pattern),
        )
    ]
    assert errors[0] < 0.9 * errors[1] and errors[1] < 0.9 * errors[2]


@pytest.mark.parametrize("setting", [{}, {"group_size": 8}, {"act_order": True}, {"group_size": 8, "act_order": True}])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_beats_rounding_on_the_same_grid(bits, setting):
    weight, inputs = layers.layer()
    quantized = gptq(weight, layers.seen(inputs), bits=bits, **setting)
    nearest = round_to_nearest(weight, bits=bits, group_size=setting.get("group_size"), symmetric=False)
    assert int(quantized.q.max()) < 2**bits
    assert (quantized.q.dtype, quantized.scales.dtype, quantized.zeros.dtype) == (
        torch.uint8,
        torch.float32,
        torch.uint8,
    )
    assert all(each.is_contiguous() for each in (quantized.q, quantized.scales, quantized.zeros))
    assert layers.error(weight, quantized.dequantized(), inputs) < layers.error(weight, nearest.dequantized(), inputs)
    if "group_size" not in setting or "act_order" in setting:  # grids from the weight as given
        assert torch.equal(quantized.scales, nearest.scales) and torch.equal(quantized.zeros, nearest.zeros)


def test_weights_too_small_for_a_scale_do_not_spoil_those_after_them():
    weight, inputs = layers.layer()
    weight[:, :8] = 1e-44  # over 255 it is 0 in float32
    quantized = gptq(weight, layers.seen(inputs), bits=8, group_size=8)
    assert (quantized.dequantized() - weight).abs().max() < 0.2


def test_pruned_weights_stay_zero_when_asked():
    weight, inputs = layers.layer()
    pruned = sparsegpt(weight, layers.seen(inputs), TWO_OF_FOUR)
    for setting in ({}, {"group_size": 8, "act_order": True}):
        kept = gptq(pruned, layers.seen(inputs), bits=8, keep_zeros=True, **setting)
        assert not kept.dequantized()[pruned == 0].any()
        nearest = round_to_nearest(pruned, bits=8, group_size=setting.get("group_size"), symmetric=False)
        errors = [layers.error(pruned, made.dequantized(), inputs) for made in (kept, nearest)]
        assert errors[0] < errors[1]
        assert gptq(pruned, layers.seen(inputs), bits=8, **setting).dequantized()[pruned == 0].any()


def test_dead_inputs_lose_their_weights():
    weight, inputs = layers.layer()
    inputs[..., [0, 17]] = 0
    assert not sparsegpt(weight, layers.seen(inputs), HALF)[:, [0, 17]].any()
    for setting in ({}, {"group_size": 8}, {"act_order": True}, {"group_size": 8, "act_order": True}):
        assert not gptq(weight, layers.seen(inputs), bits=4, **setting).dequantized()[:, [0, 17]].any()


def test_one_sample_is_enough():
    weight, inputs = layers.layer()
    one = inputs[:1, :1]
    assert layers.error(weight, sparsegpt(weight, layers.seen(one), HALF), one) < 0.05 * weight.norm()
    assert torch.isfinite(gptq(weight, layers.seen(one), bits=3).dequantized()).all()


def test_a_layer_that_saw_no_token_is_treated_as_if_all_inputs_were_alike(caplog):
    weight, inputs = layers.layer()
    none = inputs[:0]
    pruned = sparsegpt(weight, layers.seen(none), HALF)
    assert torch.equal(pruned, magnitude_layer(weight, HALF))
    quantized = gptq(weight, layers.seen(none), bits=3)
    nearest = round_to_nearest(weight, bits=3, symmetric=False)
    assert torch.equal(quantized.q, nearest.q)
    assert caplog.text.count("no calibration token reached it") == 2


def test_the_weight_given_is_not_changed_and_what_a_layer_cannot_hold_is_refused():
    weight, inputs = layers.layer()
    before = weight.clone()
    sparsegpt(weight, layers.seen(inputs), HALF)
    gptq(weight, layers.seen(inputs), bits=3, act_order=True)
    assert torch.equal(weight, before)
    with pytest.raises(InputError, match="groups of 5"):
        sparsegpt(weight, layers.seen(inputs), Pattern(n=2, m=5))
    with pytest.raises(InputError, match="groups of 32"):
        gptq(weight, layers.seen(inputs), bits=4, group_size=32)
    with pytest.raises(InputError, match="5 bits"):
        gptq(weight, layers.seen(inputs), bits=5)
    weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        sparsegpt(weight, layers.seen(inputs), HALF)
    with pytest.raises(ValueError, match="without a Hessian"):
        gptq(before, layers.seen(inputs, hessian=False), bits=4)


def test_codes_lie_where_the_weight_does():
    """torch's meta device stands for a GPU."""
    how = sweep._Rounding(bits=4, group_size=4, symmetric=False, act_order=False, keep_zeros=False)
    made = sweep._Rounder(torch.empty(3, 8, device="meta"), torch.arange(8), torch.zeros(8, dtype=torch.bool), how)
    assert {each.device.type for each in (made.columns, made.codes, made.scales, made.zeros)} == {"meta"}
    assert [tuple(each.shape) for each in (made.codes, made.scales, made.zeros)] == [(8, 3), (2, 3), (2, 3)]
