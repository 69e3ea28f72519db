import numpy as np
import pytest

from knowcost.models.checkpoint import from_array
from knowcost.models.footprint import Touched, bitmask_bytes, count_filled, footprint


def layer(name, dtype, values):
    return {name: from_array(name, dtype, values)}


def taken(tensors, filled=(), **touched):
    counts = {name: count_filled(tensors[name]) for name in filled}
    return footprint(tensors, counts, Touched(**touched))


def halves(dtype):
    """8 x 8 values, two of every four zero."""
    return np.tile(np.array([1, 0, 2, 0], dtype), (8, 2))


@pytest.mark.parametrize(("dtype", "numpy", "bits"), [("F32", "f4", 17), ("F16", "f2", 9), ("BF16", "u2", 9)])
def test_half_the_weights_behind_a_bitmask_are_a_bit_each_and_half_the_values(dtype, numpy, bits):
    found = taken(layer("a.weight", dtype, halves(numpy)), ["a.weight"], names=["a.weight"])
    assert found["real"] * 8 == 64 * bits and found["loaded"] == 64 * np.dtype(numpy).itemsize
    assert found["formats"] == {"bitmask": found["real"]} and found["format"] == "bitmask"


def test_half_of_float16_is_more_than_int8_and_half_of_int8_is_five_bits():
    half = taken(layer("a.weight", "F16", halves("f2")), ["a.weight"], names=["a.weight"])["real"]
    tensors = layer("a.weight", "I8", halves("i1")) | layer("a.weight_scale", "F32", np.ones(1, "f4"))
    sparse = taken(tensors, ["a.weight"], names=["a.weight"])
    full = layer("a.weight", "I8", np.ones((8, 8), "i1")) | layer("a.weight_scale", "F32", np.ones(1, "f4"))
    dense = taken(full, ["a.weight"], names=["a.weight"])
    assert (half, dense["real"], sparse["real"]) == (64 * 9 // 8, 64 + 4, 64 * 5 // 8 + 4)
    assert (dense["format"], sparse["format"]) == ("int8", "int8 with bitmask")
    assert sparse["formats"] == {"int8 with bitmask": 40, "int8": 4} and sparse["loaded"] == 64 + 4


@pytest.mark.parametrize(("dtype", "numpy", "loaded"), [("F16", "f2", 72), ("I8", "i1", 40), ("F32", "f4", 256)])
def test_two_of_four_stays_small_in_memory_where_gpus_compute_with_it(dtype, numpy, loaded):
    tensors = layer("a.weight", dtype, halves(numpy))
    found = taken(tensors, ["a.weight"], names=["a.weight"], pruned_2of4=["a.weight"])
    assert found["loaded"] == loaded and found["real"] == bitmask_bytes(64, 32, np.dtype(numpy).itemsize)


def test_what_a_bitmask_makes_larger_stays_as_it_is():
    almost = np.ones((8, 8), "f4")
    almost[0, 0] = 0
    tensors = layer("a.weight", "F32", almost) | layer("embedding.weight", "F32", np.zeros((4, 4), "f4"))
    found = taken(tensors, ["a.weight"], names=["a.weight"])
    assert found["formats"] == {"dense": 256 + 64} and found["format"] == "dense"


def test_packed_bits_are_counted_with_scales_zero_points_and_shape():
    parts = {
        "a.weight_packed": ("I32", np.zeros((8, 1), "i4")), "a.weight_scale": ("F16", np.ones((8, 1), "f2")),
        "a.weight_zero_point": ("I32", np.zeros((1, 1), "i4")), "a.weight_shape": ("I64", np.array([8, 8], "i8")),
    }  # fmt: skip
    tensors = {name: from_array(name, dtype, values) for name, (dtype, values) in parts.items()}
    tensors |= layer("b.weight", "F16", np.ones((2, 2), "f2"))
    found = taken(tensors, ["b.weight"], names=["a.weight"])
    assert found["formats"] == {"dense": 8, "packed": 32 + 16 + 4 + 16} and found["format"] == "packed"
    assert found["real"] == found["loaded"] == 76


def test_a_minus_zero_is_a_value():
    tensor = from_array("a.weight", "F16", np.array([[0.0, -0.0, 1.0, 0.0]], "f2"))
    assert count_filled(tensor) == 2


def test_an_odd_count_of_weights_ends_within_a_byte():
    assert bitmask_bytes(9, 3, 2) == 2 + 6
