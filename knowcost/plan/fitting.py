"""Whether the models can hold what a study asks of them, said before any job starts.

Levels such as 2of4 or 4bit-g128 need layers whose width they divide, and a scope needs a layer. For checkpoints that
are on this machine already, fetched or local, that is seen in the headers of their files. A model that is still to be
downloaded is looked at by its own compress jobs, each before its work begins (compress/archive/write.py).
"""

import functools
from collections.abc import Iterable
from pathlib import Path

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.compress import registry
from knowcost.models.checkpoint import Checkpoint
from knowcost.plan import design
from knowcost.plan.config import Row, Study
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture
from knowcost.spec.variants import Variant, parse


def check(study: Study) -> None:
    """Raise InputError for the first variant of the Study that its model cannot hold, naming model, step and layer."""
    for name, row in study.models.items():
        folder = _here(name, row)
        if folder:
            try:
                _check_model(folder, [parse(slug) for slug in design.variants(study, row["family"])])
            except InputError as error:
                raise InputError(f"model {name!r}: {error}") from None


def _here(name: str, row: Row) -> Path | None:
    """The folder of a model's safetensors, or None."""
    fetched, local = Path(paths.model_source(name)), Path(row["source"])
    if fetched.is_file() and files.read_json(fetched).get("source") == row["source"]:
        return fetched.parent
    return local if (local / "config.json").is_file() and any(local.glob("*.safetensors")) else None


def _check_model(folder: Path, variants: Iterable[Variant]) -> None:
    found = Checkpoint(folder)
    block = architecture(found.model_type)
    tensors = {name.removesuffix(".weight"): found.tensors[f"{name}.weight"] for name in found.modules}
    if block.final not in tensors:  # tied
        embeddings = [tensor for name, tensor in tensors.items() if scopes.matches(block.embedding, name)]
        tensors |= dict.fromkeys([block.final], *embeddings[:1])

    @functools.cache
    def taken(method: str, grouping: str, scope: str) -> list[str]:
        return registry.weights(method, grouping, scope, found.model_type, tensors)

    for step in dict.fromkeys(step for variant in variants for step in variant.steps):
        names = taken(step.method, step.grouping, step.scope)
        registry.METHODS[step.method].check(step, {name: tensors[name.removesuffix(".weight")] for name in names})
