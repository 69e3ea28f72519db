"""What the data-aware methods promise, and whether a layer can hold it: patterns, bits and groups. Imports no torch.

Counts follow the authors' code, so that an archive can be asserted against them:

| method | compared with each other | zeros of an unstructured pattern |
| --- | --- | --- |
| wanda | the weights of one output row | int(columns * sparsity) in each row |
| sparsegpt | all rows of a block of 128 columns | int(rows * width * sparsity) + 1 in each block |
| magnitude_layer | the whole layer | int(rows * columns * sparsity) + 1 |

The `+ 1` is theirs: everything up to and including the value at that index of the sorted scores goes. With N:M every
method compares the M weights of one group in one row. A layer has more zeros than promised only where weights were
zero already or an input was dead.
"""

from knowcost.common.errors import InputError
from knowcost.spec.levels import BITS

BLOCK = 128  # columns that SparseGPT and GPTQ treat at once (blocksize of the authors' code)


def check_pattern(in_features, pattern, layer="layer"):
    """Raise InputError unless a layer of that input width can hold the pattern."""
    if pattern.structured and in_features % pattern.m:
        raise InputError(
            f"{layer}: its {in_features} inputs do not divide into groups of {pattern.m}, so it cannot be pruned to "
            f"{pattern}; leave it out of the scope or take an unstructured level"
        )


def check_quantization(in_features, bits, group_size=None, layer="layer"):
    """Raise InputError unless a layer of that input width can be quantized so. group_size None: one group per row."""
    if bits not in BITS:
        raise InputError(f"{layer}: {bits} bits; quantized archives hold {', '.join(map(str, BITS))}")
    if group_size is not None and (group_size < 1 or in_features % group_size):
        raise InputError(
            f"{layer}: its {in_features} inputs do not divide into groups of {group_size}; "
            "take a divisor of every layer's width, or no group size for one group per row"
        )


def block_width(pattern, blocksize=BLOCK):
    """Columns of SparseGPT's blocks: the largest multiple of M within blocksize, so that no group crosses a border."""
    return max(pattern.m, blocksize // pattern.m * pattern.m) if pattern.structured else blocksize


def promised_zeros(method, rows, columns, pattern, blocksize=BLOCK):
    """How many zeros `wanda`, `sparsegpt` or `magnitude_layer` leave at least in a layer of rows x columns."""
    if pattern.structured:
        return rows * columns // pattern.m * (pattern.m - pattern.n)
    if method == "wanda":
        return rows * int(columns * pattern.sparsity)
    if method == "sparsegpt":
        widths = [min(blocksize, columns - first) for first in range(0, columns, blocksize)]
        return sum(removed(rows * width, pattern) for width in widths)
    if method == "magnitude_layer":
        return removed(rows * columns, pattern)
    raise ValueError(f"no count is promised for {method!r}")


def removed(size, pattern):
    """How many of `size` values that are compared with each other go, as the authors' threshold takes them."""
    return int(size * pattern.sparsity) + 1
