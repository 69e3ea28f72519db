"""More than right and wrong: how the probabilities that a model gives to answers change, from what its rows say anyway.

Rows have classes (`choice_logprobs`): given choices or candidates, of which one is the answer, so that they are taken
to add up to one; in an open cloze the most frequent answers of its relation and, last, the rest of the vocabulary,
which do (score/classes.py). The Kullback-Leibler divergence over classes that are put together is a lower bound of that
over the vocabulary.

A probability below LEAST counts as LEAST where logarithms are taken: what is less likely than one in a million is not
known, and how much less says nothing.

Calibration (Guo et al. 2017, arXiv:1706.04599): the expected calibration error is of the answer that a model gives,
over BINS bins of equal width; the Brier score (Brier 1950) is over all classes, from 0 to 2. The calibration error is
the mean over facts of (right - confidence) with the sign of the sum in its bin, so its interval is that of a mean; the
jackknife on the error itself differs only where a cluster turns a bin's sign.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, nan
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import rule
from knowcost.aggregate.clustered import Sample, estimate
from knowcost.aggregate.tables import TREATMENT, ordered

LEAST = 1e-6
BINS = 15  # as in Guo et al.
BLOCK = 1_000_000  # log-probabilities at a time: of T-REx there are 9 million a cell
COLUMNS = ["family", "model", *TREATMENT, "benchmark", "n", "forgotten", "gained", "changed", "n_probability",
           "probability", "probability_points", "probability_low", "probability_high", "probability_decision",
           "log_change", "log_low", "log_high", "kl_mean", "kl_low", "kl_high", "kl_p99", "brier", "brier_change",
           "brier_low", "brier_high", "ece", "ece_change", "ece_low", "ece_high"]  # fmt: skip
ESTIMATES = {  # what changes: the column of its mean, the beginning of its interval's, the most that one fact can add
    "probability": ("probability_points", "probability", 100.0),
    "log": ("log_change", "log", -log(LEAST)),
    "kl": ("kl_mean", "kl", -log(LEAST)),
    "brier": ("brier_change", "brier", 2.0),
    "ece": ("ece_change", "ece", 1.0),
}


@dataclass(frozen=True)
class Said:
    """What the n rows of a cell say.

    correct: booleans. prediction: texts, None where only its being wrong is known. log_right: natural-log probability
    of the right answer; sure: probability of the prediction; brier: Brier score; nan where the engine gives none.
    sizes: how many classes each row has, 0 for none; classes: their log-probabilities, row after row.
    """

    correct: np.ndarray
    prediction: np.ndarray
    log_right: np.ndarray
    sure: np.ndarray
    brier: np.ndarray
    sizes: np.ndarray
    classes: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """The probability of the right answer: among the classes where there are any, since a choice's own
        log-likelihood says more about its length; nan where it was not asked for."""
        return np.exp(self.log_right)


def said(rows: pd.DataFrame) -> Said:
    """What rows (correct, prediction, logprob, choice_logprobs, top_logprob of score/rows.py) say."""
    given = rows["choice_logprobs"].to_numpy(object)
    there = [each for each in given if each is not None]
    sizes = np.array([0 if each is None else len(each) for each in given], int)
    classes = np.concatenate([np.zeros(0, np.float32), *there])
    total, squares = np.zeros(len(rows)), np.full(len(rows), nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for facts, values, starts in _blocks(sizes):
            block = classes[values].astype(float)
            total[facts] = np.logaddexp.reduceat(block, starts)
            block -= np.repeat(total[facts], sizes[facts])
            squares[facts] = np.add.reduceat(np.exp(2 * block), starts)
            classes[values] = block
        log_right = np.minimum(rows["logprob"].to_numpy(float) - total, 0)
    silent = (rows["prediction"] == "") & rows["logprob"].notna()  # what a greedy model says instead is not known
    return Said(
        correct=rows["correct"].to_numpy(bool),
        prediction=rows["prediction"].astype(object).where(~silent, None).to_numpy(object),
        log_right=log_right,
        sure=np.exp(rows["top_logprob"].to_numpy(float)),
        brier=squares - 2 * np.exp(log_right) + 1,
        sizes=sizes,
        classes=classes,
    )


def row(
    variant: Said, dense: Said | None, clusters: np.ndarray, margin: float, facts: np.ndarray | None = None
) -> dict[str, Any]:
    """COLUMNS from `n` on: what a variant's rows say, beside the dense model's on the same facts if there are any.

    Changes are positive where something is lost or gets worse: probability_points and log_change are the dense model's
    less the variant's, brier_change and ece_change the variant's less the dense model's, kl_mean is of the dense
    model's distribution from the variant's. margin: of rule.decide; facts: of clustered.Sample. What the rows do not
    say is nan.
    """
    own = {
        "probability": variant.right,
        "brier": variant.brier,
        "ece": _miscalibrated(variant, ~np.isnan(variant.sure)),
    }
    found: dict[str, Any] = {"n": len(variant.correct)} | {name: _mean(values) for name, values in own.items()}
    if dense is None or variant is dense:
        return found
    divergence = _divergence(dense, variant)
    both = ~np.isnan(dense.sure + variant.sure)
    floor = np.maximum([variant.log_right, dense.log_right], log(LEAST))
    changes = {
        "probability": 100 * (dense.right - variant.right),
        "log": floor[1] - floor[0],
        "kl": divergence,
        "brier": variant.brier - dense.brier,
        "ece": _miscalibrated(variant, both) - _miscalibrated(dense, both),
    }
    flip = np.array([most for _, _, most in ESTIMATES.values()])
    values = np.column_stack([changes[name] for name in ESTIMATES])
    of = estimate([Sample("", values, clusters, flip=flip, facts=facts)])
    for place, (mean, interval, _) in enumerate(ESTIMATES.values()):
        found |= of.columns(mean, interval, place)
    found["kl_low"] = max(found["kl_low"], 0.0) if not np.isnan(found["kl_low"]) else nan
    found["kl_p99"] = np.percentile(divergence[~np.isnan(divergence)], 99) if of.n[2] else nan
    found["n_probability"] = int((~np.isnan(changes["probability"])).sum())
    if of.n[0]:
        found["probability_decision"] = rule.decide(of.value[0], of.low[0], of.high[0], margin, of.differing[0])
    return found | _flips(variant, dense)


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The table `probabilities`: dicts of COLUMNS in the order of all tables."""
    return ordered(pd.DataFrame(rows, columns=COLUMNS))


