"""What is forgotten: which facts go first, and whether two variants forget the same ones.

All shares are of the facts that the dense model answered right. What it knew least firmly is forgotten first, whatever
is compressed, so what else is said of facts is said net of its confidence: among facts of the same quarter of it.
Within a quarter confidence still differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import rule, tables
from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.metrics import Z95
from knowcost.aggregate.statistics import Group, holm
from knowcost.spec.families import COMMON_SCOPES
from knowcost.spec.variants import DENSE, RECOVER

BY = ["family", "model", "variant", "benchmark", "by", "part", "known", "forgotten", "forgotten_percent",
      "forgotten_low", "forgotten_high", "net_percent", "net_low", "net_high", "net_covers_percent"]  # fmt: skip
FIRST = ["family", "model", "variant", "benchmark", "by", "known", "difference_points", "difference_low",
         "difference_high", "decision", "needed"]  # fmt: skip
OVERLAP = ["family", "model", "benchmark", "kind", "a", "b", "known", "forgotten_a", "forgotten_b", "both", "expected",
           "expected_crude", "jaccard", "overlap_p", "overlap_holm_p"]  # fmt: skip
NET = ("frequency", "popularity")  # whose parts are also told net of confidence
DUST = 1e-60  # chances below it are left out of sums: no p is smaller
PAIRS = [  # of scopes whose variants are compared
    *combinations(COMMON_SCOPES, 2),
    ("self_attention", "cross_attention"),
    ("encoder_attention", "decoder_attention"),
]


@dataclass(frozen=True)
class _Known:
    """The facts of a group that the dense model knew. lost: n x k, 100 where a variant forgot a fact; confidence:
    quarters of it, missing where there is none; parts: {by: which part each fact is in}."""

    group: Group
    slugs: list[str]
    lost: np.ndarray
    clusters: np.ndarray
    confidence: pd.Series
    parts: dict[str, pd.Series]

    def share(self, weights: Sequence[tuple[np.ndarray, float]]) -> Estimates:
        """The weighted sum of the shares forgotten: (which facts, weight) each; weights of one sign are a part's.

        What no fact of a part has shown, and what moves by itself, is that of the whole part, not of each stratum.
        """
        noise, samples = self.group.noises(self.slugs), []
        sizes = {sign: sum(inside.sum() for inside, weight in weights if weight * sign > 0) for sign in (1, -1)}
        for inside, weight in weights:
            n, size = inside.sum(), sizes[1 if weight > 0 else -1]
            flip = 100 * (n + Z95**2) / (size + Z95**2)
            scaled = noise * np.sqrt(len(self.group.facts) / size)  # as if noise fell evenly on facts
            values, clusters = self.lost[inside], self.clusters[inside]
            facts = None if self.group.repeated is None else self.group.repeated[self.group.right[DENSE]][inside]
            samples.append(Sample(self.group.benchmark, values, clusters, None, weight, flip, scaled, facts))
        return estimate(samples)

    def strata(self, by: str) -> list[tuple[np.ndarray, float]]:
        """The quarters of confidence that hold facts of every part, and of two clusters each, as (which facts, what
        they weigh): by how many of all known facts they hold, so that every part is told as if its facts were known as
        firmly as all are."""
        keys = [self.confidence.to_numpy(float, na_value=np.nan), self.parts[by].to_numpy(float, na_value=np.nan)]
        there = pd.Series(self.clusters).groupby(keys).nunique().unstack(fill_value=0)
        there = there.reindex(columns=self.parts[by].dropna().unique(), fill_value=0)  # one may be without confidence
        common = there.index[(there > 1).all(axis=1)]
        sizes = self.confidence.value_counts().loc[common]
        return [(_are(self.confidence, each), sizes[each] / sizes.sum()) for each in common]


def _are(parts: pd.Series, name: Any) -> np.ndarray:
    """Which facts are in a part."""
    return (parts == name).fillna(False).to_numpy(bool)


def _known(groups: Sequence[Group]) -> Iterator[_Known]:
    """Of every group that can be held against a dense model which knew something."""
    for group in groups:
        slugs = group.compared()
        known = group.right.get(DENSE, np.zeros(len(group.facts), bool))
        if slugs and known.any():
            lost = 100.0 * ~np.column_stack([group.right[slug][known] for slug in slugs])
            parts = _parts(group.facts, known)
            yield _Known(group, slugs, lost, group.clusters[known], parts["confidence"], parts)


def forgotten_by(groups: Sequence[Group]) -> pd.DataFrame:
    """Share forgotten per (model, variant, benchmark) and part of the facts the dense model knew.

    by: `relation`; `confidence`, quartiles of the dense model's log-probability of the right answer (among the given
    choices, where there are choices); `frequency`, quartiles of how often the answer is right in this benchmark;
    `popularity`, quartiles of the benchmark's own. Part 1 is the least confident, the rarest. Equal values stay in one
    part, so parts may differ in size or be absent; a benchmark that makes only one part has no rows.

    net: of NET, directly standardised: the shares forgotten in each quarter of confidence, weighed by how many of all
    known facts the quarter holds, over the quarters in which every part has facts of at least two clusters;
    net_covers_percent: of the known facts, those in such quarters.
    """
    made = [pd.DataFrame(columns=BY)]
    for known in _known(groups):
        group = known.group
        about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
        for by, parts in known.parts.items():
            names = sorted(parts.dropna().unique())
            if len(names) > 1:
                strata = known.strata(by) if by in NET else []
                each = [_part(known, _are(parts, name), strata).assign(part=str(name)) for name in names]
                rows = pd.concat(each, keys=range(len(each))).sort_index(level=[1, 0])  # by variant, then by part
                made.append(rows.assign(by=by, **about)[BY])
    return pd.concat([frame for frame in made if len(frame)] or made, ignore_index=True)


def _part(known: _Known, inside: np.ndarray, strata: Sequence[tuple[np.ndarray, float]]) -> pd.DataFrame:
    """A row per variant of what is forgotten of a part."""
    crude = known.share([(inside, 1.0)])
    rows = {"variant": known.slugs, "known": inside.sum(), "forgotten": (known.lost[inside] > 0).sum(axis=0)}
    rows |= crude.columns("forgotten_percent", "forgotten")
    nothing = np.full(len(known.slugs), np.nan)
    rows |= dict.fromkeys(("net_percent", "net_low", "net_high", "net_covers_percent"), nothing)
    if strata:
        net = known.share([(inside & stratum, weight) for stratum, weight in strata])
        covers = 100 * sum(stratum.sum() for stratum, _ in strata) / len(inside)
        rows |= net.columns("net_percent", "net") | {"net_covers_percent": covers}
    return pd.DataFrame(rows)


def first(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """Whether the rare are forgotten first: per (model, variant, benchmark) and `by` of NET, how many more percent of
    the first part than of the last, net of confidence as in forgotten_by. margin: of rule.decide; "costs": the rare go
    first. Nothing where no quarter of confidence has facts of every part."""
    made: list[dict[str, Any]] = []
    for known in _known(groups):
        group = known.group
        about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
        for by in NET:
            parts = known.parts.get(by, pd.Series(dtype="Int64"))
            names = sorted(parts.dropna().unique())
            if len(names) < 2 or not (strata := known.strata(by)):
                continue
            ends = [(_are(parts, names[0]), 1), (_are(parts, names[-1]), -1)]
            found = known.share([(end & stratum, sign * weight) for stratum, weight in strata for end, sign in ends])
            decided = rule.decided(replace(found, n=np.full(len(known.slugs), len(known.lost))), margin)
            for place, slug in enumerate(known.slugs):
                row = {**about, "variant": slug, "by": by, "known": len(known.lost)}
                row |= found.columns("difference_points", "difference", place)
                made.append(row | {name: values[place] for name, values in decided.items()})
    return pd.DataFrame(made, columns=FIRST)


def _parts(facts: pd.DataFrame, known: np.ndarray) -> dict[str, pd.Series]:
    """{by: which part each known fact is in}."""
    often = facts["answer"].map(facts["answer"].value_counts())
    parts = {"confidence": quartiles(facts["confidence"][known]), "frequency": quartiles(often[known])}
    parts["popularity"] = quartiles(pd.to_numeric(facts["popularity"][known]))
    return {"relation": facts["relation"][known], **parts}


def quartiles(values: pd.Series) -> pd.Series:
    """1 to 4 by size; equal values share a part, that of their mean rank; a missing one is in none."""
    ranks = values.rank(method="average")
    return (4 * (ranks - 0.5) / max(values.notna().sum(), 1)).apply(np.ceil).astype("Int64")


def overlap(groups: Sequence[Group]) -> pd.DataFrame:
    """How many facts pairs of variants both forgot, against what two unrelated sets of these sizes would share.

    kind says what the pair differs in: `scopes` (same method and level), `levels` (neighbouring ones, same method and
    scope), `methods` (same scope and level; or quantized against the pruned variant that forgot most nearly as many, at
    most twice or half). Hard facts are forgotten by all, so chance is counted within each quarter of the dense model's
    confidence, each variant forgetting as many in it as it did: expected, and overlap_p, the exact probability of so
    many or more in common (a sum of hypergeometric variables; facts as independent draws, which phrasings of a fact are
    not: no p where there are several). overlap_holm_p: by Holm over the pairs of a group. expected_crude: forgotten_a x
    forgotten_b / known, whatever the confidence.
    """
    made = [pd.DataFrame(columns=OVERLAP)]
    for known in _known(groups):
        group = known.group
        lost = dict(zip(known.slugs, (known.lost > 0).T, strict=True))
        strata = strata_of(known.confidence)
        about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
        pairs_of = pairs({slug: int(lost[slug].sum()) for slug in known.slugs})
        rows = [about | {"kind": kind, "a": a, "b": b} | shared(lost[a], lost[b], strata) for kind, a, b in pairs_of]
        if rows:
            frame = pd.DataFrame(rows)
            frame["overlap_holm_p"] = holm(frame["overlap_p"].to_numpy())
            if group.facts["fact"].duplicated().any():
                frame[["overlap_p", "overlap_holm_p"]] = np.nan
            made.append(frame[OVERLAP])
    return pd.concat([frame for frame in made if len(frame)] or made, ignore_index=True)


def strata_of(quarters: pd.Series) -> list[np.ndarray]:
    """The places of each quarter's facts; those without one are together."""
    quarter = quarters.fillna(0).to_numpy(int)
    return [np.flatnonzero(quarter == each) for each in np.unique(quarter)]


