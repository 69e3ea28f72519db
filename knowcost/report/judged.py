"""What the page says of judged texts: who is preferred, and how far the judge can be believed."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from knowcost.aggregate import rule
from knowcost.draw.words import judge_named, of_first_judge
from knowcost.judge.rows import ALONE, DENSE, REFERENCE
from knowcost.recover.wording import in_words
from knowcost.report.saying import listed, points
from knowcost.report.table import (
    GONE,
    LEGEND,
    Cell,
    Column,
    Table,
    Told,
    columns,
    estimate,
    interval,
    number,
    row,
    variant,
    whole,
)
from knowcost.spec.variants import DENSE as ITS_DENSE

Record = Mapping[Hashable, Any]
AGAINST = {DENSE: "the dense model's", REFERENCE: "the reference", ALONE: "nothing"}
NO_JUDGE = (
    "No judge was named, so nothing here says which of two answers is better. To have the texts compared, name a model "
    "under judge: model: in the configuration, give the endpoint and its key in OPENAI_BASE_URL and OPENAI_API_KEY, "
    "and run again: the texts stay, and only the judge is asked (docs/judging.md)."
)
# Beyond these a judge is not to be believed without a second look: percent of its verdicts that flip, of its replies
# that say nothing, of the null's verdicts that are no tie; points that what stands first is from one half; correlation.
MOST_FLIPPED, MOST_UNPARSED, MOST_NULL = 20.0, 5.0, 20.0
MOST_FIRST, MOST_LONGER = 10.0, 0.3
LEAST_KAPPA = 0.4  # "fair" at most (Landis and Koch 1977)


def sentences(data: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Who judged, what is preferred, and what speaks against believing it; where nobody judged, how to have it done.
    data: {name: frame} of tables.read."""
    frame, judges = data["judged"], data["judges"]
    if judges.empty:
        yield NO_JUDGE
        return
    yield _who(judges)
    for place, rows in judges.groupby(["model", "benchmark"], sort=False):
        if said := list(clauses(frame, *map(str, place))):
            yield f"{place[0]} on {place[1]}: {'; '.join(said)}."
        yield _believed(rows)


def clauses(frame: pd.DataFrame, model: str, benchmark: str) -> Iterator[str]:
    """A clause per rubric of the first judge: how many variants are shown to write worse than the dense model, and
    which most. frame: the table `judged`."""
    rows = frame[(frame["model"] == model) & (frame["benchmark"] == benchmark) & (frame["part"] == "")]
    rows = rows[(rows["variant"] != ITS_DENSE) & (rows["against"] == DENSE) & rows["preference"].notna()]
    rows = of_first_judge(rows)
    for rubric, mine in rows.groupby("rubric", sort=False):
        yield f"judged by {rows['judge'].iloc[0]} ({rubric!s}), {_compared(mine)}"


def _compared(rows: pd.DataFrame) -> str:
    """ "5 of 12 variants' answers lose to the dense model's own, most with ...; 2 are practically equal"."""
    worse = rows[rows["decision"].isin(rule.DIFFERENT) & (rows["preference"] < 0)]
    better = rows[rows["decision"].isin((rule.GAINS, rule.SMALL)) & (rows["preference"] > 0)]
    others = (
        (better, "preferred to them"),
        (rows[rows["decision"] == rule.EQUAL], "practically equal"),
        (rows[rows["decision"] == rule.UNSURE], "not measured precisely enough"),
    )
    counts = [
        f"{whole(len(found))} {'is' if len(found) == 1 else 'are'} {words}" for found, words in others if len(found)
    ]
    said = f"answers lose to the dense model's own with {whole(len(worse))} of {whole(len(rows))} variants"
    if len(worse):
        most = worse.sort_values("preference", kind="stable").iloc[0].to_dict()
        size = points(-most["preference"], -most["high"], -most["low"], " points")
        said += f", most with {in_words(most['variant'])} ({size} below even)"
    return f"{said}; {listed(counts)}" if counts else said


def _who(judges: pd.DataFrame) -> str:
    names = [_named(each) for each in judges.drop_duplicates("judge").to_dict("records")]
    return f"The answers were judged by {listed(names)}."


