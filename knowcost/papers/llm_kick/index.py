"""The figures of LLM-KICK: what each shows, and what a run has of it.

The list is paper.yaml beside this file.
"""

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

LIST = Path(__file__).with_name("paper.yaml")
FAMILY = "decoder"  # of which alone the paper speaks
COSTS = ("pruning_", "bits_")  # how the names of figures of what compression costs begin
EACH = "_by_benchmark"  # how those end that show every benchmark by itself, where there are several
PARTS = {  # of a figure that is several, by how the names of ours begin
    "written_conversations": "judged conversations (a, b)",
    "written_measures": "unique tokens (c)",
}

Entry = Mapping[str, Any]  # one of paper.yaml's figures


@functools.cache
def figures() -> list[dict[str, Any]]:
    """paper.yaml's figures, in their order."""
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))["figures"]


def shows(entry: Entry, name: str, kinds: Collection[str]) -> bool:
    """Whether a run's figure of decoders shows one of the paper's. name: the figure's; kinds: those of the benchmarks
    that the run's decoders were asked, one for each."""
    if "drawn" in entry:
        return name.startswith(tuple(entry["drawn"]))
    there = set(entry["kinds"]) & set(kinds)
    return bool(there) and name.startswith(COSTS) and (len(kinds) == 1 or name.endswith(EACH))


def lacking(entry: Entry, names: Collection[str]) -> str:
    """Which part of a figure that a run shows is not in it, "not here: ..."; "" if all is there. names: of the run's
    figures that show it."""
    gone = [start for start in entry.get("drawn", ()) if not any(name.startswith(start) for name in names)]
    return f"not here: {', '.join(PARTS[start] for start in gone)}" if gone else ""
