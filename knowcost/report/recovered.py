"""The report's section on recoveries: whether what compression took was forgotten or only displaced, in words that
follow the table `relearned`, and what each recovery brings back."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import rule
from knowcost.aggregate.relearning import BOTH, DISPLACED, EITHER, FORGOTTEN, MAIN, NOT_RUN, UNTAUGHT, is_told
from knowcost.recover.registry import label
from knowcost.recover.wording import in_words
from knowcost.report.saying import listed, points
from knowcost.report.table import GONE, LEGEND, Cell, Table, columns, estimate, interval, number, row, whole

Record = Mapping[Hashable, Any]
UNTOLD = "right again beyond chance after a training on texts that do not state them"
GONE_FOR_GOOD = "did not come back, and count as forgotten"
MOST = 3  # gains that a sentence tells one by one

TEST = (
    "Knowledge that a compressed model no longer shows may be gone, or still be there and only out of reach. The test: "
    "the compressed model is trained a little, on texts that do not state the facts in question. What is right again "
    "afterwards, beyond what chance gives, was never gone: it was displaced. The rest was forgotten, as far as this "
    "recovery can tell: texts that do state a random half of the facts show how much it can bring back of what it is "
    "told. Chance is seen on facts that no model was ever told."
)
LIMITS = (
    "What this cannot say: a guess of the dense model that happened to be right, and is made again, counts as "
    "displaced; and what did not come back may come back under a longer training, or another. In a world of invented "
    "people facts are independent, so no text gives away a fact that it does not state; of real texts nobody can "
    "promise that."
)


@dataclass(frozen=True)
class Section:
    """Its title, paragraphs, and the tables beneath them."""

    title: str
    words: list[str]
    tables: list[Table]


def section(data: Mapping[str, pd.DataFrame]) -> Section | None:
    """The section; None where nothing was recovered. data: {name: frame} of tables.read."""
    brought_back = _recovered(data["recovered"], set(data["relearned"]["told_by"]))
    tables = [*_relearned(data["relearned"]), *brought_back, *_overlap(data["recovered_overlap"])]
    if not tables:
        return None
    tested = verdicts(data["relearned"])
    words = [TEST, *tested, *controls(data["relearned"]), LIMITS] if tested else []
    title = "Forgotten or displaced?" if tested else "What recoveries bring back"
    return Section(title, [*words, *gains(data["recovered"], data["relearned"])], tables)


def headline(relearned: pd.DataFrame) -> Iterator[str]:
    """A sentence per model: of every compression the verdict of the recovery that is best at bringing back what it is
    told, which is the fairest judge."""
    tested = _tested(relearned)
    for model, rows in tested.groupby("model", sort=False):
        said = []
        for compressed, mine in rows.groupby("compressed", sort=False):
            best = mine.sort_values("taught_points", kind="stable", na_position="first").iloc[-1].to_dict()
            others = f", of {len(mine)} recoveries the best at bringing back what it is told" if len(mine) > 1 else ""
            alone = _alone(relearned, best, [MAIN])
            how = f"(seen with {label(best['recovery'])}{others}{'; ' * bool(alone)}{alone})"
            said.append(f"with {in_words(str(compressed))}, {_verdict(best)} {how}")
        yield f"Forgotten, or only displaced? Of the facts that {model} lost {listed(said, '; ')}."


def verdicts(relearned: pd.DataFrame) -> list[str]:
    """A sentence per model, compression and recovery."""
    return [
        f"{record['model']}, {in_words(record['compressed'])}, {label(record['recovery'])}: of the lost facts "
        f"{_verdict(record)}."
        f" {_shown(record)}{_each(relearned, record)}"
        for record in _tested(relearned).to_dict("records")
    ]


def _tested(relearned: pd.DataFrame) -> pd.DataFrame:
    """The rows that count either of the two trainings."""
    either = relearned[relearned["texts"].str.startswith(EITHER) & (relearned["decision"] != NOT_RUN)]
    return either[either["displaced_percent"].notna()]


def _verdict(record: Record) -> str:
    """Its words; shares are cut at 0 and 100%, which intervals may pass."""
    displaced, forgotten = (_share(interval(record, f"{name}_percent", name)) for name in ("displaced", "forgotten"))
    words = {
        BOTH: f"{displaced} were only displaced, {UNTOLD}, and {forgotten} {GONE_FOR_GOOD}",
        DISPLACED: f"{displaced} were only displaced, {UNTOLD}; that any of the rest were forgotten is not shown",
        FORGOTTEN: f"{forgotten} {GONE_FOR_GOOD}; that any were only displaced is not shown",
        UNTAUGHT: "none is shown to be displaced, and none to be forgotten: the recovery is not shown to bring back "
        "what it is told",
    }
    open_question = f"the share that was only displaced is not measured precisely enough: {displaced}"
    return words.get(record["decision"], open_question)


def _share(numbers: tuple[float, float, float]) -> str:
    value, low, high = np.clip(numbers, 0, 100)
    return points(value, low, high, "%")


def _shown(record: Record) -> str:
    """What the verdict rests on."""
    chance = f"{number(record['chance_percent'])}% by chance"
    seen = f", seen on {_facts(record['never'])} never told" if record["never"] else f", by {record['chance_by']}"
    verb = "is" if record["untold_returned"] == 1 else "are"
    return (
        f"Of {_facts(record['untold'], 'lost ')} that no text states {whole(record['untold_returned'])} {verb} right "
        f"again ({number(record['untold_percent'])}%; {chance}{seen}).{_taught(record)}"
    )


def _taught(record: Record) -> str:
    """How much oftener the told facts came back; nothing where none was lost."""
    more, often = interval(record, "taught_points", "taught"), "more"
    if pd.isna(more[0]):
        return ""
    if more[0] < 0:
        more, often = _turned(more), "less"
    return (
        f" After training on the texts “{record['told_by']}” facts that these state come back {often} often than the "
        f"others, by {points(*more, ' points')}."
    )


def _each(relearned: pd.DataFrame, record: Record) -> str:
    """What each of the two trainings shows by itself: where they differ, the texts matter."""
    said = _alone(relearned, record, [MAIN, record["told_by"]])
    return f" Of the two trainings: {said}." if said else ""


def _alone(relearned: pd.DataFrame, record: Record, texts: Collection[str]) -> str:
    """ "8.4% (-2.0 to 18.4) by training on the main texts alone"; nothing where none is measured."""
    same = np.logical_and.reduce([relearned[name] == record[name] for name in ("model", "compressed", "recovery")])
    rows = relearned[same & relearned["texts"].isin(texts) & relearned["displaced_percent"].notna()]
    return listed(
        [
            f"{_share(interval(row, 'displaced_percent', 'displaced'))} by training on "
            f"{'the main texts' if row['texts'] == MAIN else '“' + row['texts'] + '”'} alone"
            for row in rows.to_dict("records")
        ]
    )


def _facts(count: float, kind: str = "") -> str:
    """ "1 lost fact", "160 facts"."""
    return f"{whole(count)} {kind}fact{'s' * (count != 1)}"


def controls(relearned: pd.DataFrame) -> Iterator[str]:
    """A sentence on what comes back after training on texts about something else."""
    named = relearned["texts"].isin([MAIN, *relearned["told_by"]])
    single = relearned[~relearned["texts"].str.startswith(EITHER) & ~named]
    said = [
        f"{points(*interval(record, 'displaced_percent', 'displaced'), '%')} ({in_words(record['compressed'])}, "
        f"{label(record['recovery'])})"
        for record in single.to_dict("records")
        if pd.notna(record["displaced_percent"])
    ]
    if said:
        names = listed([f"“{name}”" for name in single["texts"].unique()])
        yield f"As a control, displaced by training on {names} instead, which state none of it: {listed(said)}."


def gains(recovered: pd.DataFrame, relearned: pd.DataFrame) -> Iterator[str]:
    """A sentence per model on the recoveries that bring most accuracy back, and one on those that harm; of those on the
    study's main texts where there are any, and never of those whose texts state facts that are asked."""
    means = recovered[(recovered["benchmark"] == "") & ~is_told(recovered, relearned)]
    means = means[means["regained_points"].notna()]
    on_main = ~means["recovery"].map(lambda words: "~" in words).astype(bool)
    means = means[on_main] if on_main.any() else means
    for model, rows in means.groupby("model", sort=False):
        better = rows[rows["decision"] == rule.GAINS].sort_values("regained_points", ascending=False)
        worse = rows[rows["decision"] == rule.COSTS].sort_values("regained_points")
        start = f"Recovery on {model}"
        if len(better):
            told = "; ".join(_gain(record) for record in better[:MOST].to_dict("records"))
            more = len(better) - MOST
            rest = f"; {more} more {'bring' if more > 1 else 'brings'} back less" * (more > 0)
            yield f"{start}: {told}{rest}."
        else:
            yield f"{start}: none of {whole(len(rows))} is shown to bring back more than the margin."
        if len(worse):
            first = worse.iloc[0].to_dict()
            size = points(*_turned(interval(first, "regained_points", "regained")), " points")
            several = "harm, most of all" if len(worse) > 1 else "harms:"
            harm = f"{whole(len(worse))} of {whole(len(rows))} recoveries of {model} {several}"
            how = f"with {in_words(first['compressed'])}, {label(first['recovery'])}"
            yield f"{harm} {how} takes {size} of accuracy."


