import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from knowcost.common.errors import InputError
from knowcost.compress.solvers import Quantized, round_to_nearest


def test_grids_by_hand():
    weight = torch.tensor([[-1.0, 0.5, 2.0, 0.0], [0, 0, 0, 0], [0.5, 1.0, 1.5, 1.0]])
    asymmetric = round_to_nearest(weight, bits=2, symmetric=False)
    assert asymmetric.scales.flatten().tolist() == pytest.approx([1, 2 / 3, 0.5])
    assert asymmetric.zeros.flatten().tolist() == [1, 2, 0]
    assert asymmetric.q.tolist() == [[0, 1, 3, 1], [2, 2, 2, 2], [1, 2, 3, 2]]  # 0.5 rounds to even
    assert asymmetric.dequantized().tolist() == [[-1, 0, 2, 0], [0, 0, 0, 0], [0.5, 1, 1.5, 1]]
    symmetric = round_to_nearest(weight, bits=2, symmetric=True)
    assert symmetric.zeros.flatten().tolist() == [2, 2, 2]
    assert symmetric.scales.flatten().tolist() == pytest.approx([4 / 3, 2 / 3, 1])
    assert symmetric.q.tolist() == [[1, 2, 3, 2], [2, 2, 2, 2], [2, 3, 3, 3]]


def test_a_grid_is_torch_s_own():
    """torch.fake_quantize_per_channel_affine with the same scales and zero points."""
    weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))
    for bits in (2, 3, 4, 8):
        made = round_to_nearest(weight, bits=bits, symmetric=False)
        scales, zeros = made.scales.flatten(), made.zeros.flatten().int()
        expected = torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, 0, 2**bits - 1)
        assert torch.allclose(made.dequantized(), expected, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    bits=st.sampled_from([2, 3, 4, 8]),
    group_size=st.sampled_from([None, 1, 4, 12]),
    symmetric=st.booleans(),
    exponent=st.integers(-40, 30),
    seed=st.integers(0, 99),
)
def test_every_value_goes_to_its_nearest_code(bits, group_size, symmetric, exponent, seed):
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(seed)) * 10.0**exponent
    weight[1, :6] = 0
    made = round_to_nearest(weight, bits=bits, group_size=group_size, symmetric=symmetric)
    assert made.group_size == (group_size or 12)
    assert made.g_idx.tolist() == [column // made.group_size for column in range(12)]
    assert int(made.q.max()) < 2**bits
    scales, zeros = made.scales[:, made.g_idx].double(), made.zeros[:, made.g_idx].double()
    points = scales.unsqueeze(2) * (torch.arange(2**bits) - zeros.unsqueeze(2))
    distance = (points - weight.double().unsqueeze(2)).abs().amin(2)
    error = (made.dequantized().double() - weight.double()).abs()
    assert (error <= distance + 1e-4 * scales).all()
    assert not made.dequantized()[1, :6].any()


def test_a_symmetric_grid_of_positive_values_reaches_them():
    """Theirs spreads 16 codes over -8/15 to 7/15 of the largest value here; see grids.grid."""
    made = round_to_nearest(torch.tensor([[1.0, 2, 4, 8]]), bits=4, symmetric=True)
    assert made.dequantized()[0, 3] == pytest.approx(8, abs=8 / 15 + 1e-6)


def test_what_cannot_be_held_is_refused():
    with pytest.raises(InputError, match="groups of 5"):
        round_to_nearest(torch.ones(2, 12), bits=4, group_size=5, symmetric=True)
    with pytest.raises(InputError, match="6 bits"):
        round_to_nearest(torch.ones(2, 12), bits=6, symmetric=True)
    with pytest.raises(InputError, match="NaN"):
        round_to_nearest(torch.full((2, 12), torch.nan), bits=4, symmetric=True)


def test_values_are_scale_times_distance_from_zero():
    q = torch.tensor([[0, 3, 1, 2]], dtype=torch.uint8)
    made = Quantized(q, torch.tensor([[0.5, 2.0]]), torch.tensor([[1, 3]], dtype=torch.uint8), bits=2, symmetric=False)
    assert made.dequantized().tolist() == [[-0.5, 1.0, -4.0, -2.0]]
