"""What is counted of a weight in one look, beside numpy's counts of the whole."""

import numpy as np
import pytest
import torch

from knowcost.models.checkpoint import from_array
from knowcost.models.counted import Counts, counted
from knowcost.models.torch_tensors import from_torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_zeros_have_either_sign_and_those_with_one_are_stored(dtype):
    values = torch.tensor([[0.0, -0.0, 1.0, -1.0], [0.0, 0.0, 1e-7, -0.0]]).to(dtype)
    assert counted(from_torch("w", values)) == Counts(5, 5, False)


def test_int8_has_no_zero_with_a_sign():
    values = np.array([[0, -128, 1, 0]], np.int8)
    assert counted(from_array("w", "I8", values)) == Counts(2, 2, True)


@pytest.mark.parametrize("dtype", ["F16", "I8", "F32"])
def test_half_is_what_every_group_of_four_is(dtype):
    kind = {"F16": np.float16, "I8": np.int8, "F32": np.float32}[dtype]
    values = np.tile(np.array([0, 5, 0, 7], kind), (6, 3))
    assert counted(from_array("w", dtype, values)).half == (dtype != "F32")
    values[5, 8] = 1
    assert not counted(from_array("w", dtype, values)).half
    assert not counted(from_array("w", dtype, values[:, :10])).half  # whose groups would reach into the next row
