"""Which answer a model gives, whatever is asked; and how much of its loss is only a shifted threshold.

For benchmarks whose choices have fixed places (yes and no, the first and the second; Kind.majority "place"). A
compressed model that answers "no" to nearly everything has lost accuracy that may come back once the threshold on its
log-odds is moved: to where it gives the second answer as often as that is right (the median, where it is right for
half). The threshold takes the benchmark's share of answers and nothing of which fact has which.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from knowcost.aggregate.clustered import mean
from knowcost.benchmarks.kinds import KINDS

COLUMNS = ["family", "model", "variant", "benchmark", "n", "choices", "answer", "given_percent", "dense_given_percent",
           "right_percent", "shares", "accuracy", "accuracy_at_threshold", "drop_points", "explained_points",
           "explained_low", "explained_high", "left_points", "left_low", "left_high"]  # fmt: skip


def places(table: pa.Table, about: Mapping[str, Any]) -> tuple[np.ndarray, list[str]]:
    """Of every fact of a benchmark (table and metadata) which choice is right, nan where choices have no fixed places;
    and what the choices are called: by what they say where they say the same for all facts, else by number."""
    kind = KINDS[about["kind"]]
    if kind.majority != "place" or kind.choices is None or not table.num_rows:
        return np.full(table.num_rows, np.nan), []
    asked = [kind.choices(row) for row in table.to_pylist()]
    first = asked[0][0]
    alike = all(words == first for words, _ in asked)
    names = first if alike else [f"number {place}" for place in range(1, max(len(words) for words, _ in asked) + 1)]
    return np.array([right for _, right in asked], float), list(names)


def row(facts: pd.DataFrame, words: list[str], rows: pd.DataFrame, dense: pd.DataFrame | None) -> dict[str, Any] | None:
    """What one cell says of its answers; None where choices have no places, or their probabilities are missing.

    facts: Group.facts with `place`; it and words: of `places`. rows, dense: scores of
    the variant and of the dense model, fact by fact. answer: the choice that is given most; right_percent: where it is
    right. shares: of all choices, in words. Where there are two choices: explained_points, how much of drop_points is
    gone once both models' thresholds are moved; left_points: what is lost then. Thresholds are taken as given in the
    intervals.
    """
    place = facts["place"].to_numpy(float)
    odds = None if np.isnan(place).any() else _table(rows["choice_logprobs"])
    if odds is None or odds.shape[1] > len(words):
        return None
    choices = odds.shape[1]
    given = _shares(odds.argmax(axis=1), choices)
    most = int(given.argmax())
    found = {
        "n": len(place),
        "choices": choices,
        "answer": words[most],
        "given_percent": given[most],
        "right_percent": _shares(place.astype(int), choices)[most],
        "shares": ", ".join(f"{name} {share:.1f}%" for name, share in zip(words, given, strict=False)),
        "accuracy": rows["correct"].mean(),
    }
    before = None if dense is None else _table(dense["choice_logprobs"])
    if before is not None and before.shape == odds.shape:
        found["dense_given_percent"] = _shares(before.argmax(axis=1), choices)[most]
    return found | (_thresholds(facts, rows, odds, dense, before) if choices == 2 else {})


def _thresholds(
    facts: pd.DataFrame, rows: pd.DataFrame, odds: np.ndarray, dense: pd.DataFrame | None, before: np.ndarray | None
) -> dict[str, Any]:
    """The columns on a moved threshold."""
    second = facts["place"].to_numpy() == 1
    moved, was = at_threshold(odds[:, 1] - odds[:, 0], second), rows["correct"].to_numpy(float)
    found = {"accuracy_at_threshold": moved.mean()}
    if dense is None or dense is rows or before is None or before.shape != odds.shape:
        return found
    dense_moved, dense_was = at_threshold(before[:, 1] - before[:, 0], second), dense["correct"].to_numpy(float)
    lost, left = 100 * (dense_was - was), 100 * (dense_moved - moved)
    each = mean(np.column_stack([lost - left, left]), facts["cluster"].to_numpy(), flip=100)
    found["drop_points"] = lost.mean()
    for place, name in enumerate(("explained", "left")):
        found |= each.columns(f"{name}_points", name, place)
    return found


def at_threshold(odds: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far each fact is right (0 to 1) if the second answer is given to as many facts as it is right for, those with
    the highest log-odds. Facts that share the odds of the threshold are given it in equal parts."""
    count = int(second.sum())
    if count in (0, len(second)):
        return np.ones(len(second))
    threshold = np.sort(odds)[::-1][count - 1]
    above, tied = odds > threshold, odds == threshold
    given = np.where(tied, (count - above.sum()) / tied.sum(), above)
    return np.where(second, given, 1 - given)


def _table(choices: pd.Series) -> np.ndarray | None:
    """Log-probabilities as n x choices, -inf where a fact has fewer; None where some are missing or no numbers."""
    if choices.isna().any() or not len(choices):
        return None
    widths = choices.map(len)
    table = np.full((len(choices), widths.max()), -np.inf)
    table[np.arange(table.shape[1]) < widths.to_numpy()[:, None]] = np.concatenate(choices.to_list())
    if np.isnan(table).any() or np.isneginf(table).all(axis=1).any() or table.shape[1] < 2:
        return None
    return table


def _shares(places: np.ndarray, choices: int) -> np.ndarray:
    """Percent of facts per place."""
    return 100 * np.bincount(places, minlength=choices) / len(places)


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table from what `row` returned, with family, model, variant and benchmark."""
    return pd.DataFrame(rows, columns=COLUMNS)
