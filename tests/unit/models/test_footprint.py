"""What tensors take in the best format that somebody can load, beside arithmetic by hand."""

import numpy as np
import pytest

from knowcost.models.checkpoint import Tensor, from_array
from knowcost.models.counted import counted
from knowcost.models.footprint import footprint

OUT, IN = 64, 32
N = OUT * IN
RANDOM = np.random.default_rng(0)
TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I8": np.int8}


def weight(share, dtype="F16", shape=(OUT, IN), name="a.weight"):
    """A Tensor of ones of which so many are zero, wherever that is."""
    values = np.ones(shape, TYPES[dtype]).reshape(-1)
    values[RANDOM.permutation(values.size)[: round(share * values.size)]] = 0
    return from_array(name, dtype, values.reshape(shape))


def groups(kept, dtype, shape=(OUT, IN)):
    """A Tensor that has the first `kept` of any four weights of a row."""
    row = np.array([1] * kept + [0] * (4 - kept))
    return from_array("a.weight", dtype, np.tile(row, (shape[0], shape[1] // 4)).astype(TYPES[dtype]))


def of(*tensors, **more):
    return footprint({tensor.name: tensor for tensor in tensors}, **more)


SCALE = from_array("a.weight_scale", "F32", np.ones(1, np.float32))


@pytest.mark.parametrize(
    ("tensor", "bits", "loaded", "form"),
    [
        (weight(0), 16, 16, "dense"),
        (weight(1 / 32), 16, 16, "dense"),  # a half bit less, and one more for the mask
        (weight(0.5), 9, 16, "bitmask"),  # more than int8's 8
        (weight(0.5, "BF16"), 9, 16, "bitmask"),
        (weight(0.5, "F32"), 17, 32, "bitmask"),
        (weight(1), 1, 9, "bitmask"),  # which 2:4 holds, too
        (groups(2, "F16"), 9, 9, "2:4"),
        (groups(2, "BF16"), 9, 9, "2:4"),
        (groups(1, "F16"), 5, 9, "bitmask"),  # smaller on disk, and 2:4 once it is loaded
        (groups(2, "F32"), 17, 32, "bitmask"),  # GPUs multiply 2:4 in 16 and 8 bits
        (groups(3, "F16"), 13, 16, "bitmask"),
    ],
)
def test_floats_take_the_smallest_format_that_can_hold_them(tensor, bits, loaded, form):
    found = of(tensor)
    assert (found.real, found.loaded, found.formats) == (bits * N / 8, loaded * N / 8, {form: bits * N / 8})
    assert found.format == form


@pytest.mark.parametrize(
    ("tensor", "bits", "loaded", "form"),
    [
        (weight(0, "I8"), 8, 8, "int8"),
        (weight(0.5, "I8"), 5, 8, "int8 with bitmask"),
        (groups(2, "I8"), 5, 5, "2:4"),
    ],
)
def test_int8_takes_its_scale_along(tensor, bits, loaded, form):
    found = of(tensor, SCALE)
    assert (found.real, found.loaded, found.formats) == (bits * N / 8 + 4, loaded * N / 8 + 4, {form: bits * N / 8 + 4})


def test_packed_weights_take_all_their_parts_whatever_they_stand_for():
    parts = {"_packed": ("I32", (OUT, 4)), "_scale": ("F16", (OUT, 1)), "_zero_point": ("I32", (OUT // 8, 1))}
    tensors = [from_array(f"a.weight{part}", kind, np.zeros(shape, {"I32": np.int32, "F16": np.float16}[kind]))
               for part, (kind, shape) in parts.items()]  # fmt: skip
    tensors.append(from_array("a.weight_shape", "I64", np.array([OUT, IN])))
    found = of(*tensors)
    assert found.real == found.loaded == 4 * 4 * OUT + 2 * OUT + 4 * OUT // 8 + 16
    assert found.formats == {"packed": found.real}


def test_a_mask_takes_whole_bytes_and_a_zero_with_a_sign_is_a_value():
    values = np.zeros((3, 3), np.float32)
    values[0, 0], values[1, 1] = 1, -0.0
    assert of(from_array("a.weight", "F32", values)).real == 2 + 2 * 4


def test_only_matrices_of_layers_leave_zeros_out():
    norm = from_array("norm.weight", "F16", np.zeros(N, np.float16))
    table = from_array("positions", "F16", np.zeros((OUT, IN), np.float16))
    assert of(norm, table).formats == {"dense": 4 * N}


def test_groups_of_four_do_not_cross_rows():
    """Rows of six: their groups of four would."""
    found = of(
        groups(2, "F16", (OUT, 32)),
        from_array("b.weight", "F16", np.tile([1, 1, 0, 0, 0, 0], (OUT, 1)).astype(np.float16)),
    )
    assert found.formats == {"2:4": 9 * N / 8, "bitmask": OUT * 6 / 8 + 2 * 2 * OUT}


def test_groups_are_seen_across_blocks_of_a_tensor():
    shape = (2, 1 << 18)
    spoiled = groups(2, "F16", shape).whole().reshape(shape).copy()
    spoiled[1, -4:], spoiled[1, -8:-4] = [1, 1, 1, 0], [1, 0, 0, 0]
    for values, form in ((groups(2, "F16", shape).whole().reshape(shape), "2:4"), (spoiled, "bitmask")):
        assert of(from_array("a.weight", "F16", values)).formats == {form: 9 << 16}


def test_the_format_is_that_of_what_steps_touched():
    rest = weight(0, name="b.weight", shape=(4 * OUT, IN))
    found = of(weight(0.5), rest, touched=["a.weight"])
    assert found.formats == {"bitmask": 9 * N / 8, "dense": 8 * N} and found.format == "bitmask"
    assert of(weight(0.5), rest).format == "dense"
    few = weight(1 / 8, "F32", name="c.weight")  # 29 of 32 bits, and so more bytes
    assert of(weight(0.5), few, rest, touched=["a.weight", "c.weight"]).format == "bitmask"


def test_what_was_counted_already_is_not_looked_at_again():
    half = weight(0.5)
    unread = Tensor(half.name, half.dtype, half.shape, lambda: pytest.fail("it was read"))
    assert of(unread, counts={"a.weight": counted(half)}).formats == {"bitmask": 9 * N / 8}
