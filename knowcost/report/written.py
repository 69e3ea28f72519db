"""The report's section on what the models write: sentences, tables, and examples side by side; and the answer's
sentence on it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate import rule
from knowcost.aggregate.tables import those
from knowcost.benchmarks.formats import is_published
from knowcost.draw.words import MEASURES, PERCENT
from knowcost.recover.wording import in_words
from knowcost.report import judged
from knowcost.report.examples import RULE, Examples
from knowcost.report.examples import examples as side_by_side
from knowcost.report.saying import listed, points
from knowcost.report.table import LEGEND, Cell, Table, Told, columns, estimate, number, signed, variant, whole
from knowcost.spec.variants import AS_PUBLISHED, DENSE

Record = Mapping[Hashable, Any]
MOST = 3  # variants that a sentence tells one by one


@dataclass(frozen=True)
class Section:
    """Its paragraphs, the entries of figures.json that belong here, tables, and examples with the rule behind them."""

    words: list[str]
    figures: list[Mapping[str, Any]]
    tables: list[Table]
    examples: list[Examples]
    rule: str = RULE


def section(data: Mapping[str, pd.DataFrame], figures: Sequence[Mapping[str, Any]]) -> Section | None:
    """The section; None where no model wrote anything. data: {name: frame} of tables.read."""
    if data["written"].empty:
        return None
    data = corrected(data)
    words = [*sentences(data["written"]), *judged.sentences(data)]
    tables = [*_tables(data["written"]), *judged.tables(data)]
    return Section(words, list(figures), tables, list(side_by_side(data["examples"])))


def answer(data: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """A sentence per model and benchmark whose answers are texts: who writes most unlike the dense model, and what the
    judge says. What is asked as published is in the section alone."""
    data = corrected(data)
    for (model, benchmark), rows in _whole(_as_asked(data["written"])).groupby(["model", "benchmark"], sort=False):
        place = str(model), str(benchmark)
        said = [*_likeness(rows), *judged.clauses(data["judged"], *place)]
        said += ["that judge is not to be believed without a second look"] * judged.doubted(data["judges"], *place)
        if said:
            yield f"What {model} writes ({benchmark}): {'; '.join(said)}."


def corrected(data: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables without the variants that are there for the audit of a paper alone."""
    own = {
        name: those(data[name], lambda variant: variant.experiment != AS_PUBLISHED) for name in ("written", "judged")
    }
    return {**data, **own}


def _as_asked(written: pd.DataFrame) -> pd.DataFrame:
    """Without the benchmarks that are companions as published."""
    return written[~written["benchmark"].map(is_published).astype(bool)]


def sentences(written: pd.DataFrame) -> Iterator[str]:
    """Of each model and benchmark: how much was written, who writes most like the dense model, who repeats itself."""
    for (model, _), rows in _whole(_as_asked(written)).groupby(["model", "benchmark"], sort=False):
        said = [f"{model} wrote {_much(rows)}."]
        said += [f"{text[0].upper()}{text[1:]}." for text in (*_likeness(rows), *_poorer(rows), *_loops(rows))]
        yield " ".join(said)


def _much(rows: pd.DataFrame) -> str:
    """ "160 answers on mt_bench (80 independent questions), uncompressed and with each of 12 variants"."""
    counts, variants = rows[rows["measure"] == "tokens"], rows["variant"][rows["variant"] != DENSE].nunique()
    clusters = counts["clusters"].dropna()
    of = f" ({whole(clusters.max())} independent questions)" if len(clusters) else ""
    each = f"each of {whole(variants)} variants" if variants > 1 else "one variant"
    beside = f", uncompressed and with {each}" if variants else ""
    return f"{whole(counts['n'].max())} answers on {rows['benchmark'].iloc[0]}{of}{beside}"


def _whole(written: pd.DataFrame) -> pd.DataFrame:
    return written[(written["part"] == "") & written["value"].notna()]


