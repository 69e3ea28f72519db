"""What is forgotten: which facts go first, and whether two variants forget the same ones.

All shares are of the facts that the dense model answered right.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from scipy import stats

from knowcost.aggregate import tables
from knowcost.aggregate.statistics import Group
from knowcost.spec.families import COMMON_SCOPES
from knowcost.spec.variants import DENSE

BY = ["family", "model", "variant", "benchmark", "by", "part", "known", "forgotten", "forgotten_percent"]
OVERLAP = ["family", "model", "benchmark", "kind", "a", "b", "known", "forgotten_a", "forgotten_b", "both", "expected",
           "jaccard", "overlap_p"]  # fmt: skip
PAIRS = [  # of scopes whose variants are compared
    *combinations(COMMON_SCOPES, 2),
    ("self_attention", "cross_attention"),
    ("encoder_attention", "decoder_attention"),
]


def forgotten_by(groups: Sequence[Group]) -> pd.DataFrame:
    """Share forgotten per (model, variant, benchmark) and part of the facts the dense model knew.

    by: `relation`; `confidence`, quartiles of the dense model's log-probability of the right answer (among the given
    choices, where there are choices); `frequency`, quartiles of how often the answer is right in this benchmark. Part 1
    is the least confident, the rarest. Equal values stay in one part, so parts may differ in size or be absent; a
    benchmark that makes only one part has no rows.
    """
    made = [pd.DataFrame(columns=BY)]
    for group in groups:
        slugs = group.compared()
        known = group.right.get(DENSE, np.zeros(len(group.facts), bool))
        if not slugs or not known.any():
            continue
        lost = pd.DataFrame({slug: ~group.right[slug][known] for slug in slugs})
        about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
        for by, parts in _parts(group.facts, known).items():
            found = lost.groupby(parts.to_numpy()).agg(["sum", "size"])
            if len(found) > 1:
                rows = found.stack(0, future_stack=True).rename_axis(["part", "variant"]).reset_index()
                rows = rows.rename(columns={"sum": "forgotten", "size": "known"})
                rows["forgotten_percent"] = 100 * rows["forgotten"] / rows["known"]
                rows["place"] = rows["variant"].map({slug: place for place, slug in enumerate(slugs)})
                rows = rows.sort_values(["place", "part"]).astype({"part": str})
                made.append(rows.assign(by=by, **about)[BY])
    return pd.concat([frame for frame in made if len(frame)] or made, ignore_index=True)


def _parts(facts: pd.DataFrame, known: np.ndarray) -> dict[str, pd.Series]:
    """{by: which part each known fact is in}."""
    often = facts["answer"].map(facts["answer"].value_counts())
    parts = {"confidence": quartiles(facts["confidence"][known]), "frequency": quartiles(often[known])}
    return {"relation": facts["relation"][known], **parts}


def quartiles(values: pd.Series) -> pd.Series:
    """1 to 4 by size; equal values share a part, that of their mean rank."""
    ranks = values.rank(method="average")
    return (4 * (ranks - 0.5) / max(len(values), 1)).apply(np.ceil).astype("Int64")


def overlap(groups: Sequence[Group]) -> pd.DataFrame:
    """How many facts pairs of variants both forgot, against what two unrelated sets of these sizes would share.

    kind says what the pair differs in: `scopes` (same method and level), `levels` (neighbouring ones, same method and
    scope), `methods` (same scope and level; or quantized against the pruned variant that forgot most nearly as many,
    at most twice or half). expected: forgotten_a x forgotten_b / known. overlap_p: the hypergeometric probability of
    so many or more in common by chance.
    """
    rows = []
    for group in groups:
        slugs = group.compared()
        lost = {slug: group.right[DENSE] & ~group.right[slug] for slug in slugs}
        about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
        for kind, a, b in pairs({slug: int(lost[slug].sum()) for slug in slugs}):
            both, either = (lost[a] & lost[b]).sum(), (lost[a] | lost[b]).sum()
            counts = {"known": group.right[DENSE].sum(), "forgotten_a": lost[a].sum(), "forgotten_b": lost[b].sum()}
            jaccard = both / either if either else np.nan
            rows.append({**about, "kind": kind, "a": a, "b": b, **counts, "both": both, "jaccard": jaccard})
    frame = pd.DataFrame(rows, columns=OVERLAP)
    known, one, other = frame["known"].astype(float), frame["forgotten_a"], frame["forgotten_b"]
    frame["expected"] = one * other / known.where(known > 0)
    frame["overlap_p"] = stats.hypergeom.sf(frame["both"].astype(int) - 1, known.astype(int), *_ints(one, other))
    return frame


def pairs(counts: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """The pairs of variants worth comparing, as (kind, a, b); counts: {variant: facts it forgot}."""
    if not counts:
        return
    frame = pd.DataFrame([tables.describe(slug) for slug in counts])
    frame = frame[frame["scope"] != "mixed"].assign(level=lambda f: pd.to_numeric(f["level"]).fillna(-1))
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


def _ints(*columns: pd.Series) -> Iterator[pd.Series]:
    return (column.astype(int) for column in columns)