def changed(variant: Said, dense: Said) -> np.ndarray:
    """Per fact 1 where a wrong answer became another wrong one; nan throughout where wrong answers are not known."""
    wrong = ~dense.correct & ~variant.correct
    told = pd.notna(dense.prediction) & pd.notna(variant.prediction)
    found = (wrong & told & (dense.prediction != variant.prediction)).astype(float)
    return found if told[wrong].any() or not wrong.any() else np.full(len(found), nan)


def _flips(variant: Said, dense: Said) -> dict[str, float]:
    """Counts of facts: right to wrong, wrong to right, and wrong to another wrong."""
    return {
        "forgotten": int((dense.correct & ~variant.correct).sum()),
        "gained": int((~dense.correct & variant.correct).sum()),
        "changed": float(changed(variant, dense).sum()),
    }


def _divergence(dense: Said, variant: Said) -> np.ndarray:
    """Per fact, in nats, the Kullback-Leibler divergence of the dense model's classes from the variant's, nan where one
    of them has none, or they are others."""
    there = (dense.sizes > 0) & (dense.sizes == variant.sizes)
    sizes = dense.sizes[there]
    before, after = dense.classes[np.repeat(there, dense.sizes)], variant.classes[np.repeat(there, variant.sizes)]
    found = np.full(len(sizes), nan)
    for facts, values, starts in _blocks(sizes):
        p, q = before[values].astype(float), after[values].astype(float)
        lost = np.exp(p) * (np.maximum(p, log(LEAST)) - np.maximum(q, log(LEAST)))
        found[facts] = np.maximum(np.add.reduceat(lost, starts), 0)
    everywhere = np.full(len(there), nan)
    everywhere[there] = found
    return everywhere


def _miscalibrated(cell: Said, facts: np.ndarray) -> np.ndarray:
    """Values per fact whose mean is the expected calibration error over `facts`; nan for the others."""
    values = np.full(len(facts), nan)
    sure, gap = cell.sure[facts], cell.correct[facts] - cell.sure[facts]
    bins = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    values[facts] = np.sign(np.bincount(bins, gap, BINS))[bins] * gap
    return values


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else nan


def _blocks(sizes: np.ndarray) -> Iterator[tuple[np.ndarray, slice, np.ndarray]]:
    """(numbers of some rows that have classes, where these are, where in there each row's begin), at most about BLOCK
    values at a time."""
    ends = np.cumsum(sizes)
    for number in np.unique(ends[sizes > 0] // BLOCK):
        facts = np.flatnonzero((sizes > 0) & (ends // BLOCK == number))
        start = ends[facts[0]] - sizes[facts[0]]
        yield facts, slice(start, ends[facts[-1]]), ends[facts] - sizes[facts] - start
