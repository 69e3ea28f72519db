"""Forgotten, or only asked wrongly? Benchmarks that ask a fact in several phrasings (rows that share `fact`).

A variant may miss a fact in one phrasing and have it in another. What that means is told by what stands beside it: how
often it would be so if the phrasings of a fact were answered independently of each other (nothing was lost but
sentences), or if the other phrasings were guessed (the fact is gone).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Estimates, Sample, estimate, mean

COLUMNS = ["family", "model", "variant", "benchmark", "facts", "phrasings", "accuracy", "any_percent", "all_percent",
           "consistency_percent", "consistency_low", "consistency_high", "wrong_elsewhere_percent", "forgotten",
           "known_elsewhere_percent", "known_elsewhere_low", "known_elsewhere_high", "unrelated_percent",
           "guessed_percent"]  # fmt: skip


def repeats(facts: pd.DataFrame) -> bool:
    """Whether any fact is asked in several phrasings."""
    return bool(facts["fact"].duplicated().any())


def row(facts: pd.DataFrame, rows: pd.DataFrame, dense: pd.DataFrame | None) -> dict[str, Any]:
    """What one cell of a benchmark that repeats facts says; only facts with at least two phrasings count.

    facts: Group.facts; rows, dense: scores of the variant and of the dense model (columns prediction, correct), row by
    row. accuracy: mean over rows. any, all: facts answered right in at least one, in every phrasing. consistency: of
    the pairs of phrasings of a fact, those with the same prediction (Elazar et al. 2021), all facts alike.
    wrong_elsewhere: of the rows that the model gets wrong, those whose fact it has right in another phrasing.
    forgotten: rows that the dense model got right and the variant does not; known_elsewhere: those whose fact the
    variant has right in another phrasing. unrelated: how many that would be if a row were as often right as the others
    of its phrasing that the dense model had right, or wrong, like it, whatever became of the fact's other rows;
    guessed: if the other phrasings were guessed. A share of nothing is nan.
    """
    several = facts["fact"].duplicated(keep=False).to_numpy()
    facts, right = facts[several].reset_index(drop=True), rows["correct"].to_numpy(bool)[several]
    code, names = pd.factorize(facts["fact"])
    sizes = np.bincount(code)
    known = np.bincount(code, weights=right)
    elsewhere = (known[code] - right) > 0
    found = {
        "facts": len(names),
        "phrasings": len(facts),
        "accuracy": right.mean(),
        "any_percent": 100 * (known > 0).mean(),
        "all_percent": 100 * (known == sizes).mean(),
        "wrong_elsewhere_percent": _percent(elsewhere, ~right),
    }
    clusters = facts["cluster"].groupby(code).first().to_numpy()  # of each fact: its phrasings belong together
    alike = 100 * _alike(code, rows["prediction"].to_numpy()[several], sizes)
    found |= _columns("consistency", mean(alike[:, None], clusters, flip=100))
    if dense is None or dense is rows:
        return found
    was = dense["correct"].to_numpy(bool)[several]
    lost = was & ~right
    share = np.where(lost, 100.0 * elsewhere, np.nan)[:, None]
    found["forgotten"] = int(lost.sum())
    found |= _columns("known_elsewhere", estimate([Sample("", share, clusters[code], flip=100, facts=code)]))
    found["unrelated_percent"] = _percent(_other(code, _by_phrasing(facts, right, was)), lost)
    found["guessed_percent"] = _percent(_other(code, facts["guess"].fillna(0).to_numpy(float)), lost)
    return found


def _alike(code: np.ndarray, predictions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Of each fact, the share of its pairs of phrasings with one prediction; an answer that is missing is like none."""
    given = pd.DataFrame({"fact": code, "prediction": predictions}).dropna()
    counts = given.groupby(["fact", "prediction"]).size()
    pairs = (counts * (counts - 1) / 2).groupby("fact").sum().reindex(range(len(sizes)), fill_value=0)
    return pairs.to_numpy() / (sizes * (sizes - 1) / 2)


def _by_phrasing(facts: pd.DataFrame, right: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Of each row, the share that is right of the rows of its relation and phrasing that the dense model has right, or
    wrong, like it."""
    keys = [facts["relation"].fillna(""), facts["phrasing"].fillna(""), known]
    return pd.Series(right.astype(float)).groupby(keys).transform("mean").to_numpy()


def _other(code: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The probability that at least one other phrasing of a row's fact is right, if each has its own chance alone."""
    place = pd.Series(code).groupby(code).cumcount().to_numpy()
    wrong = np.ones((code.max() + 1, place.max() + 1))
    wrong[code, place] = 1 - chance
    first = np.ones((len(wrong), 1))
    before = np.cumprod(np.hstack([first, wrong[:, :-1]]), axis=1)
    after = np.cumprod(np.hstack([first, wrong[:, :0:-1]]), axis=1)[:, ::-1]
    return 1 - (before * after)[code, place]


def _percent(what: np.ndarray, of: np.ndarray) -> float:
    return float(100 * what[of].mean()) if of.any() else np.nan


def _columns(name: str, found: Estimates) -> dict[str, float]:
    """A share with its interval, which ends at 0 and 100."""
    return {each: np.clip(value, 0, 100) for each, value in found.columns(f"{name}_percent", name, 0).items()}


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table from what `row` returned, with family, model, variant and benchmark."""
    return pd.DataFrame(rows, columns=COLUMNS)