def _gain(record: Record) -> str:
    gain = points(*interval(record, "regained_points", "regained"), " points")
    words = f"with {in_words(record['compressed'])}, {label(record['recovery'])} brings back {gain} of accuracy"
    if pd.isna(record["net_points"]):
        return words
    net, more = interval(record, "net_points", "net"), "more"
    if net[0] < 0:
        net, more = _turned(net), "less"
    return f"{words}, {points(*net, ' points')} {more} than it adds to the dense model"


def _turned(numbers: tuple[float, float, float]) -> tuple[float, float, float]:
    value, low, high = numbers
    return -value, -high, -low


def _relearned(frame: pd.DataFrame) -> Iterator[Table]:
    note = (
        "Of the facts that compression lost, in percent: those that no text states and that are right again, those "
        "that the texts state, and what chance gives. Displaced: what came back untold beyond chance; forgotten: the "
        "rest. Either training counts in the first row of a recovery, each by itself in the others. 95% intervals "
        "below."
    )
    titles = ["lost, untold", "right again", "lost, told", "right again", "chance", "displaced", "forgotten"]
    heads = [*columns(["compressed", "recovery", "trained on"], titles), *columns(["verdict"])]
    for model, rows in frame.groupby("model", sort=False):
        made = [_relearned_row(record) for record in rows.to_dict("records")]
        yield Table(f"Forgotten, or displaced: {model}", note, heads, made)


