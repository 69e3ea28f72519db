"""The report's account of the paper's own tables and figures: Tables 2 to 5 with the printed values beneath this run's,
and an index that says where each of them is, or why it is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate import names
from knowcost.aggregate.asked import asked
from knowcost.aggregate.paper_tables import PRINTED, grid
from knowcost.papers.cost_of_compression import index as paper
from knowcost.report.table import GONE, Cell, Column, Table, columns, number, row, whole
from knowcost.spec.families import LABELS
from knowcost.spec.variants import AS_PUBLISHED, GROUPINGS

TEXTS = ("family", "model", "benchmark")
WEIGHTS, QUANTIZATION, BENCHMARKS = (
    "Weights per scope",
    "Quantization",
    "Benchmarks",
)  # titles of Tables 2, 3 to 5 and 1
PLACES = {"parameters": WEIGHTS, "int8": QUANTIZATION, "benchmarks": BENCHMARKS}  # by what paper.yaml says is shown


def missing(scores: pd.DataFrame) -> str:
    """A sentence on the cells of this run's design that have no score, "" if none is missing."""
    design = grid(scores)
    gone = design[design["accuracy"].isna()]
    if gone.empty:
        return ""
    counts = gone.groupby(["model", "benchmark"], sort=False).size().reset_index(name="count").to_dict("records")
    words = ", ".join(f"{each['model']} on {each['benchmark']} ({whole(each['count'])})" for each in counts)
    return f"{whole(len(gone))} of the {whole(len(design))} cells of this run's design have no score: {words}."


