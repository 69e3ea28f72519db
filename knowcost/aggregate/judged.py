"""What judges say of the texts of compressed models: the table `judged`.

A preference is the share of wins, ties counting half, in points above 50. Its interval is over what was judged, the
questions being clusters. What failed may have failed because of what it was shown: `least` and `most` are the ends of
the interval if all of it was lost, and if all of it was won; a decision has to hold for both.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import rule, tables
from knowcost.aggregate.clustered import Estimates, mean
from knowcost.aggregate.judgement_rows import ASKED_ALIKE, WORTH, Judgements, unreliable
from knowcost.judge.rows import ALONE, LOSS, REFERENCE, TIE, WIN
from knowcost.spec.variants import DENSE

Row = dict[str, Any]

COLUMNS = ["family", "model", *tables.TREATMENT, "benchmark", "part", *ASKED_ALIKE, "n", "clusters", "wins", "ties",
           "losses", "failed", "empty", "swapped", "flipped", "preference", "low", "high", "least", "most", "decision",
           "scored", "score", "other_score", "score_change", "score_low", "score_high"]  # fmt: skip

COUNTED = {"wins": WIN, "ties": TIE, "losses": LOSS}  # column: verdict


def judged(made: Sequence[Judgements], margin: float) -> pd.DataFrame:
    """One row per cell, rubric, judge and what its texts were held against, and part: "" for all, then each relation.

    margin: of rule.decide, which speaks of the preference, or of the change of the score where a rubric gives nothing
    else; the dense model has no decision, nor what was judged in one order alone, beside a reference. A score of a text
    alone is held against that of the dense model's text.
    """
    rows: list[Row] = []
    for cell in made:
        about = {name: getattr(cell, name) for name in ("family", "model", "benchmark")}
        about |= tables.describe(cell.variant)
        for names, alike in cell.rows.groupby(ASKED_ALIKE, sort=False):
            what = about | dict(zip(ASKED_ALIKE, names, strict=True))
            rows += [what | {"part": part} | _row(each, cell.variant, margin) for part, each in _parts(alike)]
    return tables.ordered(pd.DataFrame(rows, columns=COLUMNS))


def _parts(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "", rows
    yield from ((str(name), each) for name, each in rows.groupby("relation", sort=False))


def _row(rows: pd.DataFrame, variant: str, margin: float) -> Row:
    counts: Row = {"n": len(rows), "failed": rows["failed"].notna().sum()}
    counts |= {name: rows[name].sum() for name in ("empty", "swapped", "flipped")}
    scores = _scores(rows)
    if (rows["against"] == ALONE).all():
        change = scores["score_change"], scores["score_low"], scores["score_high"]
        decision = _decide(rows, change, 0.0, scores.pop("differing"))
        clusters = rows["cluster"].nunique()
        return counts | scores | {"clusters": clusters, "decision": "" if variant == DENSE else decision}
    scores.pop("differing")
    counts |= {name: (rows["verdict"] == verdict).sum() for name, verdict in COUNTED.items()}
    found = _preference(rows)
    ends = {"low": found.low[0], "high": found.high[0], "least": found.low[1], "most": found.high[2]}
    numbers = {"preference": found.value[0]}  # which no interval leaves the range of
    numbers |= {name: np.clip(end, WORTH[LOSS], WORTH[WIN]) for name, end in ends.items()}
    told = numbers["preference"], numbers["least"], numbers["most"]
    undecided = variant == DENSE or (rows["against"] == REFERENCE).all()
    decision = "" if undecided else _decide(rows, told, margin, float(found.differing[0]))
    return counts | numbers | scores | {"clusters": rows["cluster"].nunique(), "decision": decision}


def _preference(rows: pd.DataFrame) -> Estimates:
    """Three estimates: of what was judged; and of everything, if what failed was lost, and if it was won."""
    told = rows["preference"]
    columns = [told, *(told.fillna(WORTH[each]) for each in (LOSS, WIN))]
    return mean(np.column_stack(columns), rows["cluster"].to_numpy(), flip=WORTH[WIN])


def _decide(rows: pd.DataFrame, told: tuple[float, float, float], margin: float, differing: float) -> str:
    """What a preference, or a change of a score, with its interval bears, of which less is worse."""
    value, low, high = told
    said = rule.decide(-value, -high, -low, margin, differing)
    failed_alone = (rows["against"] == ALONE).all() and unreliable(rows)  # of scores there are no bounds
    return rule.UNSURE if failed_alone or (said == rule.EQUAL and unreliable(rows)) else said


def _scores(rows: pd.DataFrame) -> Row:
    """Mean scores, over pairs of which both are known if there is another, and their change."""
    own, other = rows["score"], rows["other_score"]
    if other.notna().any():
        both = own.notna() & other.notna()
        own, other = own.where(both), other.where(both)
    usual = float(np.nan_to_num(other.mean()))  # what a text that loses all of its score would lose
    values = np.column_stack([own, other, own - other])
    found = mean(values, rows["cluster"].to_numpy(), flip=usual)
    made = {"scored": own.notna().sum(), "score": found.value[0], "other_score": found.value[1]}
    return made | found.columns("score_change", "score", 2) | {"differing": float(found.differing[2])}
