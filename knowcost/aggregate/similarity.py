"""How nearly variants compute what the dense model does, layer by layer: the table behind Hoang et al.'s Figure 5."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from knowcost.aggregate import tables

MEASURED = ("attention", "activation")  # columns of a scores file
COLUMNS = ["family", "model", *tables.TREATMENT, "benchmark", "layer", "n",
           *(f"{name}_{what}" for name in MEASURED for what in ("cosine", "sd")), "limit", "dropped"]  # fmt: skip


def similarity(cells: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row per layer of each cell that measures similarity, in the order of the other tables.

    cells: as by_task.perplexity takes them. n: windows; attention_cosine, activation_cosine: means over these, and
    attention_sd, activation_sd how far single windows are from them (standard deviation, of n - 1; none of one window).
    A window that a destroyed model answers with no numbers leaves the layer's mean empty.
    """
    made = []
    for cell in cells:
        about = {**cell, **tables.describe(cell["variant"])}
        for layer, rows in cell["rows"].groupby("layer"):
            measured = {f"{name}_cosine": rows[name].mean(skipna=False) for name in MEASURED}
            measured |= {f"{name}_sd": rows[name].std(skipna=False) for name in MEASURED}
            made.append({**about, "layer": layer, "n": len(rows), **measured})
    return tables.ordered(pd.DataFrame(made, columns=COLUMNS))
