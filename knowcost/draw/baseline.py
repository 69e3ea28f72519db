"""What a model would lose that always gives the most frequent answer: a dashed line where that is near the data, else
words at the edge, so that it does not squash them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from knowcost.draw.style import GREY

LABEL = "majority baseline"
DASHED: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.2}
LEAST = 1.0  # what data of next to nothing are taken to reach
Range = tuple[float, float]


def near(data: pd.DataFrame | pd.Series) -> Range:
    """In which range a baseline is drawn: that of the data and zero, and once more as far on both sides."""
    numbers = data.to_numpy(float).ravel()
    known = numbers[~np.isnan(numbers)]
    low, high = min([0.0, *known]), max([LEAST, *known])
    return 2 * low - high, 2 * high - low


def is_within(value: float, within: Range) -> bool:
    """Whether a baseline is drawn as a line; not where there is none."""
    return within[0] <= value <= within[1]


def mark(axis: Axes, value: float, within: Range) -> None:
    """Draw it across a panel; a nan is nothing."""
    if is_within(value, within):
        axis.axhline(value, **DASHED)
    elif pd.notna(value):
        above = value > within[1]
        words, y = f"{'↑' if above else '↓'} {LABEL}: {value:.0f}", 0.98 if above else 0.02
        va = "top" if above else "bottom"
        axis.text(0.015, y, words, color=GREY, fontsize=8.5, va=va, transform=axis.transAxes)


def at_the_edge(values: Sequence[float]) -> str:
    """Words for baselines that lie too far to the right or left of bars: "majority baseline: 49 to 80 →"."""
    low, high = min(values), max(values)
    number = f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"
    return f"{LABEL}: {number} →" if high > 0 else f"← {LABEL}: {number}"


def handle() -> Artist:
    """The legend's entry for the dashed line."""
    return Line2D([], [], label=LABEL, **DASHED)