def shared(a: np.ndarray, b: np.ndarray, strata: Sequence[np.ndarray]) -> dict[str, Any]:
    """What two variants forgot in common, and what would be chance; strata: the places of each quarter's facts."""
    both, either = int((a & b).sum()), int((a | b).sum())
    counts = [(len(places), int(a[places].sum()), int(b[places].sum())) for places in strata]
    return {
        "known": len(a),
        "forgotten_a": a.sum(),
        "forgotten_b": b.sum(),
        "both": both,
        "expected": sum(one * other / known for known, one, other in counts),
        "expected_crude": a.sum() * b.sum() / len(a),
        "jaccard": both / either if either else np.nan,
        "overlap_p": in_common(both, counts),
    }


def in_common(both: int, counts: Sequence[tuple[int, int, int]]) -> float:
    """The probability that unrelated sets share `both` or more facts; counts: of each stratum, how many facts there
    are, and how many of them each set has."""
    chances, least = np.ones(1), 0  # of least, least + 1, ... in common
    for known, one, other in counts:
        middle = one * other / known
        far = 20 * np.sqrt(middle) + 60  # farther from the middle no chance is above DUST
        lowest, highest = max(0, one + other - known, int(middle - far)), min(one, other, int(middle + far) + 1)
        shared = np.arange(lowest, highest + 1)
        chance = _hypergeometric(shared, known, one, other)
        likely = np.flatnonzero(chance > DUST)
        chances = np.convolve(chances, chance[likely[0] : likely[-1] + 1])
        least += int(shared[likely[0]])
    if both <= least:
        return 1.0
    return float(min(1.0, max(DUST, chances[both - least :].sum())))


