"""Smaller dense models beside larger ones that were pruned to as many weights, for claims about a series of models.

Both are asked the same facts, so that their difference is paired. The larger one is taken at the level of a method that
leaves it the fewest weights, but not notably fewer than the smaller one has (the paper's own pair, 13 billion at 50%
against 7, is about a percent apart). One that is left far more weights than that says nothing where it knows more, so
it is not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from knowcost.aggregate.comparisons import Comparison, Removed, measure
from knowcost.aggregate.statistics import Group, models_of
from knowcost.papers.claim import Claim, Weights
from knowcost.spec.variants import DENSE

LEAST, MOST = 0.95, 1.25  # times as many weights as the smaller one has: a larger one is pruned in steps
MISSING = "no two sizes of a model in one series, the larger pruned to about as many weights as the smaller has"


@dataclass(frozen=True)
class Sizes:
    """series: {model: its series} of those that have one; parameters: {(model, variant): how many, zeros too}."""

    series: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair(Group):
    """A smaller dense model's group, with the answers of a variant of the larger one beside its own.

    dense: the groups of both, uncompressed. What either of them knows counts: by the smaller one's knowledge alone, it
    would be compared only where it does well.
    """

    dense: Sequence[Group] = ()

    @property
    def knows(self) -> bool:
        return any(each.knows for each in self.dense)

    @property
    def known(self) -> int:
        return max(each.known for each in self.dense if DENSE in each.right)


def comparisons(
    claim: Claim, groups: Sequence[Group], sizes: Sizes, removed: Removed
) -> Iterator[tuple[str, Comparison]]:
    """(variant of the larger model, comparison) for each pair of models of a series and each contrast of the claim.

    groups: of one family; removed: of comparisons.removed. In the claim's contrasts the dense model is the smaller one,
    the others are variants of the larger one.
    """
    for small, large in _pairs(groups, sizes):
        mine, theirs = small[0].model, large[0].model
        wanted = sizes.parameters[mine, DENSE]
        for words, by_level in claim.contrasts({slug for group in large for slug in group.right}).items():
            left = {_variant(each): _left(theirs, _variant(each), sizes, removed) for each in by_level.values()}
            enough = [slug for slug, count in left.items() if LEAST * wanted <= count <= MOST * wanted]
            if enough:
                slug = min(enough, key=lambda each: left[each])
                weights = next(each for each in by_level.values() if slug in each)
                told = f"{theirs} with {words}, {left[slug] / 1e6:,.4g} million weights left, against {mine}"
                yield slug, measure(list(_asked(small, large, slug)), told, {None: weights}, claim.parts, removed)


def _pairs(groups: Sequence[Group], sizes: Sizes) -> Iterator[tuple[list[Group], list[Group]]]:
    """Smaller and larger dense models of a series that were asked the same facts."""
    for small, large in permutations(models_of(list(groups)), 2):
        names = small[0].model, large[0].model
        series = {sizes.series.get(name) for name in names}
        counts = [sizes.parameters.get((name, DENSE), 0) for name in names]
        if len(series) == 1 and None not in series and 0 < counts[0] < counts[1]:
            yield small, large


def _asked(small: Sequence[Group], large: Sequence[Group], slug: str) -> Iterator[_Pair]:
    """The smaller dense model on each benchmark, beside a variant of the larger one where that was asked the same."""
    by_benchmark = {group.benchmark: group for group in large}
    for own in small:
        other = by_benchmark.get(own.benchmark)
        same = other if other and other.facts["id"].equals(own.facts["id"]) else None
        yield _pair(own, same, slug)


def _pair(own: Group, larger: Group | None, slug: str) -> _Pair:
    """larger: the larger one's group on the same facts, None where it has none."""
    right = {DENSE: own.right[DENSE]} if DENSE in own.right else {}
    if larger and slug in larger.right:
        right[slug] = larger.right[slug]
    noise = {slug: larger.noise.get(slug, 0.0)} if larger else {}
    about = own.family, own.model, own.benchmark, own.facts
    dense = [own, larger] if larger else [own]
    return _Pair(*about, right, own.majority, own.kind, noise=noise, domain=own.domain, dense=dense)


def _variant(weights: Weights) -> str:
    (slug,) = weights.keys() - {DENSE}
    return slug


def _left(model: str, slug: str, sizes: Sizes, removed: Removed) -> float:
    """How many weights of a model are not zero; none where that is not known."""
    if (model, slug) not in removed:
        return 0.0
    return sizes.parameters[model, DENSE] * (1 - removed[model, slug] / 100)
