"""The design of a study: which variants and cells there are. Imports no torch: every job parses it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.compress.calibration import texts
from knowcost.compress.methods import magnitude
from knowcost.judge import rubric
from knowcost.plan import config, judges
from knowcost.plan.config import Study
from knowcost.recover import registry as recoveries
from knowcost.spec import levels, scopes
from knowcost.spec.families import FAMILIES
from knowcost.spec.levels import Level
from knowcost.spec.recoveries import Recovery
from knowcost.spec.recoveries import parse as parse_recovery
from knowcost.spec.variants import LOST, Step, Variant, parse

LONGEST = 230  # characters of a slug: file systems take 255, and logs have the slug with a suffix


@dataclass(frozen=True)
class Cell:
    """One (model, variant, benchmark): the unit that is scored, cached and rerun."""

    model: str
    variant: str
    benchmark: str

    @property
    def path(self) -> str:
        return paths.scores(self.model, self.variant, self.benchmark)


def variants(study: Study, family: str) -> list[str]:
    """The slugs of a family's variants, dense first, in the order of the experiments.

    Raises InputError for impossible ones, and for one that is too long for the name of a file.
    """
    found = [Variant()]
    for experiment in study.config["study"]["experiments"]:
        found += _made_by(study, experiment, family)
    if "published" in study.config["study"]["protocols"]:
        found += [_as_published(variant) for variant in found if _loses_its_head(variant, family)]
    for variant in found:
        registry.check_steps(variant)
        recoveries.check_variant(variant, family)
    slugs = list(dict.fromkeys(variant.slug for variant in found))
    for slug in slugs:
        if len(slug) > LONGEST:
            raise InputError(
                f"study.experiments: variant {slug!r} has {len(slug)} characters and is the name of a folder, which "
                f"may have {LONGEST}; take fewer steps, or shorter names of calibration data"
            )
    return slugs


def _made_by(study: Study, experiment: Mapping[str, Any], family: str) -> list[Variant]:
    """The variants that one experiment makes of a family's models, its recoveries and their controls among them."""
    found: list[Variant] = []
    if family in experiment.get("families", FAMILIES):
        for scope in experiment["scopes"]:
            if scope in scopes.scopes_of(family):
                made = list(_variants_of(study, experiment, family, scope))
                found += made + _recovered(study, experiment, made)
    return found


def experiments(study: Study) -> dict[str, dict[str, str]]:
    """{family: {variant: the names of the experiments that make it, joined by ", "}}, of the families that the study
    has models of. A final layer as published belongs where the pruned one does; what no experiment makes (the dense
    model, versions that were compressed elsewhere) is not among them. Another order of levels is the same here."""
    found: dict[str, dict[str, str]] = {}
    published = "published" in study.config["study"]["protocols"]
    for family in dict.fromkeys(row["family"] for row in study.models.values()):
        names: dict[str, dict[str, None]] = {}
        for experiment in study.config["study"]["experiments"]:
            for variant in _made_by(study, experiment, family):
                lost = [_as_published(variant)] if published and _loses_its_head(variant, family) else []
                for each in (variant, *lost):
                    names.setdefault(each.slug, {})[experiment["name"]] = None
        found[family] = {slug: ", ".join(names[slug]) for slug in sorted(names)}
    return found


def _variants_of(study: Study, experiment: Mapping[str, Any], family: str, scope: str) -> Iterator[Variant]:
    """A scope that all groupings draw alike for this family has one variant, not one per grouping."""
    groupings = study.config["study"]["groupings"]
    if not scopes.grouping_matters(family, scope):
        groupings = ["paper"]
    main = study.config["calibration"]["name"]
    for grouping in groupings:
        for data in experiment.get("calibrations") or [main]:
            for entry in experiment.get("levels") or [None]:
                yield _variant(experiment["steps"], entry, grouping, scope, data if data != main else None)


def _recovered(study: Study, experiment: Mapping[str, Any], made: Sequence[Variant]) -> list[Variant]:
    """What an experiment recovers of its variants, each behind the parts that it is put together from."""
    found: list[Variant] = []
    for text in experiment.get("recover", ()):
        recovery = parse_recovery(text)
        with_control = experiment.get("recover_dense") and recoveries.method_of(recovery).controlled
        recovered = [replace(variant, recovery=_named(study, recovery, variant)) for variant in made]
        learnt_from = dict.fromkeys(each.recovered_on for each in recovered) if with_control else ()
        controls = [Variant(recovery=_named(study, replace(recovery, data=data), Variant())) for data in learnt_from]
        for each in recovered + controls:
            found += [*recoveries.parts(each), each]
    return found


