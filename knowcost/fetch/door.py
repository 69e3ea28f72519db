"""The door: whether a model is let in, decided before anything is made of it.

Three looks, each with more in hand: `glance` at the files of a folder, while planning and without torch;
`look_at_small` at config.json and the tokenizer, before any weights come; `look_at_weights` at the whole checkpoint.
What is wrong is an InputError that names the file, what was found, what was expected and what to do.
"""

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common.errors import InputError
from knowcost.common.paths import INDEX, WEIGHTS
from knowcost.fetch.rows import allowed, choose, is_pickle, names_in
from knowcost.fetch.tokenizer import check_files as check_tokenizer_files
from knowcost.fetch.tokenizer import check_tokenizer
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.headers import read_config, read_header, read_object, read_weight_map
from knowcost.spec.architectures import architectures, family_of, unknown

if TYPE_CHECKING:
    import transformers

log = logging.getLogger(__name__)

_TOKENIZERS = ({"tokenizer.json"}, {"vocab.txt"}, {"vocab.json", "merges.txt"}, {"spiece.model"}, {"tokenizer.model"},
               {"sentencepiece.bpe.model"}, {"spm.model"})  # fmt: skip
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_POINTER = b"version https://git-lfs.github.com/spec/"


def glance(row: Mapping[str, str], folder: Path) -> Checkpoint | None:
    """The Checkpoint of a model that can be used, as far as the files of its folder show without torch.

    row: of the model table; folder: what its source names. None for weights in pickles, which are not looked at. Raises
    InputError.
    """
    small, weights = choose(names_in(folder), row)
    check_files(row, folder, small)
    refuse_pointers(folder, weights)
    return None if is_pickle(weights[0]) else check_headers(folder)


def check_files(row: Mapping[str, str], folder: Path, small: Collection[str]) -> None:
    """Refuse a model that needs remote code, is quantized already, of more than text, of another family or has no
    tokenizer.

    small: the names of its small files, which are in `folder`. Raises InputError.
    """
    refuse_pointers(folder, small)
    check_tokenizer_files(folder)
    config = read_config(folder)
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in read_object(folder / name) and "remote_code" not in allowed(row):
            raise InputError(
                f"{folder / name}: model {row['name']} runs code of its own (auto_map). Read that code, then add "
                "`remote_code` to the row's allow column, or choose another model."
            )
    if config.get("quantization_config") is not None and not row.get("parent"):
        _refuse_quantized(row["name"], folder / "config.json", config["quantization_config"])
    check_text_alone(folder / "config.json", config)
    check_family(row, folder, config.get("model_type"))
    if not any(all((folder / name).exists() for name in names) for names in _TOKENIZERS):
        wanted = ", ".join(" + ".join(sorted(names)) for names in _TOKENIZERS)
        raise InputError(f"{folder}: model {row['name']}: {row['source']} has no tokenizer; expected one of: {wanted}")


def _refuse_quantized(name: str, path: Path, said: Any) -> None:
    if isinstance(said, Mapping) and said.get("quant_method") == "mxfp4":
        raise InputError(
            f"{path}: quantization_config says that the experts of model {name} are in four bits (mxfp4), as gpt-oss "
            "was released, and what compression costs is asked of floats; save it in bfloat16 and name that folder as "
            "the source: config/README.md, gpt-oss, has the lines"
        )
    raise InputError(
        f"{path}: quantization_config says that model {name} is quantized already, and what compression costs is asked "
        "of the model before that; choose the checkpoint that it was made from. To have this one asked beside it, as "
        "it is, name the row of that one in this row's column `parent`"
    )


def check_text_alone(path: Path, config: Mapping[str, Any]) -> None:
    """Raise InputError for a model of text and images or sound; config: the contents of the config.json at `path`."""
    text = config.get("text_config")
    others = [key for key, value in config.items() if key.endswith(("vision_config", "audio_config")) and value]
    if not isinstance(text, Mapping) or not others:
        return
    raise InputError(
        f"{path}: {config.get('model_type')!r} is a model of text and more ({', '.join(others)}), and knowledge is "
        f"asked of its text part ({text.get('model_type', 'text_config')}). Save that as a model of its own, with the "
        'lines of config/README.md, "The text part of a larger model", and name its folder as the source'
    )