def tables(data: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Tables 2 to 5; data: {name: frame} of tables.read."""
    numbers = {entry["family"]: entry["number"] for entry in paper.contents()["tables"] if "family" in entry}
    made = [_weights(data["parameters"])]
    for grouping in GROUPINGS:
        for family, theirs in numbers.items():
            if len(data[names.int8(family, grouping)]):
                made.append(_int8(data, family, grouping, theirs if grouping == GROUPINGS[0] else None))
    return made


def _int8(data: Mapping[str, pd.DataFrame], family: str, grouping: str, theirs: int | None) -> Table:
    """One of Tables 3 to 5, or its like under another grouping; theirs: its number, if the paper has it."""
    frame = data[names.int8(family, grouping)]
    note = "Accuracy in percent of the dense model (baseline), after int8, and after pruning followed by int8. "
    note += _asked(data, family) + _printed_too(frame)
    title = f"{QUANTIZATION}: {LABELS[family]} models" + (f" ({grouping} grouping)" if grouping != GROUPINGS[0] else "")
    heads, rows = _beside(frame, ".1f", GONE)
    return Table(title, note, heads, rows, folded=True, id=f"table-{theirs}" if theirs else "")


def _weights(frame: pd.DataFrame) -> Table:
    note = "Millions of weights. Everything leaves out the final layer, linear takes it in; the "
    note += "total counts embeddings and all the rest. "
    if printed := _printed_too(frame):
        note += printed + (
            " The paper counts ALBERT's shared block once per depth, this table as it is stored; its 311 for the "
            "feed-forward layers of both large Flan-T5 is a slip (717 - 302 = 415)."
        )
    named = frame.rename(columns={start + "overall": start + LABELS["overall"] for start in ("", PRINTED)})
    heads, rows = _beside(named, ".1f" if frame["total"].min() > 10 else ".3f", "")
    return Table(WEIGHTS, note, heads, rows, id="table-2")


def _own(scores: pd.DataFrame) -> pd.DataFrame:
    """The design without what was asked or counted as published."""
    return grid(scores[scores["experiment"] != AS_PUBLISHED])


def _asked(data: Mapping[str, pd.DataFrame], family: str) -> str:
    """What a family was asked: benchmarks, facts and majority baselines, also the printed ones."""
    about = data["benchmarks"].set_index("benchmark").reindex(columns=["majority", f"{PRINTED}majority"])
    scores, phrased = _own(data["scores"]), data["phrasings"]
    parts = []
    for name, facts in asked(scores[scores["family"] == family], phrased[phrased["family"] == family]).items():
        words = [facts]
        for baseline, share in zip(("majority baseline", "printed"), about.loc[name], strict=True):
            words += [f"{baseline} {number(100 * share)}"] if pd.notna(share) else []
        parts.append(f"{name} ({', '.join(words)})")
    return f"Asked: {', '.join(parts)}. {GONE} is a missing cell."


def _printed_too(frame: pd.DataFrame) -> str:
    some = any(name.startswith(PRINTED) for name in frame.columns)
    return " The line “printed” has what the paper prints of that model." if some else ""


def _beside(frame: pd.DataFrame, form: str, gone: str) -> tuple[list[Column], list[list[Cell]]]:
    """(columns, rows) of a table: each row of ours, and beneath it the printed values where there are any.

    form, gone: how a number is written, and what stands for one that is not there.
    """
    own = [name for name in frame.columns if not name.startswith(PRINTED)]
    texts = [name for name in own if name in TEXTS]
    numbers = [name for name in own if name not in TEXTS]
    rows = []
    for cells in frame.to_dict("records"):
        rows.append(row([cells[name] for name in texts], [number(cells[name], form, gone) for name in numbers]))
        theirs = [_as_printed(cells.get(PRINTED + name)) for name in numbers]
        if any(theirs):
            words = [Cell("")] * (len(texts) - 1) + [Cell("printed", "quiet")]
            rows.append(words + [Cell(text, "number quiet") for text in theirs])
    heads = columns([name.replace("_", " ") for name in texts], [name.replace("_", " ") for name in numbers])
    return heads, rows


def _as_printed(value: float | None) -> str:
    """With as many decimals as it has, at most three."""
    return number(value, ".3f").rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Entry:
    """A row of the index: "Figure 3", what it shows, where it is in this report [(id, words)], a remark.

    Without links the remark says why it is missing.
    """

    name: str
    title: str
    links: list[tuple[str, str]]
    remark: str


@dataclass(frozen=True)
class Index:
    """The index, and how many of the paper's tables and figures are here and missing."""

    rows: list[Entry]
    here: int
    missing: int


def index(data: Mapping[str, pd.DataFrame], figures: Sequence[Mapping[str, Any]]) -> Index:
    """Where each of the paper's tables and figures is in this report. Figures that are in the same place share a row.

    figures: the entries of figures.json.
    """
    design = _own(data["scores"])
    shared: dict[tuple[str, str, tuple[tuple[str, str], ...], str], list[int]] = {}
    for kind, entries in (("Table", paper.contents()["tables"]), ("Figure", paper.contents()["figures"])):
        for entry in entries:
            links = _table(entry, data) if kind == "Table" else _links(entry["number"], figures)
            if links:
                remark = "; ".join(filter(None, (entry.get("note"), *_gaps(entry, design))))
            else:
                remark = f"missing: {paper.missing(entry, design)}"
            shared.setdefault((kind, paper.title(entry), tuple(links), remark), []).append(entry["number"])
    rows = [
        Entry(paper.named(kind, numbers), title, list(links), remark)
        for (kind, title, links, remark), numbers in shared.items()
    ]
    counts = [(bool(links), len(numbers)) for (_, _, links, _), numbers in shared.items()]
    here = sum(count for linked, count in counts if linked)
    return Index(rows, here, sum(count for _, count in counts) - here)


def _table(entry: Mapping[str, Any], data: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    if "family" in entry and data[names.int8(entry["family"], GROUPINGS[0])].empty:
        return []
    return [(f"table-{entry['number']}", PLACES[entry["shown"]])]


def _links(number: int, figures: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The first by its title; further ones, of a model each, by what tells them from it."""
    made = [entry for entry in figures if number in entry["paper"]]
    words = [entry["title"] if entry is made[0] else entry["title"].rpartition(", ")[2] for entry in made]
    return [(f"figure-{entry['name']}", text) for entry, text in zip(made, words, strict=True)]


def _gaps(entry: Mapping[str, Any], design: pd.DataFrame) -> Iterator[str]:
    """What the run did not ask of what the paper did, and how many cells of its own design are missing."""
    if "family" not in entry:
        return
    yield paper.lacking(entry, design)
    rows = design[(design["family"] == entry["family"]) & design["variant"].isin(list(paper.asked(entry)))]
    gone = rows["accuracy"].isna().sum()
    if gone:
        yield f"{whole(gone)} of {whole(len(rows))} cells missing"
