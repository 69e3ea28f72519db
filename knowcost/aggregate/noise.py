"""The noise floor: how far a score moves when nothing about the model was changed.

The dense model, those in dynamic int8 and those that were compressed elsewhere are asked twice, the second time in
batches of half the size (score/plan.py); facts whose verdict differs between the two count as noise. If d of n facts
differ and each is as likely to be lost as won, the difference of two scores has a standard deviation of sqrt(d) / n:
the floor is 1.96 times that, and at least the difference seen. No interval of a difference to the dense model is
narrower (clustered.Sample.noise).

What moves a score depends on how a variant computes, not on whether it was quantized:

- float weights: the dense model's, a pruned one's, and those of GPTQ and of rounding to nearest too, whose few bits are
  read back as the floats they stand for (models/formats.py). They are the same at every pass, but how many texts share
  a batch decides in what order floats are added up, and so their last digits. The dense model does the same sums on as
  many weights, and its floor, measured, holds for all of these;
- dynamic int8 (Compressor.dynamic) rounds activations too, on a scale taken from whatever shares the batch, and moves
  more. Its floor is measured on the model's own int8 variants, the highest of them. Where a study has none that is int8
  and no more, none is measured: what the dense model moves says nothing of it;
- what was compressed elsewhere computes as its format has it, some on floats, some in integers: its own floor is
  measured, and holds for it alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import nan, sqrt

import pandas as pd

from knowcost.aggregate.metrics import Z95
from knowcost.compress.registry import is_dynamic
from knowcost.spec.variants import parse

COLUMNS = ["family", "model", "variant", "benchmark", "n", "differing", "moved_points", "noise_points"]


def measure(rows: pd.DataFrame) -> dict[str, float] | None:
    """{n, differing, moved_points, noise_points} of a scores frame with the columns correct and again; None where the
    cell was asked once only. Points are percentage points."""
    if rows["again"].isna().any():
        return None
    once, again = rows["correct"].to_numpy(bool), rows["again"].to_numpy(bool)
    differing, moved = int((once != again).sum()), abs(int(once.sum()) - int(again.sum()))
    floor = max(moved, Z95 * sqrt(differing)) / len(rows)
    return {
        "n": len(rows),
        "differing": differing,
        "moved_points": 100 * moved / len(rows),
        "noise_points": 100 * floor,
    }


def floor(variant: str, measured: Mapping[str, Mapping[str, float]]) -> float:
    """The floor in points that holds for a variant: the highest measured on variants of the same model and benchmark
    that compute alike (in dynamic int8, on float weights, or as one that was compressed elsewhere), nan where none was.

    measured: {variant: what `measure` found} of one model on one benchmark.
    """
    return max((measured[slug]["noise_points"] for slug in alike(variant, measured)), default=nan)


def alike(variant: str, others: Iterable[str]) -> list[str]:
    """Those of the others that compute as a variant does."""
    return [slug for slug in others if _how(slug) == _how(variant)]


def _how(slug: str) -> tuple[bool, str | None]:
    """How a variant computes: two that say the same compute alike."""
    return is_dynamic(slug), parse(slug).brought


def table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """The frame of the table noise from dicts of COLUMNS."""
    return pd.DataFrame(rows, columns=COLUMNS)
