"""Input embeddings that know the tokens of the calibration data, and no others."""

from collections.abc import Iterator

import torch

from knowcost.common.errors import InputError
from knowcost.models.checkpoint import Tensor
from knowcost.models.names import tied
from knowcost.models.skeleton import Skeleton


def keep_rows(skeleton: Skeleton, embedding: Tensor, ids: torch.Tensor) -> None:
    """Give a Skeleton's modules that look tokens up the rows for these tokens, in memory for as long as it lives.

    embedding: of its tensors, the one they look up; ids: int64, of any shape. The model is called with true ids. They
    become rows of the short table in front of the module's own forward pass, so what a subclass of nn.Embedding does
    (Gemma's and BART's scale) is done. Raises InputError for a token that the embedding lacks.
    """
    used = ids.unique().to(skeleton.device)
    tables: dict[str, torch.nn.Parameter] = {}
    for path, module in _lookups(skeleton, embedding.name):
        name = skeleton.names[f"{path}.weight"]
        if name not in tables:
            table = rows_of(skeleton.tensors[name], used.cpu(), skeleton.dtype).to(skeleton.device)
            tables[name] = torch.nn.Parameter(table, requires_grad=False)
        module.weight = tables[name]
        module.padding_idx = None  # matters to gradients alone, and may lie behind the end of the short table
        module.register_forward_pre_hook(lambda _, args: (torch.searchsorted(used, args[0].contiguous()), *args[1:]))


def rows_of(embedding: Tensor, ids: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Rows of an embedding (read a block at a time) for one-dimensional int64 ids, on the CPU."""
    if int(ids.max()) >= embedding.shape[0]:
        raise InputError(
            f"the calibration data has token {int(ids.max())}, but {embedding.name} has {embedding.shape[0]:,} rows: "
            "the tokenizer is not this model's"
        )
    out = torch.empty(len(ids), embedding.shape[1], dtype=dtype)
    for first, rows in embedding.rows():
        here = (ids >= first) & (ids < first + len(rows))
        out[here] = torch.from_numpy(rows)[ids[here] - first].to(dtype)
    return out


def _lookups(skeleton: Skeleton, name: str) -> Iterator[tuple[str, torch.nn.Embedding]]:
    """(path, module) of those that look tokens up: an encoder-decoder has one in each stack, tied or stored twice."""
    found = {parameter for parameter, tensor in skeleton.names.items() if tensor == name}
    found |= {parameter for group in tied(skeleton.model) if not found.isdisjoint(group) for parameter in group}
    for path, module in skeleton.model.named_modules():
        if isinstance(module, torch.nn.Embedding) and f"{path}.weight" in found:
            yield path, module
