"""The figures of judged texts: mean scores over strength (LLM-KICK's Figures 5 and 6), and which are preferred."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from knowcost.benchmarks.kinds import KINDS
from knowcost.draw import WRITTEN
from knowcost.draw.by_strength import Row, decided, has_places, over_strength, seen
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import GREY, SIZE, dot_handles, dots, finish, looks_of, panels
from knowcost.draw.words import file_name, judge_named, of_first_judge
from knowcost.judge.rows import DENSE, REFERENCE
from knowcost.papers.llm_kick.claims import TOLERANCE
from knowcost.recover.wording import in_words
from knowcost.spec.variants import AS_PUBLISHED
from knowcost.spec.variants import DENSE as ITS_DENSE

SUMMARIES, CONVERSATIONS = f"{WRITTEN}summaries", f"{WRITTEN}conversations"  # how the names of these figures begin
MATCHING = 100 * (1 - TOLERANCE)  # percent of the dense model's score that still match
SCORES = ["score", "other_score", "score_low", "score_high"]
OTHERS = "summaries by other rubrics"
LINE = 0.26  # inches of a variant's line
MATCH = f"Dashed: the dense model; grey: within {TOLERANCE:.0%} of it, which counts as a match. "


def figures(data: Mapping[str, pd.DataFrame], family: str) -> Iterator[Drawn]:
    """Every figure of what judges say of one family's texts, model by model; of the first judge alone, since a second
    one is there to check it. data: {name: frame} of tables.read."""
    mine = data["judged"][data["judged"]["family"] == family]
    rows = mine[~mine["experiment"].isin([ITS_DENSE, AS_PUBLISHED])]
    kinds = dict(zip(data["benchmarks"]["benchmark"], data["benchmarks"]["kind"], strict=True))
    rows = of_first_judge(rows)
    for (model, benchmark), mine in rows.groupby(["model", "benchmark"], sort=False):
        first = model == rows["model"].iloc[0]
        whose = f": {model} on {benchmark}"
        for drawn in (*_scores(mine, KINDS[kinds[benchmark]].sized, whose), *preferences(mine, whose)):
            name = f"{drawn.name}_{file_name(f'{model}_{benchmark}')}"
            yield replace(drawn, name=name, family=family, group=drawn.group if first else str(model))


def _scores(rows: pd.DataFrame, sized: bool, whose: str) -> Iterator[Drawn]:
    """Scores over strength, of a model on a benchmark: a row of panels for each rubric, or of stories a figure for each
    rubric with a row of panels for each size class. whose: the end of the titles."""
    rows = rows[(rows["against"] != REFERENCE) & (_scored(rows) | rows["preference"].notna())]
    if not has_places(list(rows["variant"])):
        return
    if not sized:
        whole = rows[rows["part"] == ""]
        shown = [_row(mine, str(rubric)) for rubric, mine in whole.groupby("rubric", sort=False)]
        caption = f"What {_said(whole)}; a row of panels for each rubric. {MATCH}{_dots(shown)}"
        title = f"Judged conversations{whose}"
        yield Drawn(CONVERSATIONS, title, caption, over_strength(shown, title))
        return
    for number, rubric in enumerate(rows["rubric"].unique()):
        mine = rows[rows["rubric"] == rubric]
        classes = mine[mine["part"] != ""] if (mine["part"] != "").any() else mine
        shown = [_row(part, f"{name} stories" if name else "all") for name, part in classes.groupby("part", sort=False)]
        title = f"Judged summaries ({rubric}){whose}"
        caption = f"What {_said(mine)}; a row of panels for each size class of stories. {MATCH}{_dots(shown)}"
        name = f"{SUMMARIES}_{file_name(rubric)}"
        yield Drawn(name, title, caption, over_strength(shown, title), group=OTHERS if number else "")


def _dots(shown: Sequence[Row]) -> str:
    return decided(decision for row in shown for decision in row.points["decision"])


def _scored(rows: pd.DataFrame) -> pd.Series:
    """Which rows have scores that can be held against others."""
    return rows[SCORES].notna().all(axis=1) & (rows["other_score"] > 0)


def _said(rows: pd.DataFrame) -> str:
    return (
        f"{judge_named(rows['judge'].iloc[0])} says of the answers beside the dense model's own to the same questions: "
        "their mean score in percent of the dense model's, or, by a rubric without scores, how often they are "
        "preferred, ties counted half. Lines: 95% intervals"
    )


def _row(rows: pd.DataFrame, title: str) -> Row:
    """Of one rubric: scores where it gives them, else preferences."""
    scored = rows[_scored(rows)]
    if len(scored):
        dense = scored["other_score"]
        low, high = (100 * (1 + scored[end] / dense) for end in ("score_low", "score_high"))
        value, even, least, words = 100 * scored["score"] / dense, 100.0, MATCHING, "score (% of dense)"
    else:
        scored, even, least, words = rows, 50.0, 100 * MATCHING / (100 + MATCHING), "preferred (%)"
        value, low, high = (50 + rows[name] for name in ("preference", "low", "high"))
    points = scored[["variant", "method"]].assign(value=value, low=low, high=high)
    points["decision"] = seen(low - even, high - even)
    return Row(title, words, points, even, least)


def preferences(rows: pd.DataFrame, whose: str) -> Iterator[Drawn]:
    """A line per variant with a dot per rubric: how much oftener its answers are preferred to the dense model's; whose:
    the end of the title."""
    pairs = rows[(rows["against"] == DENSE) & (rows["part"] == "") & rows["preference"].notna()]
    if pairs.empty:
        return
    variants, rubrics = list(pairs["variant"].unique()), list(pairs["rubric"].unique())
    title = f"Which answers are preferred{whose}"
    figure, (axis,) = panels(1, 1, (7.9, 1.5 + LINE * len(variants) * (1 + 0.25 * (len(rubrics) - 1))))
    for number, (rubric, (colour, marker)) in enumerate(looks_of(rubrics).items()):
        mine = pairs[pairs["rubric"] == rubric]
        y = [variants.index(slug) + 0.6 * ((number + 0.5) / len(rubrics) - 0.5) for slug in mine["variant"]]
        axis.hlines(y, mine["low"], mine["high"], color=colour, linewidth=1.2)
        dots(axis, mine["preference"], y, mine["decision"], {"color": colour, "marker": marker})
    axis.axvline(0, color=GREY, linewidth=0.9)
    axis.set_yticks(range(len(variants)), [in_words(slug) for slug in variants])
    axis.set(ylim=(len(variants) - 0.5, -0.5), xlabel="points above (right) or below\nthe dense model's answers")
    axis.grid(visible=False, axis="y")
    yield Drawn(f"{WRITTEN}preferred", title, _preferred(pairs), _finished(figure, axis, title, pairs))


def _finished(figure: Figure, axis: Axes, title: str, pairs: pd.DataFrame) -> Figure:
    rubrics = list(pairs["rubric"].unique())
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=SIZE, label=str(rubric))
        for rubric, (colour, marker) in looks_of(rubrics).items()
    ]
    finish(figure, [axis], title, [*handles, *dot_handles(pairs["decision"])])
    return figure


def _preferred(pairs: pd.DataFrame) -> str:
    judge = judge_named(pairs["judge"].iloc[0])
    return (
        f"How often {judge} prefers the variant's answer to the dense model's own, a tie as "
        f"half, in points above one half, with 95% intervals over questions. {decided(pairs['decision'])}"
    )
