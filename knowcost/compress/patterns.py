"""Whether a layer can hold a pattern, or bits and groups, and what pruners share in counting zeros. Imports no torch.

Counts follow the authors' code, so that an archive can be checked against them: each pruner says its own
(methods/layerwise.Pruner.promised_zeros). With N:M every method compares the M weights of one group in one row. A layer
has more zeros than promised only where weights were zero already or an input was dead.
"""

from knowcost.common.errors import InputError
from knowcost.spec.levels import BITS, Pattern

BLOCK = 128  # columns that SparseGPT and GPTQ treat at once (blocksize of the authors' code)


def check_pattern(in_features: int, pattern: Pattern, layer: str = "layer") -> None:
    """Raise InputError unless a layer of that input width can hold the pattern."""
    if pattern.m is not None and in_features % pattern.m:
        raise InputError(
            f"{layer}: its {in_features} inputs do not divide into groups of {pattern.m}, so it cannot be pruned to "
            f"{pattern}; leave it out of the scope or take an unstructured level"
        )


def check_quantization(in_features: int, bits: int, group_size: int | None = None, layer: str = "layer") -> None:
    """Raise InputError unless a layer of that input width can be quantized so. group_size None: one group per row."""
    if bits not in BITS:
        raise InputError(f"{layer}: {bits} bits; quantized archives hold {', '.join(map(str, BITS))}")
    if group_size is not None and (group_size < 1 or in_features % group_size):
        raise InputError(
            f"{layer}: its {in_features} inputs do not divide into groups of {group_size}; "
            "take a divisor of every layer's width, or no group size for one group per row"
        )


def block_width(pattern: Pattern, blocksize: int = BLOCK) -> int:
    """Columns of SparseGPT's blocks: the largest multiple of M within blocksize, so that no group crosses a border."""
    return blocksize if pattern.m is None else max(pattern.m, blocksize // pattern.m * pattern.m)


def n_of_m(pattern: Pattern) -> tuple[int, int]:
    """N and M of an N:M pattern."""
    if pattern.n is None or pattern.m is None:
        raise ValueError(f"{pattern} is not N:M")
    return pattern.n, pattern.m


def zeros_of_groups(rows: int, columns: int, pattern: Pattern) -> int:
    """How many zeros an N:M pattern leaves in a layer, whatever the method: M - N in every group of a row."""
    n, m = n_of_m(pattern)
    return rows * columns // m * (m - n)


def removed(size: int, sparsity: float) -> int:
    """How many of `size` values that are compared with each other go, as the authors' threshold takes them.

    The one more is theirs: everything up to and including the value at that index of the sorted scores goes (Wanda,
    which takes the first so many of each row, has no such value).
    """
    return int(size * sparsity) + 1
