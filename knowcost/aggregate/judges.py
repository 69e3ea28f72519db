"""What makes judgements believable: the table `judges`, a row per model, benchmark, rubric, judge and what texts were
held against.

A judge that is swayed by which text stands first gives other verdicts when the two are swapped; one that likes long
texts follows their lengths; what it says of the dense model's text against the same model's, asked once more, is what
it says where there is nothing to choose. Intervals of correlation and kappa are from resamples of the questions
(statistics.Bootstrap), since neither is a mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Sample, estimate
from knowcost.aggregate.judgement_rows import ASKED_ALIKE, Judgements
from knowcost.aggregate.statistics import Bootstrap
from knowcost.judge.rows import LOSS, TIE, TOO_LONG, UNPARSED, WIN

Row = dict[str, Any]

COLUMNS = ["family", "model", "benchmark", *ASKED_ALIKE, "answered_by", "n", "swapped", "flipped", "flipped_percent",
           "flipped_low", "flipped_high", "first_preferred", "first_low", "first_high", "unparsed", "too_long",
           "null_n", "null_win", "null_tie", "null_loss", "null_flipped", "longer_wins", "longer_low", "longer_high",
           "length_change", "length_correlation", "length_low", "length_high", "second_judge", "compared", "agreement",
           "kappa", "kappa_low", "kappa_high"]  # fmt: skip
VERDICTS = (WIN, TIE, LOSS)
SAME = ["variant", "id", "turn"]  # beside rubric and against: what two judges were asked alike


@dataclass(frozen=True)
class _Asked:
    """What a judge was asked of a model's texts on a benchmark: rows of JUDGED with the columns of
    judgement_rows.numbers, `variant`, and `null`: whether the dense model's text was held against its own."""

    rows: pd.DataFrame
    benchmark: str

    def told(self) -> pd.DataFrame:
        """The rows that say something of texts that differ."""
        return self.rows[~self.rows["null"]]


def judges(made: Sequence[Judgements]) -> pd.DataFrame:
    """COLUMNS, in the order of the files. Counts are of judgements, the null's apart; first_preferred, longer_wins,
    flipped_percent and agreement are percent. second_judge: the other one, where two were asked."""
    by_place: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    for cell in made:
        null = cell.rows["against"].map(cell.is_null)
        place = cell.family, cell.model, cell.benchmark
        by_place.setdefault(place, []).append(cell.rows.assign(variant=cell.variant, null=null.astype(bool)))
    rows: list[Row] = []
    for place, frames in by_place.items():
        every = pd.concat(frames, ignore_index=True)
        for names, alike in every.groupby(ASKED_ALIKE, sort=False):
            about = dict(zip(("family", "model", "benchmark", *ASKED_ALIKE), (*place, *names), strict=True))
            rows.append(about | _row(_Asked(alike.reset_index(drop=True), place[2])) | _second(about, alike, every))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(asked: _Asked) -> Row:
    told, null = asked.told(), asked.rows[asked.rows["null"]]
    made: Row = {"answered_by": ", ".join(sorted(asked.rows["answered_by"].dropna().unique())), "n": len(told)}
    made |= {name: (told["failed"] == name).sum() for name in (UNPARSED, TOO_LONG)}
    made |= {"swapped": told["swapped"].sum(), "flipped": told["flipped"].sum()}
    made |= {"null_n": len(null), "null_flipped": null["flipped"].sum()}
    made |= {f"null_{name}": (null["verdict"] == name).sum() for name in VERDICTS}
    both = told[told["swapped"]]
    made |= _percent(both["flipped"].astype(float), both, "flipped_percent", "flipped") if len(both) else {}
    return made | _first(asked.rows) | _lengths(told, asked.benchmark)


def _percent(shares: pd.Series, rows: pd.DataFrame, value: str, name: str) -> Row:
    """Columns of a table: the percent of rows, of which `shares` says 0, 1, or nan for one that does not count, with
    its interval, as far as that lies within 0 and 100. Several rows of a question show no more of what was not seen
    than one would."""
    clusters = rows["cluster"].to_numpy()
    found = estimate([Sample("", 100 * shares.to_numpy()[:, None], clusters, flip=100, facts=clusters)])
    ends = {f"{name}_{end}": np.clip(getattr(found, end)[0], 0, 100) for end in ("low", "high")}
    return {value: found.value[0]} | ends


