"""What the comparisons behind a claim about texts measure: perplexity, how far attention is from the dense model's, and
what is said of texts that models write.

Their rows are windows of a text, not facts; a window is a cluster, and of written texts the questions of a cluster are.
Variants that read the same windows are compared window by window. Those that did not, because what stands in front of a
prompted model's input shortens its windows, are compared as if they had read unrelated texts, which makes an interval
longer than it need be.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Sample, estimate
from knowcost.aggregate.comparisons import Comparison, Measured, Number
from knowcost.papers.claim import ATTENTION, PERPLEXITY, ByLevel, Weights, mean_of

COLUMNS = ["family", "model", "benchmark", "variant", "window", "value", "over"]

Cell = Mapping[str, Any]
Values = Callable[[pd.DataFrame], tuple[Any, Any]]  # of a cell's rows: (values, what their sum is divided by)


def of_cells(
    texts: Iterable[Cell], layers: Iterable[Cell] = (), written: Mapping[str, Iterable[Cell]] = MappingProxyType({})
) -> dict[str, pd.DataFrame]:
    """{what a claim is about: frame of COLUMNS} of the cells that measure perplexity, of those of similarity, and of
    what is said of answers that are texts: {about: cells, whose rows have id, value and over}.

    Values are such that the sum of values over the sum of `over` is 100 times the logarithm of perplexity, 100 times
    the mean distance (1 less the cosine) of attention from the dense model's, or the mean of what is said of answers.
    """
    found = {
        PERPLEXITY: [_frame(cell, lambda rows: (-100 * rows["logprob"], rows["tokens"])) for cell in texts],
        ATTENTION: [
            _frame(cell, lambda rows: (100 * rows["tokens"] * (1 - rows["attention"]), rows["tokens"]))
            for cell in layers
        ],
    }
    for about, cells in written.items():
        found[about] = [_frame(cell, lambda rows: (rows["value"], rows["over"])) for cell in cells]
    return {about: pd.concat(frames, ignore_index=True) for about, frames in found.items() if frames}


def _frame(cell: Cell, values: Values) -> pd.DataFrame:
    value, over = values(cell["rows"])
    about = {name: cell[name] for name in ("family", "model", "benchmark", "variant")}
    return pd.DataFrame({**about, "window": cell["rows"]["id"], "value": value, "over": over})[COLUMNS]


def measure(rows: pd.DataFrame, words: str, by_level: ByLevel) -> Comparison:
    """What a comparison measures on the models of one family; rows: of COLUMNS, theirs. Texts of a model count alike,
    and so do models."""
    weights = mean_of(by_level)
    pairs = rows[["model", "benchmark"]].drop_duplicates().itertuples(index=False, name=None)
    texts = {(str(model), str(text)): rows[(rows["model"] == model) & (rows["benchmark"] == text)]
             for model, text in pairs}  # fmt: skip
    missing = [f"{model} {slug} on {text}" for (model, text), each in texts.items()
               for slug in weights if slug not in set(each["variant"])]  # fmt: skip
    if missing or not texts:
        return Comparison(words, missing=missing or ["no text of this kind was asked"], has_margin=False)
    models = [model for model, _ in texts]
    samples = [
        sample
        for (model, text), each in texts.items()
        for sample in _samples(each, text, weights, 1 / len(set(models)) / models.count(model))
    ]
    found = estimate(samples)
    value, low, high = (float(np.round(each[0], 9)) for each in (found.value, found.low, found.high))
    number = Number(value, low, high, float(found.p[0]))
    clusters = len(pd.unique(pd.concat([each["benchmark"] + each["window"] for each in texts.values()])))
    measured = Measured(number, clusters=clusters, differing=clusters)
    return Comparison(words, measured, facts=clusters, models=len(set(models)),
                      benchmarks=rows["benchmark"].nunique(), has_margin=False)  # fmt: skip


def _samples(rows: pd.DataFrame, text: str, weights: Weights, share: float) -> Iterator[Sample]:
    """Of one model on one text: one sample of differences where all read the same windows, else one of each variant."""
    by = {slug: rows[rows["variant"] == slug].reset_index(drop=True) for slug in weights}
    first = next(iter(by.values()))
    if all(each[["window", "over"]].equals(first[["window", "over"]]) for each in by.values()):
        values = sum(weight * by[slug]["value"].to_numpy() for slug, weight in weights.items())
        yield _sample(first, text, np.asarray(values), share)
        return
    for slug, weight in weights.items():
        yield _sample(by[slug], f"{text} {slug}", by[slug]["value"].to_numpy(), share * weight)


def _sample(rows: pd.DataFrame, name: str, values: np.ndarray, share: float) -> Sample:
    over = rows["over"].to_numpy(float)[:, None]
    clusters = (f"{name} " + rows["window"]).to_numpy()
    return Sample(name, values[:, None], clusters, over=over, share=share, flip=0.0)