def _relearned_row(record: Record) -> list[Cell]:
    shares = [estimate(interval(record, f"{name}_percent", name))
              for name in ("untold", "told", "chance", "displaced", "forgotten")]  # fmt: skip
    counts = row([], [whole(record["untold"]), whole(record["told"])])
    texts = [in_words(record["compressed"]), label(record["recovery"]), record["texts"]]
    return [*row(texts), counts[0], shares[0], counts[1], *shares[1:], Cell(record["decision"])]


def _recovered(frame: pd.DataFrame, told: Collection[str]) -> Iterator[Table]:
    """told: the names of texts that state facts that are asked."""
    note = (
        "Of the facts that the dense model knew and the compressed one lost, those that are right again, beside what "
        "chance gives; facts that the recovery harmed; points of accuracy beyond the compressed model, points still "
        "missing to the dense one, what the same recovery adds to the dense model, and how much more it adds to the "
        f"compressed one. {LEGEND} Underlined is better here, too. Every row speaks for itself: nothing corrects for "
        "how many there are."
    )
    if told:
        names = listed([f"“{name}”" for name in sorted(told)])
        note += f" Texts in brackets are what a recovery was trained on; {names} state some of what is asked."
    titles = ["lost", "right again (%)", "chance (%)", "harmed", "points brought back", "still missing",
              "added to the dense model", "more than that"]  # fmt: skip
    heads = columns(["compressed", "recovery"], titles)
    for model, rows in frame[frame["benchmark"] == ""].groupby("model", sort=False):
        made = [_recovered_row(record) for record in rows.to_dict("records")]
        yield Table(f"What recoveries bring back: {model}", note, heads, made)
    folded = frame[frame["benchmark"] != ""]
    for pair, cells in folded.groupby(["model", "benchmark"], sort=False):
        made = [_recovered_row(record) for record in cells.to_dict("records")]
        yield Table(f"What recoveries bring back: {' on '.join(map(str, pair))}", note, heads, made, folded=True)


def _recovered_row(record: Record) -> list[Cell]:
    return [
        *row([in_words(record["compressed"]), label(record["recovery"])], [whole(record["lost"])]),
        estimate(interval(record, "returned_percent", "returned")),
        *row([], [number(record["chance_percent"], gone=GONE), whole(record["harmed"])]),
        estimate(interval(record, "regained_points", "regained"), record["decision"]),
        estimate(interval(record, "drop_points", "drop")),
        estimate(interval(record, "control_points", "control")),
        estimate(interval(record, "net_points", "net"), record["net_decision"]),
    ]


def _overlap(frame: pd.DataFrame) -> Iterator[Table]:
    note = (
        "Lost facts that both recoveries brought back, and how many two unrelated sets would share that are as large "
        "in each quarter of the dense model's confidence."
    )
    heads = columns(["compressed", "first", "second", "benchmark"], ["lost", "first", "second", "both", "by chance"])
    for model, rows in frame.groupby("model", sort=False):
        made = [
            row(
                [in_words(record["compressed"]), label(record["a"]), label(record["b"]), record["benchmark"]],
                [whole(record[name]) for name in ("lost", "returned_a", "returned_b", "both")]
                + [number(record["expected"])],
            )
            for record in rows.to_dict("records")
        ]
        yield Table(f"Do recoveries bring back the same facts? {model}", note, heads, made, folded=True)
