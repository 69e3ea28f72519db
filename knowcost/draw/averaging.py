"""When a mean over models says something of each of them: where they are of a size. Else every model has a figure, a
panel or a line of its own. Only the papers' own figures average whatever there is."""

from collections.abc import Iterator, Mapping

import pandas as pd

TIMES = 3  # the weights of the largest model of a mean, at most, in those of the smallest


def alike(parameters: pd.DataFrame) -> bool:
    """Whether a family's models are averaged; parameters: the table, of the family. A model of unknown size is like no
    other."""
    sizes = parameters["total"]
    return len(sizes) < 2 or bool(sizes.notna().all() and sizes.max() <= TIMES * sizes.min())


def parts(mine: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, drops) of what figures on drops are drawn of: the mean over a family's models, without a name, or each of
    them. mine: the tables of one family (drops, drops_by_model, parameters)."""
    if alike(mine["parameters"]):
        yield "", mine["drops"]
    else:
        for model, rows in mine["drops_by_model"].groupby("model", sort=False):
            yield str(model), rows