def _hypergeometric(shared: np.ndarray, known: int, one: int, other: int) -> np.ndarray:
    """The chances of so many in common, from their ratios (scipy's take a hundred times as long)."""
    before = shared[:-1]
    with_next = np.log(one - before) + np.log(other - before) - np.log(before + 1)
    logs = np.concatenate([[0.0], np.cumsum(with_next - np.log(known - one - other + before + 1))])
    chances = np.exp(logs - logs.max())
    return np.asarray(chances / chances.sum())


def pairs(counts: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """The pairs of variants worth comparing, as (kind, a, b); counts: {variant: facts it forgot}. What recoveries bring
    back has a table of its own (recovered.overlap)."""
    if not counts:
        return
    frame = pd.DataFrame([tables.describe(slug) for slug in counts])
    frame = frame[(frame["scope"] != "mixed") & (frame["experiment"] != RECOVER)].assign(
        level=lambda f: pd.to_numeric(f["level"]).fillna(-1)
    )
    for _, rows in frame.groupby(["method", "grouping", "strength"], sort=False):
        slugs = dict(zip(rows["scope"], rows["variant"], strict=True))
        yield from (("scopes", slugs[a], slugs[b]) for a, b in PAIRS if a in slugs and b in slugs)
    for _, rows in frame.groupby(["method", "grouping", "scope"], sort=False):
        yield from (("levels", a, b) for a, b in pairwise(rows.sort_values("level")["variant"]))
    for _, rows in frame.groupby(["grouping", "scope", "level"], sort=False):
        both = combinations(zip(rows["variant"], rows["method"], strict=True), 2)
        yield from (("methods", a, b) for (a, one), (b, other) in both if one != other)
    for _, rows in frame.groupby(["grouping", "scope"], sort=False):
        pruned = [slug for slug in rows["variant"][rows["experiment"] == "prune"] if counts[slug]]
        for slug in rows["variant"][rows["experiment"] == "quantize"]:
            near = min(pruned, key=lambda other: abs(np.log(counts[other] / max(counts[slug], 0.1))), default=None)
            if near and 0.5 <= counts[slug] / counts[near] <= 2:
                yield "methods", near, slug
