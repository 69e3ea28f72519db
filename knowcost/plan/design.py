"""The design of a study: which variants, cells and jobs there are. Imports no torch: every job parses it."""

from dataclasses import dataclass

from knowcost.common import paths
from knowcost.compress import registry
from knowcost.plan import config
from knowcost.spec import levels, scopes
from knowcost.spec.variants import Step, Variant, parse


@dataclass(frozen=True)
class Cell:
    """One (model, variant, benchmark): the unit that is scored, cached and rerun."""

    model: str
    variant: str
    benchmark: str

    @property
    def path(self):
        return paths.scores(self.model, self.variant, self.benchmark)


@dataclass(frozen=True)
class Batch:
    """The variants of one model that one scoring job takes, so that it imports torch once for all of them."""

    model: str
    number: int
    variants: tuple[str, ...]
    benchmarks: tuple[str, ...]

    @property
    def name(self):
        return f"{self.model}-{self.number:02d}"

    @property
    def cells(self):
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


def cells(study):
    """All cells of the study, model by model."""
    return [cell for batch in batches(study) for cell in batch.cells]


def archives(study):
    """All (model, variant) pairs."""
    return [(batch.model, variant) for batch in batches(study) for variant in batch.variants]


def batches(study):
    """The scoring jobs, each with at most score.variants_per_job variants of one model."""
    size = study.config["score"]["variants_per_job"]
    made = []
    for model, row in study.models.items():
        slugs = variants(study, row["family"])
        asked = tuple(benchmarks(study, row["family"]))
        for number, first in enumerate(range(0, len(slugs), size), start=1):
            made.append(Batch(model, number, tuple(slugs[first : first + size]), asked))
    return made


def threshold_levels(study, family):
    """[(grouping, scope, [levels])] of every step that needs exact thresholds, each scope once."""
    wanted = {}
    for slug in variants(study, family):
        for step in parse(slug).steps:
            if registry.METHODS[step.method].needs_thresholds:
                wanted.setdefault((step.grouping, step.scope), set()).add(step.level)
    return [(grouping, scope, sorted(levels)) for (grouping, scope), levels in wanted.items()]
