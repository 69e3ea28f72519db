"""How much a model knows, in bits, for each of its parameters, before and after compression.

What is known of a fact is log2 of the probability that the model gives its answer, less log2 of what a guess from the
relation gives it: how often it is the answer among the relation's facts in the benchmark, or among choices one of them
(the measure of Allen-Zhu and Li 2024, arXiv:2404.05405, on the answers themselves instead of a bound from losses). A
fact that a model answers wrongly, and is sure of it, counts less than nothing: what is less likely than
probabilities.LEAST counts as that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import estimate
from knowcost.aggregate.probabilities import LEAST
from knowcost.aggregate.statistics import Group
from knowcost.aggregate.tables import TREATMENT, describe, ordered
from knowcost.spec.variants import DENSE

COLUMNS = ["family", "model", *TREATMENT, "benchmark", "n", "bits_known", "dense_bits_known", "bits_per_fact",
           "bits_low", "bits_high", "model_parameters", "bits_per_parameter"]  # fmt: skip


def capacity(groups: Sequence[Group], parameters: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """A row per model, variant and benchmark whose answers have probabilities.

    parameters: {(model, variant): how many, zeros among them}. bits_known: summed over facts, of several phrasings
    their mean; bits_per_fact: the mean over rows, with its interval.
    """
    rows = [row for group in groups for row in _rows(group, parameters)]
    return ordered(pd.DataFrame(rows, columns=COLUMNS))


def _rows(group: Group, parameters: Mapping[tuple[str, str], int]) -> Iterator[dict[str, Any]]:
    prior = priors(group.facts)
    share = 1 / group.facts.groupby("fact")["id"].transform("size").to_numpy()  # of a fact in several phrasings
    dense = np.nan
    for slug in sorted(group.right, key=lambda slug: slug != DENSE):  # the dense model first, then as they come
        probability = group.probability.get(slug, np.full(len(prior), np.nan))
        bits = np.log2(np.maximum(probability, LEAST) / prior)
        if np.isnan(bits).all():
            continue
        found = estimate([group.sample(bits[:, None], flip=-np.log2(LEAST))])
        known = float(np.nansum(bits * share))
        dense = known if slug == DENSE else dense
        size = parameters.get((group.model, slug), np.nan)
        yield {
            **{"family": group.family, "model": group.model, **describe(slug), "benchmark": group.benchmark},
            **{"n": int((~np.isnan(bits)).sum()), "bits_known": known, "dense_bits_known": dense},
            **found.columns("bits_per_fact", "bits", 0),
            **{"model_parameters": size, "bits_per_parameter": known / size},
        }


def priors(facts: pd.DataFrame) -> np.ndarray:
    """Of every fact the chance of its answer without knowing anything: among choices one of them, else how often it is
    the answer among the facts of its relation."""
    relation = facts["relation"].fillna("")
    often = facts.groupby([relation, facts["answer"]])["id"].transform("size")
    share = often / facts.groupby(relation)["id"].transform("size")
    return facts["guess"].fillna(share).to_numpy(float)
