"""What the comparisons behind a claim about judged texts measure: scores in percent of the dense model's.

A judge saw the text of a variant beside the dense model's, and gave both a score; one that gives verdicts shares out a
point: 1 to the winner, a half to each of a tie. So what the dense model scores depends on beside whom it stands, and
its weight in a comparison goes to its texts in the pairs with the compared variants. The study's own judge counts, of
texts held against the dense model's; rubrics count alike, question by question, and so do the benchmarks of a model,
and models. Turns and rubrics of a question are one cluster, and so are variants and models asked the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.comparisons import Comparison, Measured, Number
from knowcost.aggregate.judgement_rows import Judgements, unreliable
from knowcost.benchmarks.formats import is_published
from knowcost.judge.rows import DENSE as THE_DENSE_MODELS
from knowcost.papers.claim import ByLevel, Part, Parts, Weights, mean_of
from knowcost.spec.variants import DENSE

COLUMNS = ["family", "model", "benchmark", "kind", "variant", "id", "relation", "cluster", "value", "dense", "over",
           "unreliable"]  # fmt: skip


@dataclass(frozen=True)
class _Texts:
    """What a claim's parts are taken of (papers/claim.Group): what judges say of a variant on a benchmark."""

    facts: pd.DataFrame
    kind: str
    domain: str = ""


@dataclass(frozen=True)
class _Asked:
    """A model's texts on a benchmark; by: {variant: (its rows, parts of them)}; share: in the family's mean."""

    model: str
    benchmark: str
    by: Mapping[str, tuple[pd.DataFrame, list[Part]]]
    share: float = 1.0


def of_judgements(made: Iterable[Judgements]) -> pd.DataFrame:
    """COLUMNS of every compressed variant that was judged, a row per answer and rubric: its score, the dense model's in
    the same pair, both by what that has on average (`over`); nan where a judgement failed. unreliable: in words, why
    the variant's texts there bear nothing, or ""."""
    frames = [_scored(cell) for cell in made if cell.variant != DENSE and not is_published(cell.benchmark)]
    if not frames:
        return pd.DataFrame(columns=COLUMNS)
    every = pd.concat(frames, ignore_index=True)
    usual = every.groupby(["model", "benchmark", "rubric"])["over"].transform("mean")
    usual = usual.where(usual > 0)
    every[["value", "dense", "over"]] = every[["value", "dense", "over"]].div(usual, axis=0)
    return every[COLUMNS]


def _scored(cell: Judgements) -> pd.DataFrame:
    rows = cell.rows[(cell.rows["against"] == THE_DENSE_MODELS) & (cell.rows["judge"] == cell.judge)]
    has_scores = rows["score"].notna().groupby(rows["rubric"]).transform("any").astype(bool)
    point = 0.5 + rows["preference"] / 100
    value, dense = rows["score"].where(has_scores, point), rows["other_score"].where(has_scores, 1 - point)
    known = value.notna() & dense.notna()
    why = unreliable(rows.assign(flipped=rows["flipped"] & ~has_scores))  # scores of both orders average what it does
    about = {name: getattr(cell, name) for name in ("family", "model", "benchmark", "kind", "variant")}
    over = dense.where(has_scores, 0.5)
    numbers = {"value": value.where(known), "dense": dense.where(known), "over": over.where(known)}
    return rows[["id", "relation", "cluster", "rubric"]].assign(**about, **numbers, unreliable=why)


def measure(rows: pd.DataFrame, words: str, by_level: ByLevel, parts: Parts) -> Comparison:
    """What a comparison measures on the models of one family; rows: of COLUMNS, theirs."""
    mean = mean_of(by_level)
    has_margin = abs(sum(mean.values())) < 1e-9
    slugs = [slug for slug in mean if slug != DENSE]
    missing, asked, left_out = _counted(rows, slugs, parts)
    if missing or not asked:
        return Comparison(words, missing=missing, left_out=left_out, has_margin=has_margin)
    levels = {level: each for level, each in by_level.items() if level is not None} if len(by_level) > 1 else {}
    columns = [mean, *levels.values()]
    found = estimate([sample for each in asked for sample in _samples(each, columns)])
    measured = [_measured(asked, found, place, weights) for place, weights in enumerate(columns)]
    facts = {(each.benchmark, id) for each in asked for spoken in _spoken(each) for id in spoken["id"]}
    models, benchmarks = (len({getattr(each, name) for each in asked}) for name in ("model", "benchmark"))
    by = dict(zip(levels, measured[1:], strict=True))
    return Comparison(words, measured[0], by, len(facts), models, benchmarks, left_out=left_out, has_margin=has_margin)


