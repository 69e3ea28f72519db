"""How recoveries were trained: the curves that their archives hold, in one table."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from knowcost.aggregate import tables
from knowcost.common import parquet
from knowcost.spec.variants import parse

CURVE = ["step", "tokens", "loss", "validation_loss", "validation_perplexity", "learning_rate"]
COLUMNS = ["family", "model", *tables.TREATMENT, "recovery", *CURVE]


def training(files: Mapping[tuple[str, str], Path], families: Mapping[str, str]) -> pd.DataFrame:
    """One row for each time that a training asked what was held out, step 0 before it began.

    files: {(model, variant): recover/archive.TRAINING}; families: {model: family}. Raises InputError for a file that is
    damaged.
    """
    made = []
    for (model, variant), path in files.items():
        about = {"family": families[model], "model": model, "recovery": str(parse(variant).recovery)}
        curve = parquet.read(path)[0].to_pylist()
        made += [about | tables.describe(variant) | row for row in curve]
    return tables.ordered(pd.DataFrame(made, columns=COLUMNS))
