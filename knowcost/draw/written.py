"""The figure of what can be measured of texts without a judge: how varied, repetitive and long they are, over how
strongly everything was compressed. Of conversations its first row is LLM-KICK's Figure 6c."""

from collections.abc import Iterator, Mapping

import pandas as pd

from knowcost.benchmarks.kinds import KINDS
from knowcost.draw import WRITTEN
from knowcost.draw.by_strength import Row, decided, has_places, over_strength, seen
from knowcost.draw.drawn import Drawn
from knowcost.draw.words import file_name

CONVERSATIONS, STORIES = f"{WRITTEN}measures", f"{WRITTEN}story_measures"  # how the names of these figures begin
SHOWN = {
    "unique_tokens": ("How varied", "unique tokens\nper answer"),
    "repeated": ("How repetitive", "repeated (%)"),
    "tokens": ("How long", "tokens per answer"),
}


def figures(data: Mapping[str, pd.DataFrame], family: str) -> Iterator[Drawn]:
    """A figure per model and benchmark of one family; data: {name: frame} of tables.read."""
    rows = data["written"]
    kinds = dict(zip(data["benchmarks"]["benchmark"], data["benchmarks"]["kind"], strict=True))
    rows = rows[(rows["family"] == family) & (rows["part"] == "") & rows["change"].notna()]
    for (model, benchmark), mine in rows.groupby(["model", "benchmark"], sort=False):
        shown = [_row(mine[mine["measure"] == measure], *how) for measure, how in SHOWN.items()]
        shown = [row for row in shown if has_places(list(row.points["variant"]))]
        if shown:
            title = f"How varied, repetitive and long the answers are: {model} on {benchmark}"
            caption = (
                "Means over answers, everything compressed. Dashed: the dense model. Lines: 95% intervals of the "
                f"difference, question by question. {decided(pd.concat([row.points for row in shown])['decision'])}"
            )
            start = STORIES if KINDS[kinds[benchmark]].sized else CONVERSATIONS
            name = f"{start}_{file_name(f'{model}_{benchmark}')}"
            group = "" if model == rows["model"].iloc[0] else str(model)
            yield Drawn(name, title, caption, over_strength(shown, title), family, group)


def _row(rows: pd.DataFrame, title: str, words: str) -> Row:
    points = rows[["variant", "method", "value", "decision"]]
    decision = points["decision"].where(
        points["decision"] != "", seen(rows["low"], rows["high"])
    )  # of lengths there is none
    points = points.assign(low=rows["dense"] + rows["low"], high=rows["dense"] + rows["high"], decision=decision)
    return Row(title, words, points, float(rows["dense"].iloc[0]) if len(rows) else 0.0)
