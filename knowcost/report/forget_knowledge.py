"""The report's account of "Do Compressed LLMs Forget Knowledge?": for each model and compression the like of its Tables
1 to 3, with the printed values beneath this run's, and an index that says where its tables and figures are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate.tables import ALL
from knowcost.benchmarks.formats import is_published
from knowcost.papers.cost_of_compression.index import named
from knowcost.papers.forget_knowledge import domains, index, printed
from knowcost.recover import registry
from knowcost.recover.wording import in_words
from knowcost.report.paper import Entry, Index
from knowcost.report.table import GONE, Cell, Table, columns, number, row
from knowcost.spec.variants import DENSE, RECOVER, parse

ALONE = "nothing"  # brought back what compression took
EVERYTHING = "all benchmarks"  # the column of the mean over all
THEIRS = {domains.WORLD: "World", domains.COMMON: "Common", domains.LANGUAGE: "Language", EVERYTHING: "Average",
          **{benchmark: task for task, benchmark in printed.TASKS.items()}}  # fmt: skip
SIZES = {"adapter_parameters": "stored (millions)", "cached_parameters": "cached (millions)"}


@dataclass(frozen=True)
class Recoveries:
    """A compressed variant of a model (or the dense one, as a control), and what was recovered from it."""

    model: str
    compressed: str
    variants: Sequence[str]

    @property
    def place(self) -> str:
        """The id of its table."""
        return f"recovery-{self.model}-{self.compressed}"


def recovered(scores: pd.DataFrame) -> list[Recoveries]:
    """What was recovered in a run, in its order; scores: the frame of drops.scores."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    rows = scores[scores["experiment"] == RECOVER]
    for model, slug in rows[["model", "variant"]].drop_duplicates().itertuples(index=False, name=None):
        found.setdefault((model, parse(slug).unrecovered.slug), {})[slug] = None
    return [Recoveries(*of, list(slugs)) for of, slugs in found.items()]


def tables(data: Mapping[str, pd.DataFrame]) -> Iterator[Table]:
    """A folded table for each model and compression that was recovered; data: {name: frame} of tables.read."""
    for of in recovered(data["scores"]):
        yield _table(of, data)


def _table(of: Recoveries, data: Mapping[str, pd.DataFrame]) -> Table:
    mine, means = (data[name][data[name]["model"] == of.model] for name in ("scores", "domains"))
    benchmarks = [name for name in mine["benchmark"].unique() if not is_published(name)]
    named_domains = [name for name in means["domain"].unique() if name != ALL]
    shown = [*benchmarks, *named_domains, EVERYTHING]
    rows, theirs = [], False
    for slug in dict.fromkeys([DENSE, of.compressed, *of.variants]):
        cells = mine[mine["variant"] == slug]
        shares = dict(zip(cells["benchmark"], cells["accuracy"], strict=True))
        by_domain = means[means["variant"] == slug]
        shares |= dict(zip(by_domain["domain"], by_domain["accuracy"], strict=True))
        whole = pd.Series([shares.get(name) for name in benchmarks], dtype=float)
        shares[EVERYTHING] = whole.mean(skipna=False)
        rows.append(_row(slug, cells.iloc[0].to_dict() if len(cells) else {}, [shares.get(name) for name in shown]))
        if said := printed.of(of.model, slug):
            rows.append(_printed(said, shown))
            theirs = True
    note = (
        "Accuracy in percent, task by task, by domain and over all benchmarks; numbers stored beside the weights, and "
        "those held while the model answers (keys and values of prompts). "
    ) + _numbered(of, theirs)
    title = f"Recovery of {of.model}: {in_words(of.compressed)}"
    heads = columns(["recovered by"], [*SIZES.values(), *shown])
    return Table(title, note, heads, rows, folded=True, id=of.place)


def _row(slug: str, about: Mapping[Any, Any], shares: Sequence[float | None]) -> list[Cell]:
    recovery = parse(slug).recovery
    name = registry.label(str(recovery)) if recovery else DENSE if slug == DENSE else ALONE
    sizes = [number(_millions(about.get(size)), ".3f") for size in SIZES]
    return row([name], [*sizes, *(number(_percent(share), ".2f", GONE) for share in shares)])


def _millions(count: float | None) -> float | None:
    return None if count is None else count / 1e6


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _printed(said: printed.Row, shown: Sequence[str]) -> list[Cell]:
    """The line of what the paper prints, digit by digit."""
    values = [said["param"].removesuffix("M"), "", *(said.get(THEIRS.get(name, ""), "") for name in shown)]
    return [Cell("printed", "quiet"), *(Cell(value, "number quiet") for value in values)]


def _numbered(of: Recoveries, theirs: bool) -> str:
    """Which of the paper's tables it is the like of."""
    numbers = [each["number"] for each in index.contents()["tables"] if each["compressed"] == of.compressed
               and index.shows(each, of.variants)]  # fmt: skip
    if not numbers:
        return ""
    words = f"{named('Table', numbers)} of “Do Compressed LLMs Forget Knowledge?”"
    also = "; the line “printed” has what that prints, its slips too (docs/recovery.md)" if theirs else ""
    return f"As {words}{also}."


def contents(data: Mapping[str, pd.DataFrame], figures: Sequence[Mapping[str, Any]]) -> Index | None:
    """Where each of the paper's tables and figures is in this report; None of a run that recovered nothing.

    figures: the entries of figures.json.
    """
    found = recovered(data["scores"])
    if not found:
        return None
    rows = [_of_table(entry, found) for entry in index.contents()["tables"]]
    for entry in index.contents()["figures"]:
        links = [(f"figure-{each['name']}", each["title"]) for each in figures
                 if each["name"].startswith(entry["drawn"])]  # fmt: skip
        remark = "" if links else f"missing: it takes {entry['needs']}"
        rows.append(Entry(named("Figure", [entry["number"]]), entry["title"], links, remark))
    here = sum(bool(each.links) for each in rows)
    return Index(rows, here, len(rows) - here)


def _of_table(entry: index.Entry, found: Sequence[Recoveries]) -> Entry:
    mine = [of for of in found if index.shows(entry, of.variants)]
    asked = {of.model: of.variants for of in mine}
    remark = index.lacking(entry, asked) if mine else f"missing: not recovered here: {in_words(entry['compressed'])}"
    return Entry(named("Table", [entry["number"]]), entry["title"], [(of.place, of.model) for of in mine], remark)
