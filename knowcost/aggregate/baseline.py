"""Above chance: what a variant still answers of what nobody gets right without knowing anything.

The baseline is Group.baseline: always giving the most frequent answer, or guessing, whichever is better. A model's
*lead* is its accuracy less the baseline. Where the dense model's lead is not shown to be above zero, there is nothing
to lose, and no share of it.

What was known and not guessed is the accuracy corrected for guessing: if a share k of the facts is known, and the
others are guessed among their choices, then a = k + (1 - k) g, so k = (a - g) / (1 - g); g: Group.facts' `guess`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.statistics import Group
from knowcost.spec.variants import DENSE

COLUMNS = ["lead_points", "lead_low", "lead_high", "lead_lost_percent", "lead_lost_low", "lead_lost_high",
           "not_guessed_percent", "not_guessed_kept_percent", "not_guessed_kept_low",
           "not_guessed_kept_high"]  # fmt: skip


def above(group: Group, slugs: Sequence[str]) -> pd.DataFrame:
    """A row of COLUMNS per variant (its index) of a group; the dense model has a lead and nothing that it lost.

    lead: points above the baseline; lead_lost: share of the dense model's lead; not_guessed: share of the facts that is
    known beyond guessing, and the share of the dense model's that is kept. What needs a baseline, choices, a dense
    model, or one that is shown to be above chance, is nan without.
    """
    found = pd.DataFrame(np.nan, index=list(slugs), columns=COLUMNS)
    if not slugs:
        return found
    right = np.column_stack([group.right[slug] for slug in slugs]).astype(float)
    noise = group.noises(slugs)
    if not np.isnan(group.baseline):
        lead = estimate(
            [Sample(group.benchmark, 100 * (right - group.baseline), group.clusters, flip=100, noise=noise)]
        )
        _put(found, lead, slugs, ("lead_points", "lead_low", "lead_high"))
    others = [slug for slug in slugs if slug != DENSE]
    if others and group.lead is not None and group.knows:
        lost = lead_lost(group, others)
        _put(found, lost, others, ("lead_lost_percent", "lead_lost_low", "lead_lost_high"))
    guess = group.facts["guess"].to_numpy(float)[:, None]
    if np.isnan(guess).any() or (guess == 1).all():
        return found
    found["not_guessed_percent"] = 100 * (right - guess).sum(axis=0) / (1 - guess).sum()
    if others and DENSE in group.right:
        kept = _kept(group, others, guess)
        if kept is not None:
            names = ("not_guessed_kept_percent", "not_guessed_kept_low", "not_guessed_kept_high")
            _put(found, kept, others, names)
    return found


def lead_lost(group: Group, slugs: Sequence[str]) -> Estimates:
    """Percent of the dense model's lead on a benchmark that variants lost; only where it has one (Group.knows)."""
    return _ratio(group, slugs, group.lost(slugs), group.right[DENSE][:, None] - group.baseline)


def _kept(group: Group, slugs: Sequence[str], guess: np.ndarray) -> Estimates | None:
    """Percent of what the dense model knew beyond guessing that variants still do; None where it is not shown to have
    known anything."""
    before = group.right[DENSE][:, None] - guess
    dense = estimate([Sample(group.benchmark, 100 * before, group.clusters, flip=100)])
    if not dense.low[0] > 0:
        return None
    return _ratio(group, slugs, 100 * (np.column_stack([group.right[slug] for slug in slugs]) - guess), before)


def _ratio(group: Group, slugs: Sequence[str], values: np.ndarray, over: np.ndarray) -> Estimates:
    noise = group.noises(slugs) * len(over) / abs(over.sum())  # measured on all facts
    return estimate([Sample(group.benchmark, values, group.clusters, over, flip=100, noise=noise)])


def _put(frame: pd.DataFrame, found: Estimates, slugs: Sequence[str], names: Sequence[str]) -> None:
    for name, values in zip(names, (found.value, found.low, found.high), strict=True):
        frame.loc[list(slugs), name] = values
