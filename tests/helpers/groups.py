"""Groups of variants with answers written as strings of 0 and 1."""

import numpy as np
import pandas as pd

from knowcost.aggregate.statistics import Group


def frame(relations, **more):
    ids = [f"f{i}" for i in range(len(relations))]
    columns = {"id": ids, "relation": pd.Series(relations, dtype=object), "answer": "x", "confidence": -1.0}
    columns |= {"cluster": ids, "fact": ids, "phrasing": None, "popularity": np.nan, "stated_in": None}
    columns |= {"guess": np.nan, "place": np.nan}
    return pd.DataFrame(columns | more)


def group(right, relations=None, benchmark="b", model="m", family="encoder", majority=np.nan, **more):
    """A Group from {variant: "1101"}."""
    right = {slug: np.array([each == "1" for each in text]) for slug, text in right.items()}
    n = len(next(iter(right.values())))
    return Group(family, model, benchmark, frame(relations or [None] * n, **more), right, majority)
