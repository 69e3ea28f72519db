"""Words that several captions share."""

from collections.abc import Iterable

import pandas as pd

from knowcost.compress.registry import methods_of

RARE_FIRST = "Are the rare forgotten first?"  # what the page's tables of the table forgotten_first are called


def everything(methods: Iterable[str]) -> str:
    """What the scope "everything" takes in, a sentence; methods: Variant.methods whose figures speak of it."""
    of_methods = [methods_of(method) for method in methods]
    steps = {step.label: step.takes_head for each in of_methods for step in each}
    taking = [name for name, takes in steps.items() if takes]
    start = "Everything means every linear layer"
    if not taking:
        return f"{start} but the final one. "
    if len(taking) == len(steps):
        return f"{start}, the final one too. "
    return f"{start} but the final one, which {' and '.join(taking)} take{'s' * (len(taking) == 1)} in too. "


def interval(value: float, low: float, high: float, unit: str = "points") -> str:
    """ "1.5 points (0.7 to 2.4)"; without brackets where there is no interval."""
    words = f"{value:z.1f} {unit}".strip()
    return words if pd.isna(low) or pd.isna(high) else f"{words} ({low:z.1f} to {high:z.1f})"
