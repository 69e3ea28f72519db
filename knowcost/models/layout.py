"""How weights lie in files, and how all that compresses them sees them: every linear layer as a matrix (out, in).

Most checkpoints hold that. Two kinds of weight lie otherwise (spec/architectures.yaml, `transposed` and `stacked`):
GPT-2's, whose Conv1D has (in, out), and the experts of gpt-oss, of which one tensor holds all, (expert, in, out), and
another their biases, (expert, out). On reading, the first are turned and the second cut into one layer for each expert:

    model.layers.0.mlp.experts.gate_up_proj         -> model.layers.0.mlp.experts.3.gate_up_proj.weight
    model.layers.0.mlp.experts.gate_up_proj_bias    -> model.layers.0.mlp.experts.3.gate_up_proj.bias

and `folded` puts them back before they are written, so that files always have the layout of the checkpoint they were
made from. What an archive holds beside a weight or in its place (an int8 scale; the parts of a packed weight) is of
one layer, (out, in), in files too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, architectures

if TYPE_CHECKING:
    from knowcost.models.checkpoint import Tensor

STRIPE = 1 << 22  # elements of a matrix that are turned at a time: larger ones are read several times


@dataclass(frozen=True)
class Piece:
    """A tensor of a file, or a part of one: name, shape, data_offsets as in the file; turned: whether it is to be
    transposed."""

    name: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    turned: bool = False


def pieces(model_type: str | None, name: str, entry: dict[str, Any]) -> list[Piece]:
    """What a tensor of a file is made of, by its header's entry: mostly itself."""
    shape = tuple(entry["shape"])
    first, last = entry["data_offsets"]
    owner, _, leaf = name.rpartition(".")
    layer, kind = (name.removesuffix("_bias"), "bias") if name.endswith("_bias") else (name, "weight")
    if len(shape) == (3 if kind == "weight" else 2) and _matches("stacked", model_type, layer):
        size = (last - first) // max(shape[0], 1)
        return [
            Piece(
                f"{owner}.{expert}.{leaf.removesuffix('_bias')}.{kind}",
                shape[1:],
                (first + expert * size, first + (expert + 1) * size),
                turned=kind == "weight",
            )
            for expert in range(shape[0])
        ]
    return [Piece(name, shape, (first, last), len(shape) == 2 and _is_turned(model_type, name))]


def folded(model_type: str | None, tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors as files hold them: layers that lie transposed turned, the experts of a stack put together.

    A stack stands where the first of its experts stood. Raises BrokenPromise for a stack that lacks some.
    """
    groups: dict[str, dict[int, Tensor]] = {}
    for tensor in tensors:
        name, expert = name_in_files(model_type, tensor)
        groups.setdefault(name, {})[expert] = tensor
    return [_joined(model_type, name, members) for name, members in groups.items()]


def name_in_files(model_type: str | None, tensor: Tensor) -> tuple[str, int]:
    """(the name of the file's tensor that a Tensor is part of, which part)."""
    found = re.fullmatch(r"(.+)\.(\d+)\.([^.]+)\.(weight|bias)", tensor.name)
    if found and _matches("stacked", model_type, stack := f"{found[1]}.{found[3]}"):
        return stack + ("_bias" if found[4] == "bias" else ""), int(found[2])
    return tensor.name, 0


def is_read_as_linear(model_type: str | None, taken: Iterable[str], modules: Iterable[str]) -> bool:
    """Whether transformers has an nn.Linear for each of the layers `taken` of a model, so that it can read their packed
    weights. It has none for Conv1D, and reads nothing packed of a model whose experts it puts together (of gpt-oss,
    whose experts are together in files, it reads the rest)."""
    looked_at = taken if architecture(model_type).stacked else modules
    if any(re.search(r"experts\.\d+\.[^.]+$", name) for name in looked_at):
        return False
    return not any(_matches("transposed", model_type, name) for name in taken)


def turned(tensor: Tensor, name: str) -> Tensor:
    """The transpose of a two-dimensional Tensor, in blocks of up to STRIPE elements, each read from all of it."""
    rows, columns = tensor.shape
    at_once = max(1, STRIPE // max(rows, 1))

    def stripes() -> Iterator[np.ndarray]:
        for first in range(0, columns, at_once):
            stripe: np.ndarray | None = None
            for row, part in whole_rows(tensor.blocks(), columns):
                if stripe is None:
                    stripe = np.empty((min(at_once, columns - first), rows), part.dtype)
                stripe[:, row : row + len(part)] = part[:, first : first + at_once].T
            if stripe is not None:
                yield stripe.reshape(-1)

    return replace(tensor, name=name, shape=(columns, rows), blocks=stripes)


def whole_rows(blocks: Iterable[np.ndarray], columns: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row, array (rows, columns)) of a matrix that comes in flat blocks of any size."""
    first = 0
    rest: np.ndarray | None = None
    for block in blocks:
        values = block if rest is None or not rest.size else np.concatenate([rest, block])
        count = values.size // columns
        if count:
            yield first, values[: count * columns].reshape(-1, columns)
        first, rest = first + count, values[count * columns :]


def in_blocks(arrays: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Flat arrays of any length as arrays of `size` elements, the last one shorter."""
    rest: np.ndarray | None = None
    for array in arrays:
        values = array if rest is None or not rest.size else np.concatenate([rest, array])
        whole = values.size - values.size % size
        yield from (values[start : start + size] for start in range(0, whole, size))
        rest = values[whole:]
    if rest is not None and rest.size:
        yield rest


def _is_turned(model_type: str | None, name: str) -> bool:
    return name.endswith(".weight") and _matches("transposed", model_type, name.removesuffix(".weight"))


def _matches(key: str, model_type: str | None, layer: str) -> bool:
    block = architectures().get(model_type or "")
    return any(scopes.matches(pattern, layer) for pattern in (getattr(block, key) if block else ()))


def _joined(model_type: str | None, name: str, parts: Mapping[int, Tensor]) -> Tensor:
    """The tensor of a file out of its parts."""
    first = next(iter(parts.values()))
    if name == first.name:
        return turned(first, name) if len(first.shape) == 2 and _is_turned(model_type, name) else first
    experts = [parts[expert] for expert in sorted(parts)]
    if sorted(parts) != list(range(len(parts))) or len({(each.shape, each.dtype) for each in experts}) > 1:
        raise BrokenPromise(f"{name}: its experts are not all there, or not alike: {sorted(parts)}")
    experts = [turned(each, name) if len(each.shape) == 2 else each for each in experts]
    return replace(
        first,
        name=name,
        shape=(len(experts), *experts[0].shape),
        blocks=lambda: (block for each in experts for block in each.blocks()),
    )
