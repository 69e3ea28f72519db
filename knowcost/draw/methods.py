"""Methods side by side: of a family and a scope, what every way of pruning loses over sparsity, and what every number
of bits loses; the mean over benchmarks with a panel for each model, and each model with a panel for each benchmark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from knowcost.aggregate import paper_tables, rule
from knowcost.compress.wording import scope_in_words
from knowcost.draw import side_by_side
from knowcost.draw.drawn import Drawn
from knowcost.draw.links import facts
from knowcost.draw.side_by_side import Panel
from knowcost.draw.style import decided_in_words
from knowcost.draw.ways import BITS, PRUNING, Place, Way, ordered, place
from knowcost.draw.words import everything, file_name, interval
from knowcost.spec.families import LABELS, SHOWN_SCOPES
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import GROUPINGS, scope_key

SCOPES = [scope_key(grouping, scope) for grouping in GROUPINGS for scope in SHOWN_SCOPES]
OTHER_SCOPES, EACH_MODEL = "methods side by side, scope by scope", "methods side by side, model by model"  # groups
REFERENCE = {PRUNING: 50, BITS: 4}  # the level at which captions compare, or the nearest that several methods have
DONE = {PRUNING: "What each way of pruning {} loses", BITS: "What {} in few bits loses"}
SAME = 0.05  # points: what captions print as the same number
FEW = 3  # models of which a caption speaks one by one


@dataclass(frozen=True)
class Subject:
    """What a few figures are about. every: the ways of the family; alone: whether it has one model; group: of the
    figures of this scope; who: the end of the captions."""

    family: str
    kind: str
    scope: str
    every: Sequence[Way]
    alone: bool
    margin: float
    group: str
    who: str

    @property
    def name(self) -> str:
        """The start of the figures' file names."""
        return f"{self.kind}_{self.family}_{self.scope.replace('.', '_')}"

    @property
    def scope_words(self) -> str:
        """ "everything", "attention (canonical grouping)"."""
        grouping, _, scope = self.scope.rpartition(".")
        return scope_in_words(scope, grouping)

    @property
    def title(self) -> str:
        """ "Ways to prune everything, side by side: decoder models"."""
        what = f"Ways to prune {self.scope_words}" if self.kind == PRUNING else f"Bits for {self.scope_words}"
        return f"{what}, side by side: {LABELS[self.family]} models"


