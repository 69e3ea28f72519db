"""The door for versions that were compressed elsewhere (rows with a `parent`): the same three looks as door.py has.

Nothing is compressed from them, so what their weights are by name is transformers' to say, when it loads them.
"""

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from knowcost.common.errors import InputError
from knowcost.fetch import door
from knowcost.fetch.rows import allowed, choose, is_gguf, names_at
from knowcost.fetch.tokenizer import check_files as check_tokenizer_files
from knowcost.fetch.tokenizer import check_tokenizer
from knowcost.models import brought, gguf_files
from knowcost.models.headers import read_header, shards

log = logging.getLogger(__name__)


def glance(row: Mapping[str, str], folder: Path) -> None:
    """Raise InputError unless a version can be used, as far as the files of its folder show without torch."""
    small, weights = choose(names_at(row, folder), row)
    door.refuse_pointers(folder, [*small, *weights])
    if is_gguf(weights[0]):
        check_tokenizer_files(folder)
        brought.usable(brought.GGUF, folder / weights[0])
        gguf_files.check_magic(folder / weights[0])
    else:
        door.check_files(row, folder, small)
        brought.format_by_config(folder)
        _of_safetensors(folder)


def look_at_small(row: Mapping[str, str], folder: Path, small: Collection[str]) -> None:
    """Raise InputError for what shows before any weights come; of a GGUF, which has all in one file, nothing does."""
    if is_gguf(row["source"]):
        brought.usable(brought.GGUF, folder)
    elif "config.json" in small:
        door.check_files(row, folder, small)
        brought.format_by_config(folder)


def look_at_weights(row: Mapping[str, str], folder: Path, _described: None) -> dict[str, Any]:
    """What source.json says of a whole version that is let in.

    Returns {"parent": the row that it is a version of, "architecture": model_type, "dtype": types of its tensors,
    "parameters": of the model that it stands for, a tied one once, "format": in words, "packed": whether weights stay
    as they are stored while it computes, "weight_bytes": of its tensors}. Raises InputError.
    """
    from knowcost.fetch.config import described_model
    from knowcost.models import blueprint

    with door.of_row(row):
        file = gguf_files.name_in(folder)
        types, stored = _of_gguf(folder / file) if file else _of_safetensors(folder)
        remote_code = "remote_code" in allowed(row)
        if file:
            model = blueprint.empty(gguf_files.configuration(folder / file))
        else:
            model = described_model(folder, remote_code)
        door.check_family(row, folder, model.config.model_type)
        with _of_tokenizer(folder):
            rows = model.get_input_embeddings().weight.shape[0]
            for sentence in check_tokenizer(row["name"], folder, row["family"], rows, remote_code=remote_code):
                log.warning(sentence)
        form = brought.format_of(folder)
        return {
            "parent": row["parent"],
            "architecture": model.config.model_type,
            "dtype": ",".join(types),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "format": brought.words(folder),
            "packed": form is not None and form.packed,
            "weight_bytes": stored,
        }


@contextlib.contextmanager
def _of_tokenizer(folder: Path) -> Iterator[None]:
    """Whatever is wrong with a tokenizer inside a GGUF is mended by one beside it."""
    from knowcost.models import tokenizers

    file = gguf_files.name_in(folder)
    inside = file is not None and not tokenizers.files_in(folder)
    beside = (
        "put the tokenizer of its parent (tokenizer.json, tokenizer_config.json) and this file into a folder, and name "
        "the folder in the source column"
    )
    if file and inside and not gguf_files.has_tokenizer(folder / file):
        raise InputError(f"{folder / file}: holds no tokenizer; {beside}")
    try:
        yield
    except InputError as error:
        raise (InputError(f"{error}. Or {beside}") if inside else error) from error.__cause__


def _of_gguf(path: Path) -> tuple[list[str], int]:
    """(types of the tensors, their bytes) of a GGUF. Raises InputError for one that is not whole."""
    gguf_files.check_magic(path)
    tensors = gguf_files.opened(path).tensors
    return sorted({each.tensor_type.name for each in tensors}), sum(int(each.n_bytes) for each in tensors)


def _of_safetensors(folder: Path) -> tuple[list[str], int]:
    """The same of safetensors files, whose types may be any."""
    types, stored = set(), 0
    for path in shards(folder):
        header, _ = read_header(path)
        for entry in (entry for name, entry in header.items() if name != "__metadata__"):
            types.add(entry["dtype"])
            stored += entry["data_offsets"][1] - entry["data_offsets"][0]
    return sorted(types), stored
