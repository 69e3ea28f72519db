"""Which compression a budget allows: every variant's bytes and losses, and what a budget of both says of it."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from knowcost.aggregate.inputs import Cell
from knowcost.aggregate.tables import TREATMENT, describe, ordered, those
from knowcost.compress.archive.storage import parse_size
from knowcost.score.cells import read_columns
from knowcost.spec.variants import DENSE

YES, NO, UNSURE = "yes", "no", "cannot tell"
SIZES = ["format", "real_bytes", "loaded_bytes", "bytes_saved_percent"]
KEPT = ["facts_kept", "bits_per_fact_kept", "kept_percent", "kept_low", "kept_high", "kept_least"]
MEAN = ["drop_points", "drop_low", "drop_high"]
CELL = ["model", "variant", "benchmark"]
WORST = ["worst_benchmark", "worst_points", "worst_low", "worst_high"]
COLUMNS = ["family", "model", *TREATMENT, *SIZES, *KEPT, *MEAN, *WORST, "seconds_per_1000_tokens", "size_budget",
           "points_budget", "verdict", "why"]  # fmt: skip

Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Budget:
    """size: bytes that a model may take once it is loaded, None for any; points: of accuracy that it may lose, as a
    mean over benchmarks."""

    size: int | None = None
    points: float = 2.0

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Budget":
        """The Budget of the configuration's study.budget."""
        return cls(said["size"] and parse_size(said["size"]), float(said["points"]))


def affordable(
    by_model: pd.DataFrame,
    scores: pd.DataFrame,
    seconds: Mapping[tuple[str, str], float],
    budget: Budget,
    telling: Collection[str] = (),
) -> pd.DataFrame:
    """A row per model and variant, the dense ones too, with COLUMNS.

    by_model, scores: of drops.drops_by_model and drops.scores. seconds: of seconds_per_1000_tokens. verdict: YES where
    it fits and the whole interval of the mean loss is within the budget, NO where it does not fit or the whole interval
    is beyond, else UNSURE; why: in a few words. The dense model's recoveries are controls, and have no row; nor has
    what was recovered on texts that tell facts that are asked (`telling`).
    """
    dense = scores[scores["variant"] == DENSE].drop_duplicates("model")
    cells = {tuple(row[name] for name in CELL): row for row in scores.to_dict("records")}
    rows = [_dense(row) for row in dense.to_dict("records")]
    compressed = those(by_model, lambda variant: not variant.is_control and not variant.is_told_by(telling))
    rows += [_compressed(row, cells) for row in compressed.to_dict("records")]
    for row in rows:
        verdict, why = judge(row["loaded_bytes"], (row["drop_low"], row["drop_high"]), budget)
        row |= {"verdict": verdict, "why": why, "size_budget": budget.size or nan, "points_budget": budget.points}
        row["seconds_per_1000_tokens"] = seconds.get((row["model"], row["variant"]), nan)
    return ordered(pd.DataFrame(rows, columns=COLUMNS))


def judge(loaded: float, lost: tuple[float, float], budget: Budget) -> tuple[str, str]:
    """(verdict, why). loaded: bytes, nan if not known; lost: the ends of the interval of the points lost, nan without
    one."""
    if budget.size and loaded > budget.size:
        return NO, "does not fit"
    if lost[0] > budget.points:
        return NO, "loses more"
    if budget.size and isnan(loaded):
        return UNSURE, "its size is not known"
    if isnan(lost[1]):
        return UNSURE, "its loss has no interval"
    if lost[1] > budget.points:
        return UNSURE, "may lose more"
    return YES, "fits and loses no more" if budget.size else "loses no more"


def seconds_per_1000_tokens(cells: Iterable[Cell]) -> dict[tuple[str, str], float]:
    """{(model, variant): seconds for each 1,000 tokens that it wrote} over the cells whose answers are texts."""
    totals: dict[tuple[str, str], list[float]] = {}
    for cell in cells:
        table, _ = read_columns(cell.path, ["tokens", "seconds"])
        total = totals.setdefault((cell.model, cell.variant), [0.0, 0.0])
        total[0] += pc.sum(table.column("seconds")).as_py() or 0.0
        total[1] += pc.sum(pc.list_value_length(table.column("tokens"))).as_py() or 0.0
    return {place: 1000 * seconds / tokens for place, (seconds, tokens) in totals.items() if tokens}


def _dense(row: Row) -> dict[str, Any]:
    """The dense model has nothing to lose against itself."""
    nothing = dict.fromkeys([*MEAN, "worst_points", "worst_low", "worst_high"], 0.0)
    kept = {"kept_percent": 100.0, "kept_least": 100.0}
    return {name: row[name] for name in ("family", "model", *SIZES)} | describe(DENSE) | kept | nothing


def _compressed(row: Row, cells: Mapping[tuple[Any, ...], Row]) -> dict[str, Any]:
    worst = cells.get((row["model"], row["variant"], row["worst_benchmark"]), {})
    taken = ["family", "model", *TREATMENT, *SIZES, *KEPT, *MEAN, "worst_benchmark", "worst_points"]
    ends = {"worst_low": worst.get("drop_low", nan), "worst_high": worst.get("drop_high", nan)}
    return {name: row[name] for name in taken} | ends
