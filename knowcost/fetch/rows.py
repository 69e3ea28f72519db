"""What planning needs of the rows of models, benchmarks and calibration data: local or not, and what they depend on."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from knowcost import world
from knowcost.benchmarks import expected, layouts
from knowcost.benchmarks.prepared import OPTIONAL
from knowcost.common import paths
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.common.paths import INDEX, WEIGHTS
from knowcost.models.gguf_files import SUFFIX

PICKLE = "pytorch_model.bin"
REMOTE = ("https://", "http://", "hf://")
_SHARD = re.compile(r"[^/]+-\d+-of-\d+\.safetensors")  # the index says what it is called before that
_PICKLE = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_SMALL = re.compile(
    r"(generation_)?config\.json|tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json"
    r"|vocab\.(txt|json)|merges\.txt|chat_template\.(jinja|json)|.+\.model"
)


def is_local(source: str) -> bool:
    """Whether a model's source names a folder, or a GGUF in one, rather than a repository on the hub."""
    return source.startswith(("./", "../", "/", "resources/")) or os.path.isdir(place(source)[0])


def is_gguf(name: str) -> bool:
    """Whether a source or a file is a GGUF, by its name."""
    return name.endswith(SUFFIX)


def place(source: str) -> tuple[str, str | None]:
    """(folder or hub id, the one file in it that is meant) of a model's source; None where it is the whole folder."""
    if not is_gguf(source) or os.path.isdir(source):
        return source, None
    folder, slash, name = source.rpartition("/")
    return folder or slash or ".", name


def columns(row: Mapping[str, str]) -> dict[str, str]:
    """What fetching reads of a row of the model table: another dtype, archive or note fetches nothing again."""
    more = ["parent"] if row.get("parent") else []  # a dense model that was fetched before there was this column stays
    return {name: row.get(name, "") for name in ["name", "family", "source", "revision", "allow", *more]}


def benchmark_columns(row: Mapping[str, str]) -> dict[str, str]:
    """The same of a row of the benchmark table, or of the section `calibration`."""
    more = [name for name in OPTIONAL if row.get(name)]  # a benchmark without these stays as it was prepared
    read = {name: row.get(name, "") for name in ("name", "format", "source", "revision", "sha256", *more)}
    completers = expected.completers(row) if row.get("format") else []
    return read | ({"families": ",".join(completers)} if completers else {})


def local_inputs(row: Mapping[str, str]) -> list[str]:
    """The files of a local model that its fetching depends on; [] for a model on the hub.

    All that are taken (`choose`), so that one that is edited, added or removed is seen. Of a folder that `choose`
    refuses those that it looked at, and of one that is not there none: the job that fetches it will say what is wrong.
    But one that was there when the model was fetched, and is there no more, is no reason to fetch it again.
    """
    folder = Path(place(row["source"])[0])
    if not is_local(row["source"]):
        return []
    if is_taught(row["source"]) or (not os.path.isdir(folder) and Path(paths.model_source(row["name"])).exists()):
        return [str(folder / name) for name in world.CHECKPOINT]
    return [declared(folder / name) for name in _looked_at(names_at(row, folder), row)]


def _looked_at(names: Collection[str], row: Mapping[str, str]) -> list[str]:
    try:
        small, weights = choose(names, row)
    except InputError:
        return [name for name in names if is_weights(name) or name == INDEX or _SMALL.fullmatch(name)]
    return [*small, *weights]


def names_in(folder: Path) -> list[str]:
    """The names of the files in a folder, in order; [] where there is none."""
    return sorted(path.name for path in folder.iterdir() if path.is_file()) if os.path.isdir(folder) else []


def names_at(row: Mapping[str, str], folder: Path) -> list[str]:
    """The names of the files of a model's folder that its row means: all, or the one that its source names."""
    _, only = place(row["source"])
    return [name for name in names_in(folder) if only in (None, name)]


def is_taught(source: str) -> bool:
    """Whether a model's source is a folder that the workflow itself makes (knowcost/world)."""
    return source.startswith(f"{world.MODELS}/")


def is_invented(source: str) -> bool:
    """Whether the source of a benchmark or of calibration data is a file that the workflow itself makes."""
    return source.startswith(f"{world.FOLDER}/")