def refuse_pointers(folder: Path, names: Iterable[str]) -> None:
    """Raise InputError for a file that Git LFS has yet to bring."""
    for name in names:
        with open(folder / name, "rb") as f:
            if f.read(len(_POINTER)) == _POINTER:
                raise InputError(
                    f"{folder / name}: a pointer of Git LFS, not the file; run `git lfs pull` where it was cloned"
                )


def check_family(row: Mapping[str, str], folder: Path, architecture: Any) -> None:
    """Raise InputError unless the model_type of a folder's config.json is of the row's family."""
    if not architecture or not isinstance(architecture, str):
        raise InputError(f"{folder / 'config.json'}: no model_type; model {row['name']} needs a transformers config")
    if architecture not in architectures():
        raise InputError(f"{folder / 'config.json'}: model {row['name']}: {unknown(architecture, folder)}")
    family = family_of(architecture)
    if family != row["family"]:
        raise InputError(
            f"model {row['name']}: the family column says {row['family']!r}, but architecture {architecture!r} "
            f"({folder / 'config.json'}) is of family {family!r}; correct the family column or the source"
        )


def check_headers(folder: Path) -> Checkpoint:
    """The Checkpoint in a folder. Raises InputError unless every file is whole and holds what the index lists."""
    checkpoint = Checkpoint(folder)
    if not (folder / WEIGHTS).exists():
        held = {shard: read_header(folder / shard)[0] for shard in checkpoint.shards}
        for name, shard in read_weight_map(folder / INDEX).items():
            if name not in held[shard]:
                raise InputError(f"{folder / shard}: no tensor {name}, though {INDEX} lists it; fetch the model again")
    return checkpoint


def look_at_small(row: Mapping[str, str], folder: Path, small: Collection[str]) -> "transformers.PreTrainedModel":
    """The model that config.json describes, without weights, when it and the tokenizer can be used.

    small: the names of the fetched small files in `folder`. Raises InputError.
    """
    from knowcost.fetch.config import described_model

    check_files(row, folder, small)
    with of_row(row):
        remote_code = "remote_code" in allowed(row)
        model = described_model(folder, remote_code)
        rows = model.get_input_embeddings().weight.shape[0]
        for sentence in check_tokenizer(row["name"], folder, row["family"], rows, remote_code=remote_code):
            log.warning(sentence)
        return model


@contextlib.contextmanager
def of_row(row: Mapping[str, str]) -> Iterator[None]:
    """What is wrong with a fetched copy is wrong with the row's source."""
    try:
        yield
    except InputError as error:
        raise InputError(f"model {row['name']} ({row['source']}): {error}") from error.__cause__


def look_at_weights(row: Mapping[str, str], folder: Path, model: "transformers.PreTrainedModel") -> dict[str, Any]:
    """What source.json says of a whole checkpoint that is let in; model: as look_at_small gives it.

    Returns {"architecture": model_type, "dtype": stored types of the floating-point tensors, comma-separated,
    "parameters": their elements, a tied tensor counted as often as it is stored, "names": {tensor: the parameters of
    the model that it fills, [] where transformers ignores it}}. Reads all weights, in blocks. Raises InputError.
    """
    from knowcost.fetch import weights

    with of_row(row):
        found = check_headers(folder)
        names = weights.fills(found, model)
        weights.check_values(found, names)
    floats = [tensor for tensor in found.tensors.values() if tensor.dtype in _DTYPES]
    return {
        "architecture": found.model_type,
        "dtype": ",".join(sorted({_DTYPES[tensor.dtype] for tensor in floats})),
        "parameters": sum(tensor.size for tensor in floats),
        "names": names,
    }
