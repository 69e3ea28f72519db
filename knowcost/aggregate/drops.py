"""What compression costs: scores beside the dense model's, drops averaged over benchmarks and models, the cheapest.

Drops are losses against the dense model on the same facts: drop_points in percentage points of accuracy, drop_percent
relative to the dense accuracy (what "The Cost of Compression" plots). Averages follow that paper: over the benchmarks
of a model, then over the models of a family. What was not run stays empty; a mean over only some of the family's
benchmarks would not compare with the others, and is empty too.

The yardsticks of figures and report stand here too: KEEP_LEVELS, KEEP and REFERENCE_LEVEL.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

import pandas as pd

from knowcost.aggregate.tables import FORMATS, TREATMENT, ordered
from knowcost.spec.variants import DENSE

KEEP = 95  # percent of the dense model's facts that a variant has to keep to count as good: the line of figures
KEEP_LEVELS = (99, KEEP, 90)  # what `cheapest` asks a variant to keep, in percent of the dense model's facts
REFERENCE_LEVEL = 40  # percent: the sparsity at which figures and report compare, or the nearest one that was run
SCORES = ["family", "model", *TREATMENT, "benchmark", "n", "accuracy", "accuracy_macro", "p10", "mrr", "unprompted",
          "dense_accuracy", "drop_points", "drop_low", "drop_high", "noise_points", "drop_percent", "forgotten",
          "gained", "kept_percent", "majority", "majority_drop_points", "majority_drop_percent", "touched_parameters",
          "zeros", "sparsity", "nominal_bytes", "disk_bytes", "bytes_saved_percent", "limit", "dropped"]  # fmt: skip
MEANS = ["drop_points", "drop_percent", "kept_percent", "majority_drop_points", "majority_drop_percent"]


def scores(cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per cell, from dicts: model, family, benchmark, the variant's description, metrics, and sizes.

    Order: family, model and benchmark as they first appear in `cells`, then experiment, method, scope, level.
    """
    frame = pd.DataFrame(cells).reindex(columns=SCORES)
    for name in frame.columns.intersection(list(FORMATS)):
        frame[name] = pd.to_numeric(frame[name])
    known = frame["dense_accuracy"] > 0
    frame["drop_percent"] = (frame["drop_points"] / frame["dense_accuracy"]).where(known)
    baseline = 100 * (frame["dense_accuracy"] - frame["majority"])
    frame["majority_drop_points"] = baseline
    frame["majority_drop_percent"] = (baseline / frame["dense_accuracy"]).where(known)
    return ordered(frame)


def drops_by_model(scores: pd.DataFrame) -> pd.DataFrame:
    """Per model and variant: the mean over the family's benchmarks, how many there are, and on how many of them the 95%
    interval of the drop lies above zero and the drop above the noise floor (`measurable`)."""
    rows = []
    benchmarks = dict(scores.groupby("family")["benchmark"].nunique())
    for (family, model), of_model in scores.groupby(["family", "model"], sort=False):
        expected = benchmarks[family]
        for _, cells in of_model[of_model["experiment"] != DENSE].groupby("variant", sort=False):
            first = cells.iloc[0]
            rows.append(
                {"family": family, "model": model, **first[TREATMENT], "benchmarks": len(cells)}
                | _means(cells, expected)
                | {
                    "measurable": int(
                        ((cells["drop_low"] > 0) & ~(cells["drop_points"] <= cells["noise_points"])).sum()
                    )
                }
                | {name: first[name] for name in ("nominal_bytes", "bytes_saved_percent")}
            )
    return pd.DataFrame(rows, columns=_columns(["model"], ["benchmarks"], ["nominal_bytes"]))


def _means(cells: pd.DataFrame, expected: int) -> dict[str, float]:
    """{name: mean over benchmarks} of MEANS, empty unless there are as many as expected.

    Percentages skip a benchmark on which the dense model knew nothing: there was nothing to lose.
    """
    means = cells[MEANS].mean()
    if len(cells) < expected or cells["drop_points"].isna().any():
        means[:] = nan
    if cells["majority_drop_points"].isna().any():
        means[["majority_drop_points", "majority_drop_percent"]] = nan
    return dict(means)


def drops(by_model: pd.DataFrame) -> pd.DataFrame:
    """Per family and variant: the mean over the models that have it; `pairs` counts their (model, benchmark) pairs."""
    rows = []
    for (family, _), group in by_model.groupby(["family", "variant"], sort=False):
        whole = group[group["drop_points"].notna()]
        rows.append(
            {"family": family, **group.iloc[0][TREATMENT], "models": len(whole), "pairs": whole["benchmarks"].sum()}
            | dict(whole[[*MEANS, "bytes_saved_percent"]].mean())
            | {"measurable": whole["measurable"].sum()}
        )
    return ordered(pd.DataFrame(rows, columns=_columns([], ["models", "pairs"], [])))


def cheapest(by_model: pd.DataFrame) -> pd.DataFrame:
    """Per model and share of facts to keep: the variant that saves most bytes while keeping that share, if one does."""
    rows = []
    for (family, model), group in by_model.groupby(["family", "model"], sort=False):
        for least in KEEP_LEVELS:
            fit = group[(group["kept_percent"] >= least) & (group["bytes_saved_percent"] > 0)]
            best = fit.sort_values(["bytes_saved_percent", "kept_percent"], ascending=False).head(1)
            values = best[["variant", "bytes_saved_percent", "kept_percent", "drop_points"]].to_dict("records")
            rows.append({"family": family, "model": model, "keep_at_least": least, **(values[0] if values else {})})
    names = ["family", "model", "keep_at_least", "variant", "bytes_saved_percent", "kept_percent", "drop_points"]
    return pd.DataFrame(rows, columns=names)


def nearest_level(levels: Iterable[float]) -> float:
    """The level nearest to REFERENCE_LEVEL, the lower of two; REFERENCE_LEVEL where there is none."""
    known = [level for level in levels if pd.notna(level)]
    return min(known, key=lambda level: (abs(level - REFERENCE_LEVEL), level), default=REFERENCE_LEVEL)


def _columns(model: list[str], counts: list[str], sizes: list[str]) -> list[str]:
    return ["family", *model, *TREATMENT, *counts, *MEANS, "measurable", *sizes, "bytes_saved_percent"]