def _counted(rows: pd.DataFrame, slugs: Sequence[str], parts: Parts) -> tuple[list[str], list[_Asked], list[str]]:
    """(the cells that are missing, what counts with its share, what is left out and why)."""
    missing, asked, left_out = [], [], []
    pairs = rows[["model", "benchmark"]].drop_duplicates().itertuples(index=False, name=None)
    for model, benchmark in pairs:
        text = rows[(rows["model"] == model) & (rows["benchmark"] == benchmark)]
        if not _parts(text, parts):
            continue
        by = {slug: text[text["variant"] == slug].reset_index(drop=True) for slug in slugs}
        missing += [f"{model} {slug} on {benchmark}" for slug, each in by.items() if each.empty]
        reasons = [f"{model} {slug} on {benchmark}: {each['unreliable'].iloc[0]}"
                   for slug, each in by.items() if len(each) and each["unreliable"].iloc[0]]  # fmt: skip
        left_out += reasons
        if not reasons:
            asked.append(_Asked(model, benchmark, {slug: (each, _parts(each, parts)) for slug, each in by.items()}))
    if not asked and not left_out and not missing:
        return ["no text of this kind was judged"], [], []
    models = [each.model for each in asked]
    shares = [1 / len(set(models)) / models.count(model) for model in models]
    return missing, [_Asked(each.model, each.benchmark, each.by, share)
                     for each, share in zip(asked, shares, strict=True)], left_out  # fmt: skip


def _parts(rows: pd.DataFrame, parts: Parts) -> list[Part]:
    return parts(_Texts(rows, str(rows["kind"].iloc[0]))) if len(rows) else []


def _samples(asked: _Asked, columns: Sequence[Weights]) -> list[Sample]:
    """Of each variant and part: in each column its weighted score, and its part of the dense model's."""
    made = []
    for slug, (rows, parts) in asked.by.items():
        value, dense = (100 * rows[name].to_numpy(float) for name in ("value", "dense"))
        borne = np.array([_borne(weights, slug) for weights in columns])
        own = np.array([weights.get(slug, 0.0) for weights in columns])
        beside = np.array([weights.get(DENSE, 0.0) for weights in columns]) * borne
        flip = np.array([100 * _larger_side(weights) for weights in columns]) * borne
        for sign, facts in parts:
            values = np.where(facts[:, None], value[:, None] * own + dense[:, None] * beside, np.nan)
            over = np.broadcast_to(rows["over"].to_numpy(float)[:, None], values.shape)
            share = np.where(borne > 0, sign * asked.share, 0.0)
            clusters, facts_of = (rows[name].to_numpy() for name in ("cluster", "id"))
            made.append(Sample(asked.benchmark, values, clusters, over, share, flip, facts=facts_of))
    return made


def _borne(weights: Weights, slug: str) -> float:
    """The share of the compared variants' weights that is this one's."""
    return abs(weights.get(slug, 0.0)) / sum(abs(weight) for name, weight in weights.items() if name != DENSE)


def _larger_side(weights: Weights) -> float:
    """What a text that loses all of its score on one side of the comparison moves it by."""
    each = weights.values()
    return max(sum(weight for weight in each if weight > 0), -sum(weight for weight in each if weight < 0))


def _measured(asked: Sequence[_Asked], found: Estimates, place: int, weights: Weights) -> Measured:
    """What one column measures. A cluster differs if some text there is not judged as good as the dense model's."""
    value, low, high = (float(np.round(end[place], 9)) for end in (found.value, found.low, found.high))
    spoken = pd.concat([rows for each in asked for rows in _spoken(each, weights)])
    differing = spoken[(spoken["value"] - spoken["dense"]).abs() > 1e-9]["cluster"].nunique()
    signs = [each.share * sum(sign for sign, _ in next(iter(each.by.values()))[1]) for each in asked]
    allowance = float(np.round(100 * sum(weights.values()) * sum(signs), 9))
    number = Number(value, low, high, float(found.p[place]))
    return Measured(number, clusters=spoken["cluster"].nunique(), differing=differing, allowance=allowance)


def _spoken(asked: _Asked, weights: Weights | None = None) -> list[pd.DataFrame]:
    """The rows that are judged and in some part, of each variant; of those with a weight if weights are given."""
    return [
        rows[np.any([facts for _, facts in parts], axis=0) & rows["value"].notna()]
        for slug, (rows, parts) in asked.by.items()
        if weights is None or slug in weights
    ]