def figures(mine: Mapping[str, pd.DataFrame], family: str, who: str, margin: float) -> Iterator[Drawn]:
    """Every such figure of a family that shows two methods or two levels.

    mine: its tables (scores, drops_by_model); who: the end of the captions; margin: the study's, in points.
    """
    means, each = _placed(mine["drops_by_model"]), _placed(paper_tables.grid(mine["scores"]))
    every, alone = sorted(set(means["way"])), means["model"].nunique() == 1
    for kind in (PRUNING, BITS):
        of_kind = means[means["kind"] == kind]
        scopes = [scope for scope in SCOPES if scope in set(of_kind["scope"])]
        for scope in scopes:
            group = "" if scope == scopes[0] else OTHER_SCOPES
            subject = Subject(family, kind, scope, every, alone, margin, group, who)
            yield from _of_scope(of_kind[of_kind["scope"] == scope], _same(each, subject), subject)


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that have a place, with what panels need; benchmark: empty of means."""
    places = [place(slug) for slug in table["variant"]]
    rows = table.loc[np.array([found is not None for found in places], bool)]
    known = [found for found in places if found is not None]
    names = {"drop_points": "value", "drop_low": "low", "drop_high": "high", "majority_drop_points": "baseline"}
    kept = rows[["model", "variant", "decision", *names]].rename(columns=names).fillna({"decision": ""})
    kept = kept.assign(**{name: [getattr(found, name) for found in known] for name in Place._fields})
    benchmarks = rows["benchmark"] if "benchmark" in rows else [""] * len(rows)
    kept["benchmark"] = benchmarks
    pairs = zip(kept["model"], kept["variant"], benchmarks, strict=True)
    kept["link"] = [facts(model, slug, **({"k": name} if name else {})) for model, slug, name in pairs]
    return kept


def _same(rows: pd.DataFrame, subject: Subject) -> pd.DataFrame:
    return rows[(rows["kind"] == subject.kind) & (rows["scope"] == subject.scope)]


def _of_scope(means: pd.DataFrame, each: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    models = [model for model in means["model"].unique() if _shows(means[means["model"] == model])]
    if not models:
        return
    means = means[means["model"].isin(models)]
    shown = [_panel("" if subject.alone else model, means[means["model"] == model]) for model in models]
    several = each["benchmark"].nunique() > 1
    start = f"{DONE[subject.kind].format(subject.scope_words)}, in points of accuracy against the dense model"
    start += ", mean over benchmarks" * several
    caption = f"{start}. {_least(means, subject)}{_equal(means)}{_notes(means, each, subject)}"
    yield _drawn(subject, shown, "", "", caption)
    alone = subject.alone and means["way"].nunique() > 1
    for model in models if several and (alone or not subject.group) else []:
        yield from _by_benchmark(model, each[each["model"] == model], subject)


def _by_benchmark(model: str, each: pd.DataFrame, subject: Subject) -> Iterator[Drawn]:
    """A panel for each benchmark of which the model knows something."""
    of = {str(name): rows for name, rows in each.groupby("benchmark", sort=False)}
    empty = [name for name, rows in of.items() if set(rows["decision"]) <= {"", rule.NOTHING}]
    shown = [_panel(name, rows) for name, rows in of.items() if name not in empty and _shows(rows)]
    if not shown:
        return
    same = [name for name in of if name not in empty and (of[name]["value"].dropna() == 0).all()]
    why = {"the dense model is not shown to know anything of it": empty, "nothing was lost": same}
    gone = "".join(f"Not drawn, since {words}: {', '.join(names)}. " for words, names in why.items() if names)
    rows = pd.concat([panel.rows for panel in shown])
    caption = f"Accuracy that {model} lost, each benchmark by itself. {_notes(rows, each, subject)}{gone}"
    words = ", by benchmark" if subject.alone else f", {model} by benchmark"
    ending = "_by_benchmark" if subject.alone else f"_{file_name(model)}_by_benchmark"
    yield _drawn(subject, shown, words, ending, caption)


def _shows(rows: pd.DataFrame) -> bool:
    """Whether a panel of these rows would show something: two methods or two levels, and any loss."""
    known = rows[rows["value"].notna()]
    return len(known) > 1 and bool((known["value"] != 0).any())


def _panel(title: str, rows: pd.DataFrame) -> Panel:
    return Panel(title, rows, rows["baseline"].max())


def _drawn(subject: Subject, shown: Sequence[Panel], words: str, ending: str, caption: str) -> Drawn:
    title = subject.title + words
    figure = side_by_side.draw(subject.kind, shown, subject.every, subject.margin, title)
    group = EACH_MODEL if ending and not subject.alone else subject.group
    return Drawn(subject.name + ending, title, caption + subject.who, figure, subject.family, group, linked=True)


def _notes(rows: pd.DataFrame, each: pd.DataFrame, subject: Subject) -> str:
    """What marks are, what is missing, and what "everything" takes in. rows: those shown."""
    known = rows[rows["value"].notna()]
    panels = [mine for _, mine in known.groupby(["model", "benchmark", "way"])]
    joined = list(map(side_by_side.is_line, panels))
    marks = ["bands"] * any(joined) + ["bars of what is no line"] * (not all(joined))
    words = f"{' and '.join(marks).capitalize()}: 95% intervals. "
    together = bool(known.duplicated(["model", "benchmark", "at"]).any())
    words += "What was run at one level stands side by side. " * together
    whole = everything(dict.fromkeys(way.method for way in known["way"]))
    missing = int(each[each["model"].isin(rows["model"])]["value"].isna().sum())
    gone = f"Without a score: {missing} of {len(each)} cells; a line breaks there. " if missing else ""
    return f"{words}{decided_in_words(known['decision'])}{whole * (subject.scope == 'overall')}{gone}"


def _least(means: pd.DataFrame, subject: Subject) -> str:
    """Which method loses least at the level nearest to REFERENCE, and whether its interval is apart from the next."""
    best = {}
    for model, rows in means.groupby("model", sort=False):
        known = rows[rows["value"].notna()]
        methods = known.groupby("at")["way"].nunique()
        levels = [at for at in methods.index if methods[at] > 1]
        if levels:
            level = min(levels, key=lambda at: (abs(at - REFERENCE[subject.kind]), at))
            best[str(model)] = known[known["at"] == level].sort_values("value", kind="stable")
    if len(best) <= FEW:
        return "".join(_in_words(model, rows, subject) for model, rows in best.items())
    winners = pd.Series({model: rows["way"].iloc[0].words for model, rows in best.items()})
    counts = "; ".join(f"{name} for {', '.join(group.index)}" for name, group in winners.groupby(winners))
    level = " or ".join(dict.fromkeys(_level(rows["at"].iloc[0], subject) for rows in best.values()))
    apart = sum(_apart(rows) for rows in best.values())
    both = f"Its interval and the next one's are apart in {apart} of {len(best)}. "
    return f"Least is lost at {level} by: {counts}. {both}"


def _equal(means: pd.DataFrame) -> str:
    """Which ways lose the same at every level that both have, a sentence; "" if none do."""
    values = means.pivot(index=["model", "at"], columns="way", values="value")
    pairs = combinations(ordered(means["way"]), 2)
    apart = {pair: (values[pair[0]] - values[pair[1]]).abs().dropna() for pair in pairs}
    same = [f"{a.words} and {b.words}" for (a, b), found in apart.items() if len(found) and found.max() < SAME]
    return f"Equal at every level that both have: {'; '.join(same)}. " if same else ""


def _in_words(model: str, rows: pd.DataFrame, subject: Subject) -> str:
    first, second = rows.iloc[0], rows.iloc[1]
    start = f"At {_level(first['at'], subject)}{'' if subject.alone else f' of {model}'}"
    lost = [interval(row["value"], row["low"], row["high"]) for row in (first, second)]
    words = f"{start} {first['way'].words} loses least, {lost[0]}, then {second['way'].words}, {lost[1]}: "
    if rows[["low", "high"]].iloc[:2].isna().any(axis=None):
        return f"{words}without intervals nothing is decided between the two. "
    if _apart(rows):
        return f"{words}the intervals are apart, so the two differ. "
    return f"{words}the intervals overlap, so they do not decide between the two. "


def _apart(rows: pd.DataFrame) -> bool:
    """Whether the first two intervals have nothing in common. Their facts are the same, so that their difference is
    known better than the two ends say: apart decides, overlapping alone does not."""
    return bool(rows["high"].iloc[0] < rows["low"].iloc[1])


def _level(at: float, subject: Subject) -> str:
    return percent_words(at) if subject.kind == PRUNING else f"{at:g} bits"
