import pytest
import torch
from helpers import layers
from hypothesis import given, settings
from hypothesis import strategies as st

from knowcost.common.errors import InputError
from knowcost.compress.methods.magnitude_layer import MagnitudeLayer
from knowcost.compress.solvers import magnitude_layer, masks, wanda
from knowcost.spec.levels import Pattern


@settings(max_examples=60, deadline=None)
@given(
    score=st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=4),
    k=st.integers(0, 7),
)
def test_the_smallest_are_those_of_a_stable_sort(score, k):
    expected = [sorted(range(7), key=row.__getitem__)[:k] for row in score]  # Python's sort is stable
    mask = masks.smallest(torch.tensor(score, dtype=torch.float32), k)
    assert [row.nonzero().flatten().tolist() for row in mask] == [sorted(row) for row in expected]


@pytest.mark.parametrize("n, m", [(2, 4), (4, 8), (1, 3)])
def test_n_of_m_neighbours_stay_the_largest(n, m):
    weight, inputs = layers.layer()
    for pruned, score in (
        (magnitude_layer(weight, Pattern(n=n, m=m)), weight.abs()),
        (
            wanda(weight, layers.seen(inputs, hessian=False), Pattern(n=n, m=m)),
            weight.abs() * inputs.flatten(0, 1).norm(dim=0),
        ),
    ):
        groups, score = (pruned != 0).view(-1, m), score.view(-1, m)
        assert (groups.sum(1) == n).all()
        assert torch.equal(groups.nonzero()[:, 1].view(-1, n), score.topk(n).indices.sort().values)
        assert torch.equal(pruned[pruned != 0], weight[pruned != 0])


@pytest.mark.parametrize("sparsity", [0.05, 0.3, 0.5, 0.95])
def test_wanda_takes_as_many_from_every_row(sparsity, monkeypatch):
    monkeypatch.setattr(masks, "CHUNK", 48 * 5)  # several rows at a time, not all
    weight, inputs = layers.layer()
    pruned = wanda(weight, layers.seen(inputs, hessian=False), Pattern(sparsity=sparsity))
    score = weight.abs() * inputs.flatten(0, 1).norm(dim=0)
    for row, before, values in zip(pruned, weight, score, strict=True):
        gone = values.argsort()[: int(48 * sparsity)]
        assert sorted(gone.tolist()) == (row == 0).nonzero().flatten().tolist()
        assert torch.equal(row[row != 0], before[row != 0])


def test_a_whole_layer_by_magnitude_has_the_exact_count_with_ties():
    weight = torch.tensor([[1.0, -1, 2, 1], [1, 3, -1, 1]])
    pruned = magnitude_layer(weight, Pattern(sparsity=0.5))
    assert pruned.tolist() == [[0, 0, 2, 0], [0, 3, 0, 1]]  # 5 of 8, as the authors' `<= threshold` would without ties
    assert (pruned == 0).sum() == MagnitudeLayer().promised_zeros(2, 4, Pattern(sparsity=0.5))
    assert weight[0, 0] == 1


def test_inputs_that_are_always_zero_go_first():
    weight, inputs = layers.layer()
    inputs[..., [3, 40]] = 0
    pruned = wanda(weight, layers.seen(inputs, hessian=False), Pattern(sparsity=0.05))
    assert (pruned == 0).sum() == 24 * 2
    assert not pruned[:, [3, 40]].any()


def test_a_layer_that_saw_no_token_is_pruned_by_magnitude(caplog):
    weight, inputs = layers.layer()
    pruned = wanda(weight, layers.seen(inputs[:0], hessian=False), Pattern(sparsity=0.5))
    assert "no calibration token" in caplog.text
    for row, before in zip(pruned, weight, strict=True):
        assert sorted(before.abs().argsort()[:24].tolist()) == (row == 0).nonzero().flatten().tolist()


def test_bad_weights_and_widths_are_refused():
    weight, inputs = layers.layer(columns=46)
    with pytest.raises(InputError, match="46 inputs"):
        wanda(weight, layers.seen(inputs, hessian=False), Pattern(n=2, m=4))
    with pytest.raises(InputError, match="46 inputs"):
        magnitude_layer(weight, Pattern(n=2, m=4))
    weight[3, 3] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        magnitude_layer(weight, Pattern(sparsity=0.5))
    weight[3, 3] = torch.inf
    with pytest.raises(InputError, match="NaN"):
        wanda(weight, layers.seen(inputs, hessian=False), Pattern(sparsity=0.5))
