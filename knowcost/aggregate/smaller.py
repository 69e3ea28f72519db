"""Smaller dense models beside larger ones that were pruned to as many weights, for claims about a series of models.

Both are asked the same facts, so that their difference is paired. The larger one is taken at the level of a method that
leaves it the fewest weights, but not fewer than the smaller one has: what holds against that holds all the more
against less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from knowcost.aggregate.comparisons import Comparison, Removed, measure
from knowcost.aggregate.statistics import Group, models_of
from knowcost.papers.claim import Claim, Weights
from knowcost.spec.variants import DENSE

MISSING = "no two sizes of a model in one series, the larger pruned to about as many weights as the smaller has"


@dataclass(frozen=True)
class Sizes:
    """series: {model: its series} of those that have one; parameters: {(model, variant): how many, zeros too}."""

    series: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[tuple[str, str], int] = field(default_factory=dict)


def comparisons(
    claim: Claim, groups: Sequence[Group], sizes: Sizes, removed: Removed
) -> Iterator[tuple[str, Comparison]]:
    """(variant of the larger model, comparison) for each pair of models of a series and each contrast of the claim.

    groups: of one family; removed: of comparisons.removed. In the claim's contrasts the dense model is the smaller one,
    the others are variants of the larger one.
    """
    for small, large in _pairs(groups, sizes):
        mine, theirs = small[0].model, large[0].model
        least = sizes.parameters[mine, DENSE]
        for words, by_level in claim.contrasts({slug for group in large for slug in group.right}).items():
            left = {_variant(each): _left(theirs, _variant(each), sizes, removed) for each in by_level.values()}
            enough = [slug for slug, count in left.items() if count >= least]
            if enough:
                slug = min(enough, key=lambda each: left[each])
                weights = next(each for each in by_level.values() if slug in each)
                told = f"{theirs} with {words}, {left[slug] / 1e6:,.4g} million weights left, against {mine}"
                yield slug, measure(_asked(small, large, slug), told, {None: weights}, claim.parts, removed)


def _pairs(groups: Sequence[Group], sizes: Sizes) -> Iterator[tuple[list[Group], list[Group]]]:
    """Smaller and larger dense models of a series that were asked the same facts."""
    for small, large in permutations(models_of(list(groups)), 2):
        names = small[0].model, large[0].model
        series = {sizes.series.get(name) for name in names}
        counts = [sizes.parameters.get((name, DENSE), 0) for name in names]
        if len(series) == 1 and None not in series and 0 < counts[0] < counts[1]:
            yield small, large


def _asked(small: Sequence[Group], large: Sequence[Group], slug: str) -> list[Group]:
    """The smaller dense model's groups with the answers of a variant of the larger one beside its own."""
    found = []
    for own in small:
        right, noise = {DENSE: own.right[DENSE]}, {}
        for other in large:
            same = other.benchmark == own.benchmark and other.facts["id"].equals(own.facts["id"])
            if same and slug in other.right:
                right[slug], noise[slug] = other.right[slug], other.noise.get(slug, 0.0)
        found.append(replace(own, right=right, noise=noise, probability={}, changed={}))
    return found


def _variant(weights: Weights) -> str:
    (slug,) = weights.keys() - {DENSE}
    return slug


def _left(model: str, slug: str, sizes: Sizes, removed: Removed) -> float:
    """How many weights of a model are not zero; none where that is not known."""
    if (model, slug) not in removed:
        return 0.0
    return sizes.parameters[model, DENSE] * (1 - removed[model, slug] / 100)
