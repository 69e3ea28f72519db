"""What compression costs: scores beside the dense model's, drops averaged over benchmarks and models, the cheapest.

Drops are losses against the dense model on the same facts: drop_points in percentage points of accuracy, with the
interval and the decision of losses.py and rule.py; drop_percent relative to the dense accuracy (what "The Cost of
Compression" plots), averaged as that paper does: over the benchmarks of a model, then over the models of a family, all
alike. What was not run stays empty; a mean over only some of the family's benchmarks would not compare with the others,
and is empty too.
"""

from collections.abc import Collection, Mapping, Sequence
from math import nan
from typing import Any

import pandas as pd

from knowcost.aggregate import baseline, losses, rule
from knowcost.aggregate.statistics import Group, models_of
from knowcost.aggregate.tables import FORMATS, TREATMENT, ordered, those
from knowcost.aggregate.yardsticks import KEEP_LEVELS
from knowcost.spec.variants import DENSE

ADAPTER = ["adapter_parameters", "adapter_bytes", "cached_parameters", "cached_bytes"]  # beside the base's
SCORES = ["family", "model", *TREATMENT, "benchmark", "n", "accuracy", "accuracy_macro", "p10", "mrr", "unprompted",
          "dense_accuracy", "drop_points", "drop_low", "drop_high", "decision", "noise_points", "drop_percent",
          "forgotten", "gained", "kept_percent", *baseline.COLUMNS, "majority", "guess", "majority_drop_points",
          "majority_drop_percent", "touched_parameters", "zeros", "sparsity", "format", "real_bytes",
          "loaded_bytes", "disk_bytes", "bytes_saved_percent", *ADAPTER, "limit", "dropped"]  # fmt: skip
PAPER = ["drop_percent", "majority_drop_points", "majority_drop_percent"]  # averaged as the paper averages
SIZES = ["format", "real_bytes", "loaded_bytes", "bytes_saved_percent", *ADAPTER]
PER_FACT = ["facts_kept", "bits_per_fact_kept"]
LOSSES = ["models", "pairs", "knowing", "small", "drop_points", "drop_low", "drop_high", "decision", "needed",
          "worst_benchmark", "worst_points", "forgotten_points", "forgotten_low", "forgotten_high", "gained_points",
          "gained_low", "gained_high", "changed_points", "changed_low", "changed_high", "kept_percent", "kept_low",
          "kept_high", "kept_least", "leads", "lead_lost_percent", "lead_lost_low", "lead_lost_high",
          "probability_points", "probability_low", "probability_high", "probability_decision"]  # fmt: skip
BY_MODEL = ["family", "model", *TREATMENT, "benchmarks", *LOSSES, *PAPER, *SIZES, *PER_FACT]
BY_FAMILY = ["family", *TREATMENT, "benchmarks", *LOSSES, *PAPER, "bytes_saved_percent"]
CHEAPEST = ["variant", "bytes_saved_percent", "kept_percent", "kept_low", "kept_least", "drop_points", "drop_low",
            "drop_high", "lead_lost_percent", "lead_lost_low", "lead_lost_high", "as_small"]  # fmt: skip


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