def _first(rows: pd.DataFrame) -> Row:
    """Of the verdicts that are no ties, of texts that were shown in both orders: the percent for what stood first. A
    judge that goes by the texts alone has 50, however different these are."""
    both = rows[rows["swapped"]]
    orders = pd.concat([both["first"].map({WIN: 1.0, LOSS: 0.0}), both["second"].map({WIN: 0.0, LOSS: 1.0})])
    if not orders.notna().any():
        return {}
    return _percent(orders, pd.concat([both, both]), "first_preferred", "first")


def _lengths(rows: pd.DataFrame, benchmark: str) -> Row:
    """How verdicts go with the lengths of the texts: Spearman's correlation of the difference in words with winning (1;
    a tie is 0, a loss -1); empty answers, of which no judge was asked, are left out."""
    rows = rows[~rows["empty"] & rows["preference"].notna()]
    if rows.empty:
        return {}
    longer = (rows["length"] - rows["other_length"]).astype(float)
    made: Row = {"length_change": longer.mean()}
    wins = (np.sign(longer) * np.sign(rows["preference"])).map({1: 1.0, -1: 0.0})  # nan where alike, or a tie
    if wins.notna().any():
        made |= _percent(wins, rows, "longer_wins", "longer")
    ranks = np.column_stack([longer.rank(), rows["preference"].rank()])
    x, y = (ranks - ranks.mean(axis=0)).T
    moments = np.column_stack([x, y, x * x, y * y, x * y])
    found = _with_interval(_correlation, moments, rows, benchmark)
    return made | dict(zip(("length_correlation", "length_low", "length_high"), found, strict=True))


def _correlation(means: np.ndarray) -> np.ndarray:
    """From rows of means of x, y, x^2, y^2 and x y."""
    x, y, xx, yy, xy = means.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.maximum(xx - x**2, 0) * np.maximum(yy - y**2, 0))
        return np.asarray(np.where(spread > 1e-9, (xy - x * y) / spread, np.nan))


def _second(about: Row, mine: pd.DataFrame, every: pd.DataFrame) -> Row:
    """How far another judge says the same of the same texts, by the same rubric: Cohen's kappa of their verdicts."""
    alike = every[(every["rubric"] == about["rubric"]) & (every["against"] == about["against"])]
    others = alike[alike["judge"] != about["judge"]]
    if others.empty:
        return {}
    second = others["judge"].iloc[0]
    theirs = others[others["judge"] == second].set_index(SAME)["verdict"]
    found = theirs.reindex(pd.MultiIndex.from_frame(mine[SAME])).to_numpy()
    both = mine.assign(other=found).dropna(subset=["verdict", "other"])
    both = both[~both["empty"]]
    made: Row = {"second_judge": second, "compared": len(both)}
    if both.empty:
        return made
    made["agreement"] = 100 * (both["verdict"] == both["other"]).mean()
    said = [both[whose] == verdict for whose in ("verdict", "other") for verdict in VERDICTS]
    columns = np.column_stack([both["verdict"] == both["other"], *said]).astype(float)
    kappa = _with_interval(_kappa, columns, both, str(about["benchmark"]))
    return made | dict(zip(("kappa", "kappa_low", "kappa_high"), kappa, strict=True))


def _kappa(shares: np.ndarray) -> np.ndarray:
    """From rows of shares: of agreement, and of each verdict of one judge and of the other."""
    agreed, one, other = shares[:, 0], shares[:, 1:4], shares[:, 4:]
    chance = (one * other).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(chance < 1 - 1e-9, (agreed - chance) / (1 - chance), np.nan))


def _with_interval(statistic: Any, columns: np.ndarray, rows: pd.DataFrame, benchmark: str) -> tuple[float, ...]:
    """(value, low, high) of a statistic of the means of columns, its interval over resampled clusters; nan where there
    is one cluster, or where it says nothing."""
    value = float(statistic(columns.mean(axis=0)[None, :])[0])
    if np.isnan(value) or rows["cluster"].nunique() < 2:
        return value, np.nan, np.nan
    facts = pd.DataFrame({"id": np.arange(len(rows)), "cluster": rows["cluster"].to_numpy()})
    (drawn,) = Bootstrap(facts, benchmark).means([(facts["id"], columns, np.ones(len(rows)))])
    low, high = np.nanpercentile(statistic(drawn), [2.5, 97.5])
    return value, float(low), float(high)