def _named(record: Record) -> str:
    """A judge's name, and what it calls itself where that is another; of the embedded world's what it is."""
    other = f" (it calls itself {record['answered_by']})"
    return f"{judge_named(record['judge'])}{other * (record['answered_by'] not in ('', record['judge']))}"


def _believed(judges: pd.DataFrame) -> str:
    """Whether the judges of a model's texts on a benchmark can be believed, as far as it can be seen."""
    place = judges.iloc[0]
    found = {f"{each['judge']} with {each['rubric']}": list(_doubts(each)) for each in judges.to_dict("records")}
    doubted = [f"{name}: {', '.join(doubts)}" for name, doubts in found.items() if doubts]
    start = f"Can the judge be believed on {place['benchmark']}?"
    if doubted:
        return f"{start} Not without a second look. {'; '.join(doubted)}."
    swapped = judges[judges["flipped_percent"].notna()].sort_values("flipped_percent").to_dict("records")
    if not swapped:
        return f"{start} Nothing that was looked at speaks against it."
    share = _percent(swapped[-1], "flipped_percent", "flipped")
    return (
        f"{start} Nothing that was looked at speaks against it: at most {share} of verdicts change when the answers "
        "are swapped."
    )


def doubted(judges: pd.DataFrame, model: str, benchmark: str) -> bool:
    """Whether something speaks against the first judge of a model's texts, of which `clauses` tells; judges: the
    table."""
    mine = judges[(judges["model"] == model) & (judges["benchmark"] == benchmark) & (judges["against"] == DENSE)]
    return any(any(_doubts(each)) for each in of_first_judge(mine).to_dict("records"))


def _doubts(record: Record) -> Iterator[str]:
    """What speaks against a judge, in words."""
    if record["flipped_percent"] > MOST_FLIPPED:
        share = _percent(record, "flipped_percent", "flipped")
        yield f"{share} of its verdicts change when the two answers are swapped"
    shown = record["first_low"] > 50 or record["first_high"] < 50
    if shown and abs(record["first_preferred"] - 50) > MOST_FIRST:
        which = "first" if record["first_preferred"] > 50 else "second"
        yield f"it prefers what stands {which} (the first wins {_percent(record, 'first_preferred', 'first')})"
    if record["length_low"] > 0 and record["length_correlation"] > MOST_LONGER:
        size = f"{number(record['length_correlation'], '.2f')}"
        yield f"the longer an answer is, the oftener it wins (correlation {size}), which may be its worth or its length"
    failed = 100 * (record["unparsed"] + record["too_long"]) / record["n"] if record["n"] else 0.0
    if failed > MOST_UNPARSED:
        yield f"{number(failed)}% of what it was asked has no verdict"
    found = record["null_win"] + record["null_loss"] + record["null_flipped"]  # one that flips had one in some order
    apart = 100 * found / record["null_n"] if record["null_n"] else 0.0
    if apart > MOST_NULL:
        yield (
            f"it finds a winner in {number(apart)}% of the dense model's answers against its own, written once more, "
            "which differ by chance at most"
        )
    if record["kappa"] < LEAST_KAPPA:
        yield (
            f"{record['second_judge']} agrees with it little more than by chance would come out (Cohen's kappa "
            f"{number(record['kappa'], '.2f')})"
        )


def _percent(record: Record, value: str, name: str) -> str:
    return points(*interval(record, value, name), "%")


def tables(data: Mapping[str, pd.DataFrame]) -> Iterator[Table]:
    """Per model and benchmark who was preferred, then by size class or category (folded), then the judges."""
    frame = data["judged"][data["judged"]["variant"] != ITS_DENSE]
    for (model, benchmark), rows in frame[frame["part"] == ""].groupby(["model", "benchmark"], sort=False):
        yield _judged(f"Judged: {model} on {benchmark}", rows)
    parts = frame[frame["part"] != ""]
    for (model, benchmark, part), rows in parts.groupby(["model", "benchmark", "part"], sort=False):
        yield _judged(f"Judged: {model} on {benchmark}, {part}", rows, folded=True)
    yield from _judges(data["judges"])


