"""The report's index of LLM-KICK's figures: where each is in this report, or what it would take."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from knowcost.papers.cost_of_compression.index import named
from knowcost.papers.llm_kick import index
from knowcost.report.paper import Entry, Index


def contents(data: Mapping[str, pd.DataFrame], figures: Sequence[Mapping[str, Any]]) -> Index | None:
    """Where each of the paper's figures is; None of a run without decoders.

    data: {name: frame} of tables.read; figures: the entries of figures.json.
    """
    scores, about = data["scores"], data["benchmarks"]
    asked = set(scores[scores["family"] == index.FAMILY]["benchmark"])
    if not asked and index.FAMILY not in set(data["written"]["family"]):
        return None
    kinds = [kind for name, kind in zip(about["benchmark"], about["kind"], strict=True) if name in asked]
    mine = [each for each in figures if each["family"] == index.FAMILY]
    rows = [_entry(entry, [each for each in mine if index.shows(entry, each["name"], kinds)])
            for entry in index.figures()]  # fmt: skip
    here = sum(bool(each.links) for each in rows)
    return Index(rows, here, len(rows) - here)


def _entry(entry: index.Entry, mine: Sequence[Mapping[str, Any]]) -> Entry:
    links = [(f"figure-{each['name']}", each["title"]) for each in mine]
    if links:
        remark = "; ".join(filter(None, (entry["note"], index.lacking(entry, [each["name"] for each in mine]))))
    else:
        remark = f"missing: it takes {entry['needs']}"
    return Entry(named("Figure", [entry["number"]]), entry["title"], links, remark)