def benchmark_inputs(row: Mapping[str, str]) -> list[str]:
    """The files that preparing a local benchmark, or calibration data, reads; [] for one that is downloaded."""
    if row["source"].startswith(REMOTE):
        return []
    return [declared(path) for path in layouts.files_of(row.get("format", ""), row["source"])]


def declared(path: Path) -> str:
    """A path as an input of Snakemake's. Raises InputError for one that Snakemake would take for a pattern."""
    if set("{}<>") & set(str(path)):
        raise InputError(f"{path}: Snakemake reads {{}} and <> in a path as patterns; rename the file")
    if str(path) != visible(str(path)):
        raise InputError(f"{path}: has a control character in its name, which Snakemake would show; rename the file")
    return str(path)


def allowed(row: Mapping[str, str]) -> set[str]:
    """What the user allows of a model, by its row: `pickle`, `remote_code`."""
    return {word.strip() for word in (row.get("allow") or "").split(",")}


def is_pickle(name: str) -> bool:
    """Whether a file of a checkpoint holds pickled weights, by its name."""
    return bool(_PICKLE.fullmatch(name))


def is_weights(name: str) -> bool:
    """Whether a file of a checkpoint holds weights, pickled or not, by its name."""
    return is_gguf(name) or name == WEIGHTS or is_pickle(name) or bool(_SHARD.fullmatch(name))


def choose(names: Collection[str], row: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """(small files, weight files) worth having among a checkpoint's file names; everything else is left behind.

    One set of weights is taken, in transformers' order of preference: model.safetensors, its shards with their index,
    and only then, if the row allows it, pickles; of a version that was compressed elsewhere, a GGUF. Raises InputError
    when there is nothing to take.
    """
    small = [n for n in names if _SMALL.fullmatch(n) or (n.endswith(".py") and "remote_code" in allowed(row))]
    pickles = [name for name in names if is_pickle(name)]
    if WEIGHTS in names:
        return small, [WEIGHTS]
    if INDEX in names:
        shards = [name for name in names if _SHARD.fullmatch(name)]
        if not shards:
            raise InputError(
                f"{row['name']}: {row['source']} has {INDEX} but none of its shards (...-00001-of-00002.safetensors); "
                "fetch it again"
            )
        return [*small, INDEX], shards
    if row.get("parent"):
        return small, [_one_gguf(names, row)]
    if not pickles:
        held = ", ".join(sorted(names)) or "nothing"
        raise InputError(
            f"{row['name']}: {row['source']} has neither {WEIGHTS} nor {INDEX} but only: {held}{_parentless(names)}"
        )
    if "pickle" not in allowed(row):
        raise InputError(
            f"{row['name']}: {row['source']} has no safetensors, only pickled weights ({', '.join(pickles)}), which "
            "can run code when they are opened. Add `pickle` to the row's allow column to have them read by a loader "
            "that refuses everything but tensors, or choose a revision with safetensors."
        )
    if PICKLE in pickles:
        return small, [PICKLE]
    if len(pickles) != int(pickles[0].removesuffix(".bin").rpartition("-")[2]):
        raise InputError(f"{row['name']}: {row['source']} lacks some of its shards, it has only: {', '.join(pickles)}")
    return small, pickles


def _parentless(names: Collection[str]) -> str:
    if not any(map(is_gguf, names)):
        return ""
    return "; a GGUF is a compressed version, whose row names that of the dense model in the column `parent`"


def _one_gguf(names: Collection[str], row: Mapping[str, str]) -> str:
    found = sorted(filter(is_gguf, names))
    if len(found) > 1:
        raise InputError(
            f"{row['name']}: {row['source']} has several GGUFs ({', '.join(found)}); name one of them in the source "
            f"column: {row['source'].rstrip('/')}/{found[0]}"
        )
    if not found and place(row["source"])[1]:
        raise InputError(f"{row['name']}: there is no file {row['source']}; correct the source column")
    if not found:
        held = ", ".join(sorted(names)) or "nothing"
        raise InputError(
            f"{row['name']}: {row['source']} has neither {WEIGHTS} nor {INDEX} nor a GGUF but only: {held}. A version "
            "that was compressed elsewhere is not read from pickles; save it as safetensors"
        )
    return found[0]
