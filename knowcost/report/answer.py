"""The answer: what compression cost in this run, in a few sentences, each of which follows the decision of a table."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from knowcost.aggregate import FULL_WEIGHT, tables
from knowcost.aggregate.rule import COSTS, DIFFERENT, EQUAL, UNSURE
from knowcost.common import paths
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.recover.wording import in_words
from knowcost.report import beyond, recovered, subjects, topics, written
from knowcost.report.keeping import keeping
from knowcost.report.saying import Item, Row, enough, losses, points
from knowcost.report.subjects import Subject
from knowcost.report.table import number, whole
from knowcost.spec.families import LABELS


def answer(tables_dir: str | Path) -> list[str]:
    """The answer in a few sentences, from a folder of tables."""
    return answer_lines(tables.read(tables_dir))


def answer_lines(data: Mapping[str, pd.DataFrame]) -> list[str]:
    """What compression cost in this run, as a list of sentences; data: {name: frame} of tables.read."""
    return [*headlines(data), *details(data)]


def details(data: Mapping[str, pd.DataFrame]) -> list[str]:
    """The sentences below the headlines: on the largest losses, and whether what was lost was forgotten, where that was
    tested; on each kind of compression, on what accuracy does not show, and on models of which nothing can be said."""
    groups, known = subjects.groups(data), subjects.models(data)
    lines = [_costliest(subject) for subject in known.values()]
    lines += [*recovered.headline(data["relearned"]), *subjects.differ(groups)]
    for group in groups:
        lines += topics.sentences(group, data["halves"], named=len(groups) > 1 or len(group) > 1)
    for name, sentence in beyond.SENTENCES.items():
        rows = tables.those(data[name], lambda variant: variant.recovery is None)
        lines += sentence(rows[rows["model"].isin(known)])
    lines += [*written.answer(data), *recovered.gains(data["recovered"], data["relearned"])]
    lines += [*subjects.unanswered(data), *subjects.guessing(data), *subjects.together(data)]
    return [*lines, *subjects.small(data, FULL_WEIGHT)]


def headlines(data: Mapping[str, pd.DataFrame]) -> list[str]:
    """A line per model of which something can be said, of three sentences at most: what it knows, and which compression
    keeps how much of that and what it saves."""
    if data["drops_by_model"].empty:
        return ["Only dense models were asked so far: there is nothing to compare yet."]
    accuracies, known = subjects.accuracies(data["scores"]), subjects.models(data)
    knows = {
        name: f"{name} ({LABELS[subject.family]}) answers {number(accuracies[name])}% right uncompressed."
        for name, subject in known.items()
    }
    return [f"{words} {keeping(data, name)}" for name, words in knows.items()]


def _costliest(subject: Subject) -> str:
    """The largest loss that is shown, or how many variants show none."""
    rows, name = subject.rows[subject.rows["drop_points"].notna()], subject.name
    costs = rows[rows["decision"] == COSTS].sort_values("drop_points", ascending=False)
    if len(costs):
        row = costs.iloc[0].to_dict()
        return f"The largest loss seen on {name}: {losses([Item(in_words(row['variant']), row)])}{_of_lead(row)}."
    unsure = rows[rows["decision"] == UNSURE]
    count = f"None of the {whole(len(rows))} variants" if len(rows) > 1 else "The one variant"
    words = f"{count} of {name} is {'' if len(rows) > 1 else 'not '}shown to cost more than the margin"
    if (equal := (rows["decision"] == EQUAL).sum()) and len(rows) > 1:
        words += f"; {whole(equal)} {'is' if equal == 1 else 'are'} practically equal to it"
    if len(unsure):
        words += f"; {whole(len(unsure))} not measured precisely enough{enough(unsure.to_dict('records'))}"
    hidden = (rows["probability_decision"] == COSTS) & ~rows["decision"].isin(DIFFERENT)
    if hidden.any():
        words += "; the right answer's probability falls by more than that"
        words += f" in {whole(hidden.sum())}" if len(rows) > 1 else ""
    return words + "."


def _of_lead(row: Row) -> str:
    """What share of its lead a model has lost, where it has one on all benchmarks that count."""
    if pd.isna(row["lead_lost_percent"]) or row["leads"] != row["knowing"]:
        return ""
    lost = points(row["lead_lost_percent"], row["lead_lost_low"], row["lead_lost_high"], "%")
    return f", which is {lost} of its lead over the baseline"


def main() -> None:
    """Print the answer of the last run in the current folder."""
    if not any(Path(paths.TABLES).glob("*.parquet")):
        raise InputError(f"{paths.TABLES}: no tables in this folder; run `snakemake` or `make demo` here first")
    print(visible("\n".join(f"- {line}" for line in answer(paths.TABLES))))
    print(f"The whole study: {paths.REPORT}")
