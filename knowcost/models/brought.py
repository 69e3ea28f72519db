"""Versions of models that were compressed elsewhere: their formats, and what they say. Imports no torch."""

import importlib.util
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.models import fetched, gguf_files, gpus
from knowcost.models.headers import read_config

ELSEWHERE = (
    "{package} wants other versions of torch and transformers than knowcost does, so it is not among the extras: load "
    "this checkpoint where it was made and save it in compressed-tensors' format or as a GGUF, and give that as the "
    "source; or install {package} here by hand, if it goes beside this torch"
)

FLOATS = "weights as floats"  # of a version that is not quantized

_COMPUTES = re.compile(  # keys of a config.json by which a model computes otherwise, whatever its shapes are
    r"rope|rotary|alibi|(^|_)act(ivation)?(_function)?$|_eps(ilon)?$|softcap|scal(e|ar|ing)(_|$)|multiplier|"
    r"sliding_window|clip_qkv|parallel_residual|num_(attention|key_value)_heads|per_tok(en)?$|topk|"
    r"(^|_)bias$|qk_(layer)?norm"
)


@dataclass(frozen=True)
class Format:
    """How a quantized checkpoint is stored.

    label: in words; module: what must be importable; package: what it comes with; extra: whether knowcost has an extra
    of that name; packed: whether its weights stay as small as they are stored while the model computes.
    """

    label: str
    module: str
    package: str
    extra: bool = True
    packed: bool = False


GGUF, COMPRESSED = "gguf", "compressed-tensors"
FORMATS = {  # by quant_method of a config.json's quantization_config, but for GGUF
    GGUF: Format("GGUF", "gguf", "gguf"),
    COMPRESSED: Format("compressed-tensors", "compressed_tensors", "compressed-tensors"),
    "bitsandbytes": Format("bitsandbytes", "bitsandbytes", "bitsandbytes", packed=True),
    "gptq": Format("GPTQ", "gptqmodel", "gptqmodel", extra=False, packed=True),
    "awq": Format("AWQ", "gptqmodel", "gptqmodel", extra=False, packed=True),
}


def is_brought(folder: str | Path) -> bool:
    """Whether a folder is that of a fetched version that was compressed elsewhere."""
    return (Path(folder) / paths.SOURCE).exists() and "parent" in fetched.read_source(folder)


def format_of(folder: Path) -> Format | None:
    """The Format of a fetched checkpoint, None of one whose weights are floats. Raises InputError as `usable` does."""
    if file := gguf_files.name_in(folder):
        return usable(GGUF, folder / file)
    return format_by_config(folder)


def format_by_config(folder: Path) -> Format | None:
    """The Format that a folder's config.json names, None where it names none. Raises InputError as `usable` does."""
    said = read_config(folder).get("quantization_config")
    if said is None:
        return None
    return usable(said.get("quant_method") if isinstance(said, Mapping) else None, folder / "config.json")


def usable(method: Any, path: Path) -> Format:
    """The Format of this name. Raises InputError, naming the file that has it, for one that is not known, or whose
    package is not installed, saying what to do."""
    found = FORMATS.get(method) if isinstance(method, str) else None
    if found is None:
        known = ", ".join(name for name in FORMATS if name != GGUF)
        raise InputError(
            f"{path}: quantization_config has the quant_method {method!r}, expected one of {known}; take a version in "
            "one of these formats, or a GGUF"
        )
    if importlib.util.find_spec(found.module) is None:
        remedy = f"pip install 'knowcost[{found.package}]'" if found.extra else ELSEWHERE.format(package=found.package)
        raise InputError(f"{path}: {found.label} takes the package {found.package}, which is not installed: {remedy}")
    return found


def words(folder: Path) -> str:
    """What a version is, as tables say it: "GGUF Q4_K_M", "bitsandbytes, 4 bit", "weights as floats"."""
    found = format_of(folder)
    if found is None:
        return FLOATS
    if file := gguf_files.name_in(folder):
        return f"{found.label} {gguf_files.kind(folder / file)}".strip()
    said = read_config(folder)["quantization_config"]
    bits = [said.get("bits"), said.get("w_bit"), 4 * bool(said.get("load_in_4bit")), 8 * bool(said.get("load_in_8bit"))]
    weights = [group.get("weights") for group in groups(said)]
    bits += [each.get("num_bits") for each in weights if isinstance(each, Mapping)]
    known = {count for count in bits if isinstance(count, int) and count}
    return ", ".join([found.label, *(f"{count} bit" for count in sorted(known))])


def groups(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The groups of layers of compressed-tensors' configuration, as far as they are written as such."""
    groups = said.get("config_groups")
    return [each for each in groups.values() if isinstance(each, Mapping)] if isinstance(groups, Mapping) else []


def computes_otherwise(parent: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """What a version's configuration says otherwise of how to compute than its parent's, a sentence for each key.

    A GGUF says less than a config.json, and transformers takes its defaults for the rest: of Llama 3.1, whose scaling
    of rotary positions llama.cpp keeps as a tensor, it has none.
    """
    keys = sorted(key for key in parent.keys() & own.keys() if _COMPUTES.search(key))
    return [f"{key} is {own[key]!r}, not {parent[key]!r}" for key in keys if not _alike(parent[key], own[key])]


def left_out(folder: Path, parameters: int) -> list[str]:
    """A sentence on what a GGUF holds beyond a model of so many parameters, none where that is nothing.

    transformers passes over tensors that its model has no place for without a word.
    """
    file = gguf_files.name_in(folder)
    held = sum(int(tensor.n_elements) for tensor in gguf_files.opened(folder / file).tensors) if file else 0
    if held <= parameters:
        return []
    return [
        f"{file} holds {held - parameters:,} numbers for which transformers' model has no place, such as biases or the "
        "scaling of rotary positions"
    ]


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, but for what a float32 rounds."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)


def held_gb(source: Mapping[str, Any], dtype: str) -> float:
    """Gigabytes of a version's weights when it computes: as stored where they stay packed, else of all as `dtype`."""
    return source["weight_bytes"] / 1e9 if source["packed"] else gpus.weights_gb(source["parameters"], dtype)
