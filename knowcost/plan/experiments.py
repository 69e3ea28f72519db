"""Experiments for which a study has no models, or none with one of their scopes."""

from collections.abc import Mapping
from typing import Any

from knowcost.common.errors import InputError
from knowcost.plan import origin
from knowcost.plan.config import Study
from knowcost.plan.origin import DEFAULTS
from knowcost.spec.families import FAMILIES
from knowcost.spec.scopes import scopes_of


def check(study: Study) -> list[str]:
    """A sentence for each experiment of which something is left out, since no model of the study has one of its scopes.

    The defaults and the presets name scopes for all families, so nothing is said of an experiment as they have it
    unless nothing is left of it. Raises InputError for any other of which nothing is left.
    """
    said = []
    present = list(dict.fromkeys(row["family"] for row in study.models.values()))
    for experiment in study.config["study"]["experiments"]:
        where = f"study.experiments: {experiment['name']!r}"
        families = [family for family in present if family in experiment.get("families", FAMILIES)]
        lacking = [s for s in experiment["scopes"] if not any(s in scopes_of(family) for family in families)]
        if len(lacking) == len(experiment["scopes"]):
            nothing = f"{where} makes no variant: {_why(experiment, families)}"
            if not _is_ours(experiment):
                raise InputError(f"{nothing}, or take the experiment out")
            said.append(nothing)
        elif lacking and not _is_ours(experiment):
            said.append(f"{where}: {_none_has(lacking)}, so it is left out; {_there_are(families)}")
    return said


def _why(experiment: Mapping[str, Any], families: list[str]) -> str:
    if not families:
        return f"it is for models of {', '.join(experiment['families'])}, and the study has none; correct `families`"
    return f"{_none_has(experiment['scopes'])}; {_there_are(families)}; name one of these"


def _none_has(lacking: list[str]) -> str:
    return f"no model that it is for has the scope {' or '.join(lacking)}"


def _there_are(families: list[str]) -> str:
    return "; ".join(f"{family} has {', '.join(scopes_of(family))}" for family in families)


def _is_ours(experiment: Mapping[str, Any]) -> bool:
    """Whether the defaults or a preset have an experiment word for word."""
    files = [DEFAULTS, *sorted((DEFAULTS.parent / "presets").glob("*.yaml"))]
    return any(experiment in origin.read(file).get("study", {}).get("experiments", []) for file in files)
