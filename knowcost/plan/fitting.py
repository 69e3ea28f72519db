"""What the models that are on this machine already, local or fetched, show before any job starts.

A model that is broken is named; its own jobs will fail, and those of the others need not wait for it. What contradicts
a sound model is a mistake of the configuration and ends the planning: another family than its row says, since variants
and benchmarks follow from the family, or a level that its layers cannot hold (2of4 or 4bit-g128 need layers whose width
they divide, and a scope needs a layer), or a recovery that cannot be had of it, or answers as long as its window. A
model that is still to be downloaded is looked at when it is fetched (fetch/door.py), and by its compress jobs, each
before its work begins (compress/archive/write.py).
"""

import functools
import os
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from knowcost.benchmarks import expected
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.fetch import brought, door, rows
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.models.fetched import read_source
from knowcost.models.headers import read_config
from knowcost.plan import design
from knowcost.plan.config import Row, Study
from knowcost.recover.method import SHORTEST
from knowcost.recover.registry import check_rank, method_of
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, family_of
from knowcost.spec.variants import Step, Variant, parse


def check(study: Study) -> list[str]:
    """What is broken of the Study's models that are here: a sentence for each such model, with its row and a remedy.

    Raises InputError for the first row, or the first variant, that contradicts a sound model.
    """
    broken = []
    made = design.variants_by_family(study)
    parsed = {family: [parse(slug) for slug in made[family]] for family in made}
    steps = {family: list(dict.fromkeys(s for each in parsed[family] for s in each.steps)) for family in made}
    for name, row in study.checkpoints.items():
        where = f"{study.config['models']}: row {name!r}: "
        _check_family(where, row)
        try:
            checkpoint = _opened(row)
        except (InputError, OSError) as error:
            broken.append(
                f"{where}{error}. Until that is mended the jobs of this model will fail; those of the other models "
                "run, all of them with --keep-going."
            )
            continue
        if checkpoint:
            _check_steps(where, checkpoint, steps[row["family"]])
            _check_recoveries(where, checkpoint, parsed[row["family"]])
            _check_answers(where, checkpoint, parsed[row["family"]], study)
    return broken


def _check_family(where: str, row: Row) -> None:
    try:
        folder = _here(row)
        model_type = read_config(folder)["model_type"] if folder else None
        found = family_of(model_type) if model_type else row["family"]
    except (InputError, OSError, KeyError, TypeError):  # broken, as _opened will say
        return
    if found != row["family"]:
        raise InputError(
            f"{where}family is {row['family']!r}, but {model_type!r} in {folder}/config.json is {found!r}; correct the "
            "column family or the source"
        )


def _here(row: Row) -> Path | None:
    """The folder of a model that is on this machine, or None. What the workflow itself makes counts once it is fetched.

    Raises InputError where a local one is missing, and for a source.json that cannot be read: Snakemake takes it for a
    model that was fetched.
    """
    fetched, local = Path(paths.model_source(row["name"])), Path(rows.place(row["source"])[0])
    try:
        origin = read_source(fetched.parent).get("source") if fetched.is_file() else None
    except InputError:
        raise InputError(f"{fetched}: damaged; delete it, and the model is fetched again") from None
    if os.path.isdir(local) and not rows.is_taught(row["source"]):
        return local
    if origin == row["source"]:
        return fetched.parent
    if rows.is_local(row["source"]) and not rows.is_taught(row["source"]):
        raise InputError(f"there is no folder {local}; correct the source column, or make it")
    return None


def _opened(row: Row) -> Checkpoint | None:
    """The checkpoint of a model that is here, None where there is none, it is in pickles, or it was compressed
    elsewhere and takes no steps. Raises InputError."""
    folder = _here(row)
    if folder and row.get("parent"):
        brought.glance(row, folder)
        return None
    return door.glance(row, folder) if folder else None


def _check_steps(where: str, found: Checkpoint, steps: Iterable[Step]) -> None:
    """Raise InputError for the first step that the model cannot hold, naming step and layer."""
    block = architecture(found.model_type)
    tensors = {name.removesuffix(".weight"): found.tensors[f"{name}.weight"] for name in found.modules}
    embeddings = [tensor for name, tensor in tensors.items() if scopes.matches(block.embedding, name)]
    if embeddings and not any(head in tensors for head in block.heads):  # tied
        tensors[block.heads[0]] = embeddings[0]

    @functools.cache
    def taken(takes_head: bool, grouping: str, scope: str) -> dict[str, Tensor]:
        try:
            names = scopes.layers(found.model_type, tensors, grouping, scope, takes_head)
        except InputError:  # a part is missing, or has names that only transformers resolves: the door will see
            return {}
        return {f"{name}.weight": tensors[name] for name in names}

    for step in steps:
        method = registry.METHODS[step.method]
        try:
            method.check(step, taken(method.takes_head, step.grouping, step.scope))
        except InputError as error:
            raise InputError(f"{where}{error}") from None


def _check_recoveries(where: str, found: Checkpoint, variants: Iterable[Variant]) -> None:
    """Raise InputError for the first variant whose recovery the model cannot have, or whose virtual tokens leave
    nothing of its positions."""
    rows = _positions(found.config)
    layers = [name for name in found.modules if scopes.in_block(found.model_type, name)]
    sides = [min(found.tensors[f"{name}.weight"].shape) for name in layers]
    for variant in variants:
        if variant.recovery is None:
            continue
        method = method_of(variant.recovery)
        try:
            check_rank(variant.recovery, sides)
            method.check_config(found.config)
        except InputError as error:
            raise InputError(f"{where}variant {variant.slug!r}: {error}") from None
        taken = method.positions(variant.recovery, architecture(found.model_type).family)
        if taken and taken + SHORTEST > rows:
            raise InputError(
                f"{where}variant {variant.slug!r}: {taken:,} virtual tokens leave nothing of the model's {rows:,.0f} "
                "positions; name a shorter prompt"
            )


def _check_answers(where: str, found: Checkpoint, variants: Iterable[Variant], study: Study) -> None:
    """Raise InputError for the first benchmark whose answers leave a prompt nothing of the model's positions. (An
    encoder-decoder reads elsewhere, and T5's have positions without end, whatever n_positions says.)"""
    family = architecture(found.model_type).family
    decoder = family == "decoder"
    rows = _positions(found.config) if decoder else found.config.get("max_position_embeddings") or inf
    recoveries = [variant.recovery for variant in variants if variant.recovery is not None]
    taken = max((method_of(each).positions(each, family) for each in recoveries), default=0) if decoder else 0
    for name in design.benchmarks(study, family):
        row = study.benchmarks[name]
        new = expected.new_tokens(row)
        if new and new + taken + decoder > rows:
            beside = f" and {taken:,} virtual ones" if taken else ""
            raise InputError(
                f"{where}benchmark {name!r}: answers of {new:,} tokens{beside} leave nothing of the model's "
                f"{rows:,.0f} positions; say fewer in the column new_tokens of {study.config['benchmarks']}"
            )


def _positions(config: Mapping[str, Any]) -> float:
    """How many tokens a text may have by config.json; without an end where that does not say it."""
    named = (config.get(key) for key in ("max_position_embeddings", "n_positions", "max_seq_len"))
    return next((rows for rows in named if type(rows) is int), inf)
