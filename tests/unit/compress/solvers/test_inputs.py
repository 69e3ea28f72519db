import pytest
import torch
from helpers import layers

from knowcost.common.errors import InputError
from knowcost.compress.solvers import InputStatistics, inputs


@pytest.fixture(autouse=True)
def small_panels(monkeypatch):
    monkeypatch.setattr(inputs, "BLOCK", 7)


def test_sums_are_those_of_the_definition():
    _, x = layers.layer(columns=10)
    made = InputStatistics(10, "cpu", hessian=True)
    made.add(x[:3])  # a batch of three samples
    made.add(x[3])  # a call without a batch is one sample
    made.add(x[:0])
    tokens = x.flatten(0, 1).double()
    assert (made.samples, made.tokens) == (4, 4 * 64)
    assert torch.allclose(made.norms.double(), tokens.norm(dim=0))
    assert torch.allclose(made.mean_square.double(), (tokens**2).sum(0) / 4)
    assert torch.allclose(made.hessian.double(), 2 / 4 * tokens.T @ tokens, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    x = torch.full((1, 4096, 2), 1.0, dtype=dtype)
    made = InputStatistics(2, "cpu", hessian=True)
    made.add(x)
    assert made.norms.tolist() == [64, 64]
    assert made.hessian.tolist() == [[8192, 8192], [8192, 8192]]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_inputs_that_are_no_numbers_are_refused(bad):
    x = torch.ones(1, 3, 4)
    x[0, 1, 2] = bad
    with pytest.raises(InputError, match=r"q_proj.*NaN or infinity"):
        InputStatistics(4, "cpu", hessian=False, name="q_proj").add(x)


@pytest.mark.parametrize("columns", [1, 7, 20])
@pytest.mark.parametrize("act_order", [False, True])
def test_the_factor_is_that_of_the_inverse(columns, act_order):
    _, x = layers.layer(columns=columns)
    expected = layers.damped(x)
    factor, order, dead = layers.seen(x).factor(0.01, act_order)
    assert sorted(order.tolist()) == list(range(columns)) and not dead.any()
    if act_order:
        assert (expected.diagonal()[order].diff() <= 0).all()
    assert torch.equal(factor, factor.triu())
    inverse = torch.linalg.inv(expected)[order][:, order]
    assert torch.allclose(factor.double().T @ factor.double(), inverse, rtol=1e-3, atol=1e-4 * inverse.abs().max())


def test_layers_that_share_statistics_get_the_same_factor():
    _, x = layers.layer()
    made = layers.seen(x)
    first = made.factor(0.01)
    assert made.factor(0.01)[0] is first[0]
    with pytest.raises(ValueError, match="other settings"):
        made.factor(0.02)


def test_damping_doubles_until_the_hessian_can_be_inverted(caplog):
    made = layers.seen(torch.ones(1, 3, 20))
    made.hessian.copy_(torch.eye(20))
    made.hessian[4, 15] = made.hessian[15, 4] = 1.05  # its smallest eigenvalue is -0.05
    expected = torch.linalg.inv(made.hessian.double() + 0.08 * torch.eye(20))
    factor, _, _ = made.factor(0.01)
    assert [record.args[1] for record in caplog.records] == [0.02, 0.04, 0.08]
    assert torch.allclose(factor.double().T @ factor.double(), expected, rtol=1e-4)


def test_a_hessian_that_cannot_be_inverted_is_an_error(caplog):
    made = layers.seen(torch.ones(1, 3, 20))
    made.hessian[4, 9] = made.hessian[9, 4] = 1e6
    with pytest.raises(InputError, match=r"not positive definite.*10\.24"):
        made.factor(0.01)
    assert len(caplog.records) == 10


def test_a_failed_factorization_leaves_the_matrix_to_be_had_again():
    _, x = layers.layer(columns=20)
    matrix = layers.damped(x).float()
    matrix[2, 2] = -1  # found late: columns are taken from the last to the first
    expected = matrix.clone()
    assert not inputs.cholesky_backwards_(matrix)
    assert not torch.equal(matrix, expected)
    inputs.mirror_lower_(matrix)
    matrix.diagonal().copy_(expected.diagonal())
    assert torch.equal(matrix, expected)


def test_dead_inputs_are_told():
    _, x = layers.layer(columns=20)
    x[..., 5] = 0
    factor, order, dead = layers.seen(x).factor(0.01, act_order=True)
    assert dead.nonzero().flatten().tolist() == [5]
    row = factor[order == 5][0]
    assert (row != 0).nonzero().flatten().tolist() == (order == 5).nonzero().flatten().tolist()


@pytest.mark.parametrize("hessian", [False, True])
def test_sums_lie_where_the_layer_s_weight_does(hessian):
    """torch's meta device stands for a GPU."""
    made = InputStatistics(3, "meta", hessian)
    assert made.mean_square.device.type == "meta" and made.mean_square.shape == (3,)
    assert (made.hessian is not None) == hessian
    if hessian:
        assert made.hessian.device.type == "meta" and made.hessian.shape == (3, 3)
