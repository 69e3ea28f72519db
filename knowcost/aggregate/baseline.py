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

from knowcost.aggregate import losses
from knowcost.aggregate.clustered import Estimates, estimate
from knowcost.aggregate.losses import Loss
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
    right, noise = _right(group, slugs), group.noises(slugs)
    if not np.isnan(group.baseline):
        lead = estimate([group.sample(100 * (right - group.baseline), noise=noise)])
        _put(found, slugs, lead.columns("lead_points", "lead"))
    others = [slug for slug in slugs if slug != DENSE]
    if others and group.lead is not None and group.knows:
        lost = estimate([losses.sample(group, others, losses.LEAD_LOST)])
        _put(found, others, lost.columns("lead_lost_percent", "lead_lost"))
    guess = group.facts["guess"].to_numpy(float)[:, None]
    if np.isnan(guess).any() or (guess == 1).all():
        return found
    found["not_guessed_percent"] = 100 * (right - guess).sum(axis=0) / (1 - guess).sum()
    if others and DENSE in group.right:
        kept = _kept(group, others, guess)
        if kept is not None:
            _put(found, others, kept.columns("not_guessed_kept_percent", "not_guessed_kept"))
    return found


def _kept(group: Group, slugs: Sequence[str], guess: np.ndarray) -> Estimates | None:
    """Percent of what the dense model knew beyond guessing that variants still do; None where it is not shown to have
    known anything."""
    before = group.right[DENSE][:, None] - guess
    dense = estimate([group.sample(100 * before)])
    if not dense.low[0] > 0:
        return None
    kept = Loss("not_guessed_kept", lambda group, slugs: (100 * (_right(group, slugs) - guess), before))
    return estimate([losses.sample(group, slugs, kept)])


def _right(group: Group, slugs: Sequence[str]) -> np.ndarray:
    return np.column_stack([group.right[slug] for slug in slugs]).astype(float)


def _put(frame: pd.DataFrame, slugs: Sequence[str], columns: dict[str, np.ndarray]) -> None:
    for name, values in columns.items():
        frame.loc[list(slugs), name] = values