def _named(study: Study, recovery: Recovery, variant: Variant) -> Recovery:
    """A recovery, which names texts only where they are not its variant's: one variant has one slug."""
    return replace(recovery, data=None) if recovery.data == recovery_data(study, variant) else recovery


def recovery_data(study: Study, variant: Variant) -> str:
    """The name of the texts that a recovered variant is trained on, or would be by default: those that its recovery
    names, else those that its compression looked at, else the study's main ones."""
    return variant.recovered_on or study.config["calibration"]["name"]


def calibration_texts(study: Study) -> list[str]:
    """The names of the texts that the study's compressions look at, or its recoveries are trained on."""
    names = []
    for _, slug in archives(study):
        variant = parse(slug)
        if any(registry.METHODS[step.method].needs_data for step in variant.steps):
            names.append(variant.calibration or study.config["calibration"]["name"])
        if variant.recovery:
            names.append(recovery_data(study, variant))
    return list(dict.fromkeys(texts.texts_of(study.config, name) for name in names))


def _variant(
    methods: Sequence[str], entry: Level | None, grouping: str, scope: str, calibration: str | None
) -> Variant:
    """The Variant of one entry of an experiment's levels (None: no method takes one)."""
    takers = [method for method in methods if registry.METHODS[method].levels]
    given = iter(levels.spread(entry, len(takers)))
    steps = []
    for name in methods:
        data = calibration if registry.METHODS[name].needs_data else None
        steps.append(Step(name, next(given) if name in takers else None, grouping, scope, data))
    return Variant(tuple(steps))


def _loses_its_head(variant: Variant, family: str) -> bool:
    """Whether the published code lost the final layer of such a variant (compress/methods/lost_head.py)."""
    return variant.scope == "final" and family in (registry.METHODS[LOST].families or ())


def _as_published(variant: Variant) -> Variant:
    return Variant((*variant.steps, Step(LOST, None, variant.steps[0].grouping, "final")))


def variants_by_family(study: Study) -> dict[str, list[str]]:
    """{family: its variants} of the families that the study has models of: worked out once, however many these are."""
    return {family: variants(study, family) for family in {row["family"]: None for row in study.models.values()}}


def variants_by_model(study: Study) -> dict[str, list[str]]:
    """{dense model: all its variants}, those that were compressed elsewhere last."""
    made = variants_by_family(study)
    found = {model: list(made[row["family"]]) for model, row in study.models.items()}
    for name, row in study.brought.items():
        found[row["parent"]].append(Variant(brought=name).slug)
    return found


def benchmarks(study: Study, family: str) -> list[str]:
    """The names of the benchmarks that a family is asked."""
    return [name for name, row in study.benchmarks.items() if family in config.families(row)]


def cells(study: Study) -> list[Cell]:
    """All cells of the study, model by model."""
    asked = {family: benchmarks(study, family) for family in FAMILIES}
    return [
        Cell(model, variant, benchmark)
        for model, slugs in variants_by_model(study).items()
        for variant in slugs
        for benchmark in asked[study.models[model]["family"]]
    ]


def judged(study: Study) -> list[Cell]:
    """The cells whose answers judges are asked about: those for whose kind there is a rubric; none without a judge."""
    section = study.config["judge"]
    rubrics = [rubric.load(name) for name in section["rubrics"]] if section["model"] else []
    names = {name for name, row in study.benchmarks.items() if judges.applying(rubrics, row)}
    return [cell for cell in cells(study) if cell.benchmark in names] if names else []


def archives(study: Study) -> list[tuple[str, str]]:
    """All (model, variant) pairs."""
    return [(model, variant) for model, slugs in variants_by_model(study).items() for variant in slugs]


def threshold_levels(study: Study, family: str) -> list[tuple[str, str, list[int]]]:
    """[(grouping, scope, [levels])] of every step that needs exact thresholds, each scope once.

    Raises ValueError for a level that is no percentage: a method with such levels has no exact threshold.
    """
    wanted: dict[tuple[str, str], set[int]] = {}
    for slug in variants(study, family):
        for step in parse(slug).steps:
            if registry.METHODS[step.method].needs_thresholds:
                wanted.setdefault((step.grouping, step.scope), set()).add(magnitude.percent(step))
    return [(grouping, scope, sorted(found)) for (grouping, scope), found in wanted.items()]