def drops_by_model(scores: pd.DataFrame, groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """Per model and variant: what losses.by_model says, sizes, and PAPER's means over the family's benchmarks.

    facts_kept: how many facts of all its benchmarks, each phrasing of one counted alike, the dense model and the
    variant answer right, if that was asked all of them; bits_per_fact_kept: bits of real_bytes for each of them.
    """
    rows = []
    benchmarks = dict(scores.groupby("family")["benchmark"].nunique())
    kept = _kept(groups)
    for (family, model), of_model in scores.groupby(["family", "model"], sort=False):
        for _, cells in of_model[of_model["experiment"] != DENSE].groupby("variant", sort=False):
            first = cells.iloc[0]
            sizes = {name: first[name] for name in SIZES}
            count = kept.get((str(model), first["variant"]), nan)
            sizes |= {"facts_kept": count, "bits_per_fact_kept": 8 * sizes["real_bytes"] / count if count else nan}
            about = {"family": family, "model": model, **first[TREATMENT], "benchmarks": len(cells)}
            rows.append(about | _means(cells, benchmarks[family]) | sizes)
    frame = pd.DataFrame(rows, columns=["family", "model", *TREATMENT, "benchmarks", *PAPER, *SIZES, *PER_FACT])
    lost = losses.by_model([group for group in groups if group.compared()], margin)
    return _with_losses(frame, lost, ["family", "model", "variant"])[BY_MODEL]


def _kept(groups: Sequence[Group]) -> dict[tuple[str, str], int]:
    """{(model, variant): how many of the facts that the dense model answers right it does, too}, of those that were
    asked all of the dense model's benchmarks."""
    found: dict[tuple[str, str], int] = {}
    for mine in models_of([group for group in groups if DENSE in group.right]):
        for slug in (slug for slug in mine[0].compared() if all(slug in group.right for group in mine)):
            found[mine[0].model, slug] = sum(int((group.right[DENSE] & group.right[slug]).sum()) for group in mine)
    return found


def _means(cells: pd.DataFrame, expected: int) -> dict[str, float]:
    """{name: mean over benchmarks} of PAPER, empty unless there are as many as expected.

    Percentages skip a benchmark on which the dense model knew nothing: there was nothing to lose.
    """
    means = cells[PAPER].mean()
    if len(cells) < expected or cells["drop_points"].isna().any():
        means[:] = nan
    if cells["majority_drop_points"].isna().any():
        means[["majority_drop_points", "majority_drop_percent"]] = nan
    return dict(means)


def drops(by_model: pd.DataFrame, groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """Per family and variant: what losses.by_family says, and PAPER's means over the models that have it whole."""
    rows = []
    for (family, _), group in by_model.groupby(["family", "variant"], sort=False):
        whole = group[group["drop_percent"].notna() | (group["models"] > 0)]
        about = {"family": family, **group.iloc[0][TREATMENT], "benchmarks": whole["benchmarks"].max()}
        rows.append(about | dict(whole[[*PAPER, "bytes_saved_percent"]].mean()))
    frame = pd.DataFrame(rows, columns=["family", *TREATMENT, "benchmarks", *PAPER, "bytes_saved_percent"])
    lost = losses.by_family([group for group in groups if group.compared()], margin)
    return ordered(_with_losses(frame, lost, ["family", "variant"])[BY_FAMILY])


def _with_losses(frame: pd.DataFrame, lost: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """A row of `frame` with the row of `lost` that has its keys; "not run" where there is none."""
    lost = lost.reindex(columns=[*keys, *LOSSES]).astype({key: object for key in keys})
    merged = frame.merge(lost, how="left", on=keys)
    decision = merged["decision"].astype(object)
    return merged.assign(decision=decision.where(decision.notna(), rule.NOT_RUN))


def cheapest(by_model: pd.DataFrame, telling: Collection[str] = ()) -> pd.DataFrame:
    """Per model and share of facts to keep: the variant that saves most bytes of those that are shown to keep it.

    Shown: the lower bound that holds for all of the model's variants at once (kept_least) reaches the share, so that no
    variant wins by luck. as_small: others of which that is shown and that take as few bytes. A recovered variant's
    bytes are those of base and adapter; the dense model's recoveries are controls, and win nothing, nor does what was
    recovered on texts that tell facts that are asked (`telling`).
    """
    rows = []
    by_model = those(by_model, lambda variant: not variant.is_control and not variant.is_told_by(telling))
    for (family, model), group in by_model.groupby(["family", "model"], sort=False):
        for least in KEEP_LEVELS:
            fit = group[(group["kept_least"] >= least) & (group["bytes_saved_percent"] > 0)]
            fit = fit.sort_values(["bytes_saved_percent", "kept_percent"], ascending=False)
            same = fit["variant"][fit["bytes_saved_percent"] == fit["bytes_saved_percent"].max()]
            values = fit.head(1).assign(as_small="; ".join(same[1:]))[CHEAPEST].to_dict("records")
            rows.append({"family": family, "model": model, "keep_at_least": least, **(values[0] if values else {})})
    return pd.DataFrame(rows, columns=["family", "model", "keep_at_least", *CHEAPEST])