def _judged(title: str, rows: pd.DataFrame, folded: bool = False) -> Table:
    note = (
        "How often an answer wins against what it is held against, asked in both orders; where these disagree it is a "
        "tie. Preference: wins, ties counted half, in points above one half. Score: the mean, beside that of what it "
        "is held against (of an answer judged alone: the dense model's). 95% intervals over questions below. "
        f"{LEGEND}"
    )
    titles = ["preference", "wins, ties, losses", "no verdict", "score", "change"]
    heads = [*columns(["variant", "rubric"], titles), *columns(["held against", "judge"])]
    return Table(title, note, *_told(heads, [_row(record) for record in rows.to_dict("records")]), folded)


def _told(heads: list[Column], rows: list[list[Cell]]) -> tuple[list[Column], list[list[Cell]]]:
    """(columns, rows) without the columns in which nothing is told."""
    there = [place for place in range(len(heads)) if any(row[place].text != GONE for row in rows)]
    return [heads[place] for place in there], [[row[place] for place in there] for row in rows]


def _row(record: Record) -> list[Cell]:
    alone = record["against"] == ALONE
    told = GONE if alone else ", ".join(whole(record[name]) for name in ("wins", "ties", "losses"))
    return [
        variant(record["variant"]),
        *row([record["rubric"]]),
        estimate((record["preference"], record["low"], record["high"]), "" if alone else record["decision"]),
        *row([], [told, whole(record["failed"])]),
        _score(record),
        estimate(interval(record, "score_change", "score"), record["decision"] if alone else "", ".2f"),
        *row([AGAINST[record["against"]], record["judge"]]),
    ]


def _score(record: Record) -> Told:
    """A mean score, and below it that of what the answers were held against."""
    other = record["other_score"]
    has_both: bool = pd.notna(record["score"]) and pd.notna(other)
    return Told(number(record["score"], ".2f", GONE), "number", f"beside {number(other, '.2f')}" * has_both)


def _judges(judges: pd.DataFrame) -> Iterator[Table]:
    note = (
        "Flips: verdicts that change when the two answers are swapped. First: of all verdicts that are no ties those "
        "for what stands first; 50% without a bias. No verdict: replies that could not be read even when asked once "
        "more, and texts too long for the judge. Null: the dense model's answers against what it writes when asked "
        "once more, where nobody should win (wins, ties, losses, and how often the verdict flips; greedy models write "
        "the same twice, so that only flips can show a bias). Longer: how often the longer answer wins, and "
        "Spearman's correlation of the difference in words with winning. Kappa: Cohen's, with the second judge. 95% "
        "intervals below."
    )
    titles = [
        "flips (%)",
        "first (%)",
        "no verdict",
        "null",
        "longer (%)",
        "correlation",
        "agree (%)",
        "kappa",
    ]
    heads = [*columns(["benchmark", "rubric"], titles), *columns(["held against", "judge"])]
    for model, rows in judges.groupby("model", sort=False):
        made = [_judge(record) for record in rows.to_dict("records")]
        yield Table(f"How far the judge can be believed: {model}", note, *_told(heads, made))


def _judge(record: Record) -> list[Cell]:
    null = ", ".join(whole(record[f"null_{name}"]) for name in ("win", "tie", "loss")) if record["null_n"] else GONE
    failed = whole(record["unparsed"] + record["too_long"])
    return [
        *row([record["benchmark"], record["rubric"]]),
        estimate(interval(record, "flipped_percent", "flipped")),
        estimate(interval(record, "first_preferred", "first")),
        Told(failed, "number", f"of {whole(record['n'])}"),
        Told(null, "number", f"{whole(record['null_flipped'])} flipped" if record["null_n"] else ""),
        estimate(interval(record, "longer_wins", "longer")),
        estimate(interval(record, "length_correlation", "length"), form=".2f"),
        *row([], [number(record["agreement"], gone=GONE)]),
        estimate(interval(record, "kappa", "kappa"), form=".2f"),
        *row([AGAINST[record["against"]], record["judge"]]),
    ]
