"""The design of a study: which variants, cells and jobs there are. Imports no torch: every job parses it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowcost.common import paths
from knowcost.compress import registry
from knowcost.plan import config
from knowcost.plan.config import Study
from knowcost.spec import levels, scopes
from knowcost.spec.variants import Step, Variant, parse


@dataclass(frozen=True)
class Cell:
    """One (model, variant, benchmark): the unit that is scored, cached and rerun."""

    model: str
    variant: str
    benchmark: str

    @property
    def path(self) -> str:
        return paths.scores(self.model, self.variant, self.benchmark)


@dataclass(frozen=True)
class Batch:
    """The variants of one model that one scoring job takes, so that it imports torch once for all of them.

    part: `float` or `int8`, what its variants compute in, and where there are too many for one job the first bits of
    their hashes: `float-011`.
    """

    model: str
    part: str
    variants: tuple[str, ...]
    benchmarks: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.model}-{self.part}"

    @property
    def cells(self) -> list[Cell]:
        return [Cell(self.model, variant, benchmark) for variant in self.variants for benchmark in self.benchmarks]


def variants(study, family):
    """The slugs of a family's variants, dense first, in the order of the experiments."""
    found = [Variant()]
    for experiment in study.config["study"]["experiments"]:
        for scope in experiment["scopes"]:
            if scope in scopes.scopes_of(family):
                found += _variants_of(study, experiment, family, scope)
    if "published" in study.config["study"]["protocols"]:
        found += [_as_published(variant) for variant in found if _loses_its_head(variant, family)]
    for variant in found:
        registry.check_steps(variant)
    return list(dict.fromkeys(variant.slug for variant in found))


def _variants_of(study, experiment, family, scope):
    """A scope that all groupings draw alike for this family has one variant, not one per grouping."""
    groupings = study.config["study"]["groupings"]
    if not scopes.grouping_matters(family, scope):
        groupings = ["paper"]
    main = study.config["calibration"]["name"]
    for grouping in groupings:
        for data in experiment.get("calibrations") or [main]:
            for entry in experiment.get("levels") or [None]:
                yield _variant(experiment["steps"], entry, grouping, scope, data if data != main else None)


def _variant(methods, entry, grouping, scope, calibration):
    """The Variant of one entry of an experiment's levels (None: no method takes one)."""
    takers = [method for method in methods if registry.METHODS[method].levels]
    given = iter(levels.spread(entry, len(takers)))
    steps = []
    for name in methods:
        data = calibration if registry.METHODS[name].needs_data else None
        steps.append(Step(name, next(given) if name in takers else None, grouping, scope, data))
    return Variant(tuple(steps))


def _loses_its_head(variant, family):
    """Whether the published code saved such a variant in a way that loses its final layer (compress/lost.py)."""
    return variant.scope == "final" and family in registry.METHODS["lost"].families


def _as_published(variant):
    return Variant((*variant.steps, Step("lost", None, variant.grouping, "final")))


def benchmarks(study, family):
    """The names of the benchmarks that a family is asked."""
    return [name for name, row in study.benchmarks.items() if family in config.families(row)]


def cells(study: Study) -> list[Cell]:
    """All cells of the study, model by model."""
    asked = {model: benchmarks(study, row["family"]) for model, row in study.models.items()}
    return [Cell(model, variant, benchmark) for model, variant in archives(study) for benchmark in asked[model]]


def archives(study: Study) -> list[tuple[str, str]]:
    """All (model, variant) pairs."""
    return [(model, variant) for model, row in study.models.items() for variant in variants(study, row["family"])]


def batches(study: Study) -> list[Batch]:
    """The scoring jobs, each with at most score.variants_per_job variants of one model.

    Snakemake runs a job again when its name or its variants are others, so neither may depend on what else stands in
    the lists of the configuration, or in which order. Variants in int8, which need more memory, are parted from the
    others; what is too many for one job is halved by the first bit of the variants' hashes, each half by the second,
    and so on. A variant that is added changes the batch that it falls into, or splits it, and no other one. The price:
    jobs are about two thirds full.
    """
    size = study.config["score"]["variants_per_job"]
    made = []
    for model, row in study.models.items():
        asked = tuple(sorted(benchmarks(study, row["family"])))
        parts: dict[str, list[str]] = {}
        for slug in variants(study, row["family"]):
            parts.setdefault("int8" if _is_int8(slug) else "float", []).append(slug)
        for kind, slugs in parts.items():
            for bits, few in _halved(slugs, size):
                part = f"{kind}-{bits}" if bits else kind
                made.append(Batch(model, part, tuple(sorted(few)), asked))
    return made


def _is_int8(slug: str) -> bool:
    return any(registry.METHODS[step.method].dynamic for step in parse(slug).steps)


def _halved(slugs: Sequence[str], size: int, bits: str = "") -> Iterator[tuple[str, Sequence[str]]]:
    """(first bits that their hashes share, slugs) of groups of at most `size`; no empty ones."""
    if len(slugs) <= size:
        if slugs:
            yield bits, slugs
        return
    for bit in "01":
        yield from _halved([slug for slug in slugs if _bits(slug)[len(bits)] == bit], size, bits + bit)


def _bits(slug: str) -> str:
    digest = hashlib.sha256(slug.encode()).digest()
    return f"{int.from_bytes(digest, 'big'):0256b}"


def threshold_levels(study, family):
    """[(grouping, scope, [levels])] of every step that needs exact thresholds, each scope once."""
    wanted = {}
    for slug in variants(study, family):
        for step in parse(slug).steps:
            if registry.METHODS[step.method].needs_thresholds:
                wanted.setdefault((step.grouping, step.scope), set()).add(step.level)
    return [(grouping, scope, sorted(levels)) for (grouping, scope), levels in wanted.items()]