def _of(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    return rows[(rows["measure"] == measure) & (rows["variant"] != DENSE)]


def _likeness(rows: pd.DataFrame) -> Iterator[str]:
    """Whose answers keep most and least of the dense model's."""
    kept = _of(rows, "kept").sort_values("value", ascending=False, kind="stable").to_dict("records")
    if len(kept) == 1:
        yield f"the answers with {_kept(kept[0])} of the dense model's"
    elif kept:
        most, least = _kept(kept[0]), _kept(kept[-1])
        own = rows[(rows["measure"] == "kept") & (rows["variant"] == DENSE)]["value"]
        again = f" (the dense model, asked once more, keeps {number(own.iloc[0])}%)" if len(own) else ""
        yield f"most like the dense model's are the answers with {most} of them, least those with {least}{again}"


def _kept(record: Record) -> str:
    return f"{in_words(record['variant'])}, which keep {points(record['value'], record['low'], record['high'], '%')}"


def _poorer(rows: pd.DataFrame) -> Iterator[str]:
    """How many variants use fewer different tokens, and which most."""
    mine = _of(rows, "unique_tokens")
    fewer = mine[mine["decision"].isin(rule.DIFFERENT) & (mine["change"] < 0)].sort_values("change", kind="stable")
    if len(fewer):
        most = fewer.iloc[0].to_dict()
        size = points(-most["change"], -most["high"], -most["low"])
        yield (
            f"{_count(len(fewer), len(mine))} fewer different tokens an answer, most of all "
            f"{in_words(most['variant'])}: {size} fewer than the dense model's {number(most['dense'])}"
        )


def _count(some: int, of: int) -> str:
    return f"{whole(some)} of {whole(of)} variants use{'s' * (some == 1)}"


def _loops(rows: pd.DataFrame) -> Iterator[str]:
    """Whose answers run in loops oftener than the dense model's."""
    mine = _of(rows, "loops")
    more = mine[mine["decision"].isin(rule.DIFFERENT) & (mine["change"] > 0)]
    if len(more):
        told = more.sort_values("change", ascending=False, kind="stable").to_dict("records")
        names = [f"{in_words(each['variant'])} ({_value(each, 'value')})" for each in told[:MOST]]
        rest = [f"{whole(len(told) - MOST)} more"] * (len(told) > MOST)
        dense = _value(told[0], "dense")
        yield f"oftener than the dense model's ({dense}) answers run in loops with {listed(names + rest)}"
    elif len(mine):
        yield "of no variant it is shown that its answers run in loops oftener than the dense model's"


def _value(record: Record, name: str) -> str:
    """A value of `written` as text, "12.5%" or "43.1"."""
    return f"{number(record[name])}{'%' * (record['measure'] in PERCENT)}"


def _tables(written: pd.DataFrame) -> Iterator[Table]:
    note = (
        "Means over answers; below, the change against the dense model's answers to the same questions, with its 95% "
        f"interval. Size classes and categories are in results/tables/written.csv, and what each measure is in "
        f"docs/results.md. {LEGEND}"
    )
    for (model, benchmark), rows in _whole(written).groupby(["model", "benchmark"], sort=False):
        names = [name for name in MEASURES if name in set(rows["measure"])]
        heads = columns(["variant"], [MEASURES[name] + " (%)" * (name in PERCENT) for name in names])
        cells = rows.set_index(["variant", "measure"]).to_dict("index")
        made = [
            [variant(slug), *(_cell(cells.get((slug, name)), is_dense=slug == DENSE) for name in names)]
            for slug in rows["variant"].unique()
        ]
        yield Table(f"What is written: {model} on {benchmark}", note, heads, made)


def _cell(record: Record | None, is_dense: bool) -> Cell:
    """A mean, and below it its change; of what is only said of one answer beside another its own interval."""
    if record is None:
        return Cell("", "number")
    value, change = record["value"], record["change"]
    told = estimate((value, record["low"], record["high"]), record["decision"])
    if is_dense or pd.isna(change):
        return Told(told.text, told.style, "" if is_dense else told.below)
    return Told(told.text, told.style, f"{signed(change)} ({told.below})" if told.below else "", told.title)
