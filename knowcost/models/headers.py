"""What a checkpoint says of itself: its config.json, its index, and the headers of its safetensors files."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
from safetensors import SafetensorError

from knowcost.common import files, paths, reading
from knowcost.common.errors import InputError
from knowcost.common.paths import INDEX, WEIGHTS

# Prefixes of the files of archives that only knowcost.load reads: plain from_pretrained then finds no weights, where it
# would read int8 numbers as weights, or draw those that are packed at random, with no more than a warning.
QUANTIZED, PACKED = "int8.", "packed."
PREFIXES = ("", QUANTIZED, PACKED)


def read_config(folder: str | Path) -> dict[str, Any]:
    """The contents of a checkpoint's config.json. Raises InputError."""
    return read_object(Path(folder) / "config.json")


def read_weight_map(path: str | Path) -> dict[str, str]:
    """{tensor: file name} of the index of a sharded checkpoint. Raises InputError unless it has one, of plain names."""
    index = read_object(path)
    found = index.get("weight_map")
    if not isinstance(index.get("metadata"), dict) or not isinstance(found, dict) or not found:
        raise InputError(f"{path}: expected `metadata` and `weight_map`, tensors to file names; fetch it again")
    for name, shard in found.items():
        if not isinstance(shard, str) or not shard.endswith(".safetensors") or re.search(r"[/\\\0]", shard):
            raise InputError(f"{path}: {name} lies in {shard!r}; expected the name of a .safetensors file beside it")
    return found


def read_object(path: str | Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises InputError."""
    try:
        value = files.read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; expected a transformers checkpoint in this folder") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); fetch it again or repair it") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; fetch it again or repair it")
    return value


def read_header(path: str | Path) -> tuple[dict[str, Any], int]:
    """(header, offset of the data) of one safetensors file.

    Raises InputError when it is not one, by the library's own checks, is cut short, or names a tensor twice. The checks
    come first: they hold the length that a file announces against its own and a cap of 100 MB before anything of that
    length is read.
    """
    size = Path(path).stat().st_size
    try:
        with safetensors.safe_open(path, "numpy"):
            pass
    except SafetensorError as error:
        raise InputError(
            f"{path}: not a safetensors file, or cut short at {size:,} bytes ({error}); fetch it again"
        ) from None
    with open(path, "rb") as f:
        length = int.from_bytes(f.read(8), "little")
        # The library lets a tensor's name stand twice; `parsed` does not.
        return reading.parsed(f"{path}: its header", f.read(length).decode()), 8 + length


def shard_names(folder: str | Path) -> list[str]:
    """The file names of a checkpoint's shards. Raises InputError when there is neither a single file nor an index."""
    check_links(Path(folder))
    for prefix in PREFIXES:
        if (Path(folder) / (prefix + WEIGHTS)).exists():  # transformers prefers it too, whatever an index says
            return [prefix + WEIGHTS]
        index = Path(folder) / (prefix + INDEX)
        if index.exists():
            return sorted(set(read_weight_map(index).values()))
    raise InputError(
        f"{folder}: neither {WEIGHTS} nor {INDEX}. An archive that is not kept in full is exported first: "
        "config/README.md, Archives"
    )


def shards(folder: str | Path) -> Iterator[Path]:
    """The files of a checkpoint's shards. Raises InputError as `shard_names` does, and for one that is not there."""
    for name in shard_names(folder):
        path = Path(folder) / name
        if not path.exists():
            raise InputError(f"{path}: missing, though the index lists it; fetch the model again")
        yield path


def check_links(folder: Path) -> None:
    """Raise InputError for a link to a weight file that leads nowhere."""
    for path in sorted(folder.glob("*.safetensors")):
        if path.is_symlink() and not path.exists():
            raise InputError(
                f"{path}: a link to {os.readlink(path)}, which is not there; put that file back, or correct the source "
                f"of the model, delete {folder / paths.SOURCE} and run Snakemake again to fetch it anew"
            )
