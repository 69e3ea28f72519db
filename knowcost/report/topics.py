"""The answer's sentences on each kind of compression, of subjects that were asked the same."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import pandas as pd

from knowcost.aggregate import ALPHA
from knowcost.aggregate.rule import COSTS, DIFFERENT, GAINS, SMALL
from knowcost.aggregate.yardsticks import KEEP, nearest_level
from knowcost.compress.wording import scope_in_words
from knowcost.recover.wording import in_words
from knowcost.report.saying import Item, Row, listed, losses, minus, points
from knowcost.report.subjects import Subject
from knowcost.report.table import whole
from knowcost.spec.families import COMMON_SCOPES
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import GROUPINGS

Name = Callable[[Row], str]  # what a row of drops is called in a sentence
FINAL = ("final_unstructured", "final_structured")


def sentences(group: Sequence[Subject], halves: pd.DataFrame, named: bool) -> Iterator[str]:
    """The sentences on subjects that compare; a kind of compression that was not run has none.

    named: whether there are others, so that every sentence says of whom it speaks.
    """
    rows = pd.concat([subject.rows for subject in group])
    pruned = rows[rows["experiment"] == "prune"]
    methods = list(pruned["method"].unique())
    main = "magnitude" if "magnitude" in methods else "".join(methods[:1])
    level = nearest_level(pruned[pruned["method"] == main]["level"])
    kinds: list[tuple[str, pd.Series, Name]] = [
        (f"Pruning by {percent_words(level)}", _is(rows, "prune", [main]) & (rows["level"] == level), _scope),
        ("Int8", _is(rows, "quantize", ["int8"]), _scope),
        (f"Other methods, at their level nearest to {percent_words(level)}", _representative(rows, main), _variant),
        ("The final layer alone", _final(rows), _variant),
    ]
    for words, chosen, name in kinds:
        variants = set(rows[chosen]["variant"])
        yield from _said(words, group, named, partial(_losses, variants=variants, name=name))
        if chosen is kinds[0][1]:
            yield from _said(
                "At that sparsity", group, named, partial(_halves, halves=halves, method=main, level=level)
            )
            highest = f"The highest sparsity shown to keep {KEEP}% of what was known"
            yield from _said(highest, group, named, partial(_border, method=main))
    yield from _said("Where the mean shows no cost but a benchmark does", group, named, _uneven)
    yield from _said("Accuracy shows no cost where the right answer's probability falls", group, named, _hidden)


def _said(words: str, group: Sequence[Subject], named: bool, clause: Callable[[Subject], str]) -> Iterator[str]:
    """A sentence of a clause per subject; the same clause is said once, an empty one not at all."""
    said: dict[str, list[str]] = {}
    for subject in group:
        if text := clause(subject):
            said.setdefault(text, []).append(subject.name)
    if said:
        parts = [f"on {listed(names)} {text}" if named else text for text, names in said.items()]
        yield f"{words}: {'; '.join(parts)}."


def _is(rows: pd.DataFrame, experiment: str, methods: Sequence[str]) -> pd.Series:
    return (rows["experiment"] == experiment) & rows["method"].isin(methods)


def _final(rows: pd.DataFrame) -> pd.Series:
    there = rows["experiment"].isin(FINAL)
    return there & (rows["level"] == nearest_level(rows[there]["level"]))


def _representative(rows: pd.DataFrame, main: str) -> pd.Series:
    """Of every method that is not told elsewhere its widest scope, at the level nearest to the reference."""
    own = _is(rows, "prune", [main]) | _is(rows, "quantize", ["int8"]) | rows["experiment"].isin(FINAL)
    chosen = pd.Series(False, rows.index)
    for _, each in rows[~own].groupby(["experiment", "method"], sort=False):
        widest = each[each["scope"] == _widest(each["scope"])]
        if widest["level"].notna().any():
            widest = widest[widest["level"] == nearest_level(widest["level"])]
        chosen |= rows.index.isin(widest.index) & rows["variant"].isin(widest["variant"])
    return chosen


def _widest(scopes: pd.Series) -> str:
    there = set(scopes)
    return next((scope for scope in COMMON_SCOPES if scope in there), str(scopes.iloc[0]))


def _scope(row: Row) -> str:
    return scope_in_words(row["scope"], row["grouping"])


def _variant(row: Row) -> str:
    return in_words(row["variant"])


def _losses(subject: Subject, variants: Collection[str], name: Name) -> str:
    rows = subject.rows[subject.rows["variant"].isin(variants)].to_dict("records")
    return losses(Item(name(row), row) for row in rows)


def _halves(subject: Subject, halves: pd.DataFrame, method: str, level: float) -> str:
    """Which half of the network costs more, where the difference has an interval of its own that says so."""
    own = halves[(halves["family"] == subject.family) & (halves["model"] == subject.model)]
    own = own[(own["method"] == method) & (own["level"] == level) & (own["grouping"] == GROUPINGS[0])]
    for row in own.to_dict("records"):
        worse, better, sign = "attention costs", "feed-forward layers", 1
        if row["difference_points"] < 0:
            worse, better, sign = "feed-forward layers cost", "attention", -1
        if row["decision"] in (COSTS, GAINS, SMALL):
            low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
            small = "a small but real " * (row["decision"] == SMALL)
            size = points(sign * row["difference_points"], low, high, " points")
            said = f"{worse} {small}{size} more than {better}"
            return said + _per_weight(row, sign)
    return ""


def _per_weight(row: Row, sign: int) -> str:
    """What becomes of a difference between halves that is divided by the weights that each lost."""
    low, high = sorted((sign * row["per_weight_low"], sign * row["per_weight_high"]))
    if high < 0:
        return ", but less per weight removed"
    return ", but per weight removed no difference is shown" if low <= 0 else ""


def _border(subject: Subject, method: str) -> str:
    """ "40% of everything (20%, 40% and 60% were tried)": the highest up to which each is shown to keep enough."""
    rows = subject.rows[_is(subject.rows, "prune", [method]) & subject.rows["drop_points"].notna()]
    if rows.empty:
        return ""
    rows = rows[rows["scope"] == _widest(rows["scope"])].sort_values("level")
    tried = f"{listed([percent_words(level) for level in rows['level']])} {'was' if len(rows) == 1 else 'were'} tried"
    count = int((rows["kept_least"] >= KEEP).cummin().sum())
    words = percent_words(rows["level"].iloc[count - 1]) if count else "none"
    if count < len(rows) and rows.iloc[count]["kept_percent"] >= KEEP:
        after = rows.iloc[count]
        tried += (
            f"; {percent_words(after['level'])} keeps {minus(after['kept_percent'])}%, at least "
            f"{minus(after['kept_least'])}%, which is not precise enough"
        )
    return f"{words} of {_scope(rows.iloc[0].to_dict())} ({tried})"


def _uneven(subject: Subject) -> str:
    """The largest loss on one benchmark that its mean does not show and that McNemar's test, corrected for how many
    variants there are, finds."""
    if not subject.model:
        return ""
    rows = subject.rows[(subject.rows["worst_decision"] == COSTS) & (subject.rows["worst_p"] < ALPHA)]
    rows = rows[~rows["decision"].isin(DIFFERENT)]
    if rows.empty:
        return ""
    row = rows.sort_values("worst_points", ascending=False).iloc[0].to_dict()
    size = points(row["worst_points"], row["worst_low"], row["worst_high"], " points")
    return f"with {in_words(row['variant'])} {size} are lost on {row['worst_benchmark']}, {_mean(row)} on average"


def _hidden(subject: Subject) -> str:
    """The largest fall of the right answer's probability that accuracy does not show."""
    rows = subject.rows[subject.rows["drop_points"].notna() & subject.rows["probability_points"].notna()]
    hidden = rows[(rows["probability_decision"] == COSTS) & ~rows["decision"].isin(DIFFERENT)]
    if hidden.empty:
        return ""
    row = hidden.sort_values("probability_points", ascending=False).iloc[0].to_dict()
    fall = points(row["probability_points"], row["probability_low"], row["probability_high"])
    return (
        f"in {whole(len(hidden))} of {whole(len(rows))} variants, most of all with {in_words(row['variant'])}: "
        f"{_mean(row)} of accuracy ({row['decision']}) and {fall} of probability"
    )


def _mean(row: Row) -> str:
    return points(row["drop_points"], row["drop_low"], row["drop_high"], " points")
