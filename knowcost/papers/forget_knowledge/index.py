"""The tables and figures of "Do Compressed LLMs Forget Knowledge?": what each shows, and what a run has of its tables.

The list is paper.yaml beside this file.
"""

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from knowcost.papers.forget_knowledge import printed
from knowcost.recover import registry
from knowcost.spec.variants import parse

LIST = Path(__file__).with_name("paper.yaml")
Entry = Mapping[str, Any]  # one of paper.yaml's tables or figures


@functools.cache
def contents() -> dict[str, list[dict[str, Any]]]:
    """paper.yaml: {tables, figures}."""
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))


def shows(entry: Entry, slugs: Collection[str]) -> bool:
    """Whether a run with these variants of a model has something of a table."""
    return any(_is_of(entry, slug) for slug in slugs)


def _is_of(entry: Entry, slug: str) -> bool:
    variant = parse(slug)
    if variant.recovery is None or variant.unrecovered.slug != entry["compressed"]:
        return False
    return entry.get("method") in (None, variant.recovery.method)


def lacking(entry: Entry, asked: Mapping[str, Collection[str]]) -> str:
    """What a table prints and a run did not ask, in words: "not run: opt-6.7b, LoRA r3"; "" if all is there.

    asked: {model: its variants}.
    """
    rows = [row for row in printed.rows() if row["table"] == str(entry["number"]) and row["recovery"]]
    gone = [model for model in dict.fromkeys(row["model"] for row in rows) if not shows(entry, asked.get(model, ()))]
    anywhere = {slug for slugs in asked.values() for slug in slugs}
    wanted = dict.fromkeys(row["recovery"] for row in rows if printed.slug(row) not in anywhere)
    parts = [*gone, *(registry.label(recovery) for recovery in wanted)]
    return f"not run: {', '.join(parts)}" if parts else ""
