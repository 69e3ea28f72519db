"""What compression does to the texts that a model writes, as far as that can be counted: the table `written`.

Answers of a variant and of its dense model to the same question and turn are paired; a question with all its turns is a
cluster, or questions that belong together. The dense model's own rows say how far each measure moves when nothing
was done: its change is that of being asked once more, and what it keeps is of its own first answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import noise, rule, tables
from knowcost.aggregate.answers import BESIDE, MEASURES, SAME_LENGTH, Answers, Said
from knowcost.aggregate.clustered import Estimates, Sample, estimate
from knowcost.aggregate.metrics import Z95
from knowcost.benchmarks.formats import is_published
from knowcost.benchmarks.kinds import KINDS
from knowcost.benchmarks.sizes import CLASSES
from knowcost.spec.variants import AS_PUBLISHED, DENSE

COLUMNS = ["family", "model", *tables.TREATMENT, "benchmark", "part", "measure", "n", "clusters", "value", "dense",
           "change", "low", "high", "noise", "decision", "truncated", "limit", "dropped"]  # fmt: skip

WORSE_LESS = {"unique_tokens", SAME_LENGTH, "distinct_1", "distinct_2", "rouge1", "rouge2", "rougeL"}
WORSE_MORE = {"repeated", "loops", "empty", "unfinished"}
COUNTS = {"unique_tokens", SAME_LENGTH, "tokens"}  # the others are in percent


def written(answers: Sequence[Answers], margin: float) -> pd.DataFrame:
    """A row per cell, part (all answers, then those of each relation) and measure, in the order of the other tables.

    margin: of rule.decide, in points; of counts it is that percentage of the dense model's mean.
    """
    rows = [row for each in answers for part in _parts(each) for row in _rows(each, part, margin)]
    return tables.ordered(pd.DataFrame(rows, columns=COLUMNS))


def asked(answers: Sequence[Answers]) -> list[dict[str, Any]]:
    """What tables.how_asked and the table of benchmarks take of each cell; n: questions."""
    return [said.about for each in answers for said in each.said.values()]


@dataclass(frozen=True)
class _Part:
    """name: a relation, "" for all; inside: which answers."""

    name: str
    inside: np.ndarray


def _parts(answers: Answers) -> Iterator[_Part]:
    relation = answers.questions["relation"]
    yield _Part("", np.ones(len(relation), bool))
    names = list(relation.dropna().unique())
    if KINDS[answers.kind].sized:
        names.sort(key=CLASSES.index)
    if len(names) > 1:
        yield from (_Part(name, (relation == name).to_numpy()) for name in names)


def _rows(answers: Answers, part: _Part, margin: float) -> Iterator[dict[str, Any]]:
    """Per variant and measure."""
    slugs, said = list(answers.said), [_of(each, part) for each in answers.said.values()]
    changes = np.hstack([_changes(slug, each) for slug, each in zip(slugs, said, strict=True)])
    floors = _floors(slugs, said)
    flips = [_flip(name, each) for each in said for name in MEASURES]
    clusters = answers.questions["cluster"].to_numpy()[part.inside]
    found = estimate(
        [Sample(answers.benchmark, changes, clusters, flip=np.array(flips), noise=np.nan_to_num(floors.ravel()))]
    )
    for which, (slug, each) in enumerate(zip(slugs, said, strict=True)):
        about = each.about | tables.describe(slug) | {"part": part.name}
        if is_published(answers.benchmark):
            about["experiment"] = AS_PUBLISHED
        for place, name in enumerate(MEASURES):
            row = _row(name, each, _at(found, which * len(MEASURES) + place), margin)
            if slug == DENSE:
                row |= {"dense": row["value"], "decision": ""}
            elif name in BESIDE and DENSE in slugs:
                row["dense"] = _mean(said[slugs.index(DENSE)].own[:, place], np.nan)
            yield about | {"measure": name, "noise": floors[which, place]} | row


def _of(said: Said, part: _Part) -> Said:
    moved = None if said.moved is None else said.moved[part.inside]
    return Said(said.about, said.own[part.inside], said.other[part.inside], moved)


def _changes(slug: str, said: Said) -> np.ndarray:
    """What intervals are of: by how much an answer has more than what it is held against, of the dense model the other
    way round; of BESIDE the value itself."""
    beside = np.isin(MEASURES, BESIDE)
    sign = -1 if slug == DENSE else 1
    return np.where(beside, said.own, sign * (said.own - said.other))


def _flip(name: str, said: Said) -> float:
    """What one answer that changed may add to the sum: all that it has where less is worse, else as much as can be."""
    in_full = name in WORSE_MORE or name in BESIDE
    return 100.0 if in_full else _mean(said.other[:, MEASURES.index(name)])


def _mean(values: np.ndarray, otherwise: float = 0.0) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else otherwise


def _floors(slugs: Sequence[str], said: Sequence[Said]) -> np.ndarray:
    """The noise floor of each variant (a row) and measure: as noise.measure has it of verdicts, of those that compute
    alike and were asked twice; nan where none was."""
    both = zip(slugs, said, strict=True)
    measured = {slug: _floor(each.moved) for slug, each in both if each.moved is not None}
    nothing = np.full(len(MEASURES), np.nan)
    alike = [[measured[other] for other in noise.alike(slug, measured)] for slug in slugs]
    return np.array([np.max(each, axis=0) if each else nothing for each in alike])


def _floor(moved: np.ndarray) -> np.ndarray:
    """Per column: at least how far the mean moved, and 1.96 standard deviations of a mean whose changes could as well
    have the other sign."""
    n = (~np.isnan(moved)).sum(axis=0)
    moved = np.nan_to_num(moved)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.abs(moved.sum(axis=0)), Z95 * np.sqrt((moved**2).sum(axis=0))) / n


@dataclass(frozen=True)
class _One:
    """One estimate of several."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    differing: int


def _at(found: Estimates, place: int) -> _One:
    return _One(*(getattr(found, name)[place] for name in ("value", "low", "high", "n", "clusters", "differing")))


def _row(name: str, said: Said, found: _One, margin: float) -> dict[str, Any]:
    """What the table says of a measure of a variant. Means are over the answers that both have a value of."""
    own, other = (values[:, MEASURES.index(name)] for values in (said.own, said.other))
    counted = ~np.isnan(own) & ~np.isnan(other)
    row: dict[str, Any] = {"low": found.low, "high": found.high, "decision": ""}
    if name in BESIDE or not counted.any():
        known = ~np.isnan(own)
        clusters = found.clusters if name in BESIDE else np.nan
        if name in BESIDE:
            row |= {end: np.clip(row[end], 0, 100) for end in ("low", "high")}
        return row | {"n": known.sum(), "clusters": clusters, "value": _mean(own, np.nan)}
    row |= {"n": found.n, "clusters": found.clusters, "value": own[counted].mean()}
    row |= {"dense": other[counted].mean(), "change": found.value}
    least = margin * row["dense"] / 100 if name in COUNTS else margin
    if name in WORSE_MORE:
        row["decision"] = rule.decide(found.value, found.low, found.high, least, found.differing)
    elif name in WORSE_LESS:
        row["decision"] = rule.decide(-found.value, -found.high, -found.low, least, found.differing)
    return row
