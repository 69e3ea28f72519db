"""The words of the relearning test (relearned.py), and when each is said.

They stand by themselves, since figures and page read them and compute nothing that loads scipy.
"""

from math import isnan

import pandas as pd

from knowcost.aggregate import FEWEST_CLUSTERS
from knowcost.spec.variants import parse

MAIN = "main"  # what the study's main texts are called here
EITHER = f"{MAIN} or "  # before the name of the texts that state a half

DISPLACED = "displaced"  # some of what was lost is shown to have been, and none to be forgotten
FORGOTTEN = "forgotten"
BOTH = "both"
UNTAUGHT = "the recovery taught nothing"  # so that what does not return may still be there
UNSURE = "not precise enough"
NOT_RUN = "not run"  # the texts that state a half, without which nothing says what the recovery can teach
DECISIONS = (DISPLACED, BOTH, FORGOTTEN, UNSURE, UNTAUGHT, NOT_RUN)


def is_told(rows: pd.DataFrame, relearned: pd.DataFrame) -> pd.Series:
    """bool for each row of a table with `variant`: whether it was recovered on texts that state facts that are asked;
    relearned: the table."""
    telling = set(relearned["told_by"])
    return pd.Series([parse(slug).is_told_by(telling) for slug in rows["variant"]], rows.index, bool)


def decide(forgotten: tuple[float, ...], taught: float | None, clusters: tuple[int, int]) -> str:
    """What the share that was forgotten (percent, low, high) bears: one of DECISIONS.

    Some was displaced if the interval ends below 100; some was forgotten if it begins above 0 and the recovery is shown
    to bring back more of what it is told: taught, the lower end of how much more, is above 0 (None where that was not
    tried). clusters: those with a fact that returned, and with one that did not; fewer than FEWEST_CLUSTERS bear
    nothing.
    """
    _, low, high = forgotten
    if taught is None:
        return NOT_RUN
    if isnan(low) or isnan(high):
        return UNSURE
    teaches = taught > 0
    displaced = high < 100 and clusters[0] >= FEWEST_CLUSTERS
    gone = low > 0 and clusters[1] >= FEWEST_CLUSTERS and teaches
    if displaced and gone:
        return BOTH
    if displaced or gone:
        return DISPLACED if displaced else FORGOTTEN
    return UNSURE if teaches else UNTAUGHT
