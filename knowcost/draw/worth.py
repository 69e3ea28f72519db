"""Which panels show something: the others are a sentence."""

import pandas as pd

from knowcost.aggregate import rule

FEWEST = 2  # numbers that a figure is drawn of


def split(cells: pd.DataFrame, margin: float) -> tuple[pd.DataFrame, str]:
    """The rows of panels that show something, and a sentence on the others; without rows the figure is that sentence.

    cells: as plots takes them; margin: the study's, in points. A drop of no more percent is no more points, either.
    """
    most = cells[["drop_percent", "mark"]].abs().max(axis=1).groupby(cells["panel"], sort=False).max()
    empty, flat = list(most.index[most.isna()]), list(most.index[most <= margin])
    shown = cells[~cells["panel"].isin([*empty, *flat])]
    said = f"Without a known drop: {', '.join(empty)}. " if empty else ""
    if flat:
        names = f"Not drawn: {', '.join(flat)}, where" if len(shown) else "Nothing is drawn, since"
        said += f"{names} {_between(cells[cells['panel'].isin(flat)])}. "
    if len(shown) and shown[["drop_percent", "mark"]].notna().sum().sum() < FEWEST:
        return cells.iloc[:0], said + "A single number is not drawn. "
    return shown, said


def _between(rows: pd.DataFrame) -> str:
    """Where the drops lie, and how many of them are not known well enough to be called nothing."""
    drops = rows["drop_percent"].dropna()
    unsure = int((rows["decision"][rows["drop_percent"].notna()] == rule.UNSURE).sum())
    words = f"all {len(drops)} drops lie between {drops.min():z.1f}% and {drops.max():z.1f}%"
    if len(drops) == 1:
        words = f"the drop is {drops.iloc[0]:z.1f}%"
    return words + (f" (intervals too wide to call it equal: {unsure})" if unsure else "")
