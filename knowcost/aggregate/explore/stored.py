"""The sealed folder of the explorer's data: an index (INDEX), and the parts that it numbers, `<number>.gz`."""

from pathlib import Path
from typing import Any

from knowcost.aggregate import tables
from knowcost.aggregate.explore.parts import VERSION
from knowcost.common.errors import InputError
from knowcost.common.files import read_json

INDEX = "index.json"


def part(folder: str | Path, number: int) -> Path:
    """The file of a part."""
    return Path(folder) / f"{number}.gz"


def read(folder: str | Path) -> tuple[dict[str, Any], list[bytes]]:
    """(the index without `parts`, the parts). Raises InputError unless the folder is, file by file, what was sealed, in
    this layout."""
    tables.made_from(folder)
    index = read_json(Path(folder) / INDEX)
    if index["version"] != VERSION:
        raise InputError(f"{folder}: made by another version of knowcost; run `snakemake -R explore` to make it anew")
    return index, [part(folder, number).read_bytes() for number in range(index.pop("parts"))]
