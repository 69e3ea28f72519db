"""Packed weights against the format's definition, in Python integers, and against compressed-tensors where it is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from knowcost.compress.solvers import packed_tensors, round_to_nearest
from knowcost.compress.solvers.packing import pack
from knowcost.models import formats


def unpacked(words, columns, bits):
    """Codes of one row: bits i * bits and following of the row read as one little-endian number."""
    number = int.from_bytes(np.ascontiguousarray(words).astype("<i4").tobytes(), "little")
    return [number >> (i * bits) & (2**bits - 1) for i in range(columns)]


def test_words_by_hand():
    assert pack(torch.tensor([[1, 2, 15, 0, 0, 0, 0, 8, 5]], dtype=torch.uint8), 4).tolist() == [[0x0F21 - 2**31, 5]]
    codes = torch.zeros(1, 32, dtype=torch.uint8)
    codes[0, 10] = 0b110  # bits 30 to 32: the highest falls into the second word
    assert pack(codes, 3).tolist() == [[-(2**31), 1, 0]]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 100),
    bits=st.sampled_from([2, 3, 4, 8]),
    seed=st.integers(0, 99),
)
def test_codes_can_be_read_back_by_definition(rows, columns, bits, seed):
    codes = torch.randint(0, 2**bits, (rows, columns), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
    packed = pack(codes, bits)
    assert packed.dtype == torch.int32 and packed.shape == (rows, -(-columns * bits // 32))
    assert [unpacked(row, columns, bits) for row in packed.numpy()] == codes.tolist()
    assert np.array_equal(formats.unpacked(packed.numpy(), columns, bits), codes.numpy())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [False, True])
def test_an_archive_s_tensors_stand_for_the_weight(bits, symmetric):
    weight = torch.randn(7, 24, generator=torch.Generator().manual_seed(bits))
    quantized = round_to_nearest(weight, bits=bits, group_size=8, symmetric=symmetric)
    arrays = packed_tensors("a.weight", quantized)
    assert arrays["a.weight_shape"].tolist() == [7, 24] and arrays["a.weight_shape"].dtype == np.int64
    assert arrays["a.weight_scale"].shape == (7, 3)
    if symmetric:
        assert "a.weight_zero_point" not in arrays
        zeros = np.full((7, 3), 2 ** (bits - 1))
    else:
        zeros = np.array([unpacked(c, 7, bits) for c in arrays["a.weight_zero_point"].T]).T
    codes = np.array([unpacked(row, 24, bits) for row in arrays["a.weight_packed"]])
    values = (codes.reshape(7, 3, 8) - zeros[:, :, None]) * arrays["a.weight_scale"][:, :, None]
    assert np.array_equal(values.reshape(7, 24).astype(np.float32), quantized.dequantized().numpy())


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("group_size", [None, 8])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_compressed_tensors_reads_it(bits, group_size, symmetric):
    pytest.importorskip("compressed_tensors", reason="compressed-tensors 0.19 is not installed", minversion="0.19")
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    # of 4 bits and up to 8 rows, whose zero points are one word each, 0.20.0 unpacks none ("stride(-1) must be 1")
    weight = torch.randn(9, 24, generator=torch.Generator().manual_seed(bits))
    quantized = round_to_nearest(weight, bits=bits, group_size=group_size, symmetric=symmetric)
    state = {name[2:]: torch.from_numpy(array) for name, array in packed_tensors("a.weight", quantized).items()}
    strategy = {"strategy": "group", "group_size": group_size} if group_size else {"strategy": "channel"}
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(num_bits=bits, symmetric=symmetric, **strategy)
    )
    decompressed = BaseCompressor.get_value_from_registry("pack-quantized").decompress(state, scheme)
    assert torch.equal(decompressed["weight"], quantized.dequantized())
