"""The block that a new architecture would take in architectures.yaml: `knowcost propose`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import transformers

import knowcost
from knowcost.common.errors import InputError
from knowcost.fetch.built import Built, build
from knowcost.models.anatomy import Anatomy, anatomy
from knowcost.spec.architectures import TABLE, Architecture, architectures
from knowcost.spec.patterns import compact, either, numbered
from knowcost.spec.scopes import claims, matches
from knowcost.spec.variants import GROUPINGS

# What configurations call the deviation of a freshly drawn layer.
DEVIATIONS = ("initializer_range", "init_std", "initializer_factor")
FORMS = (  # of patterns, the first that tells all layers apart counts
    "short",  # from the list of blocks on
    "bare",  # without the prefix of the base model
    "full",
)


@dataclass
class Proposal:
    """A block for the table.

    model_type: its name there; block: its keys; like: the architecture of the table whose block is the same; remarks:
    what could not be known, in sentences; model: that it was made from, without weights.
    """

    model_type: str
    block: Architecture
    like: str | None
    remarks: list[str]
    model: transformers.PreTrainedModel

    def text(self) -> str:
        """The block as YAML, with the remarks as comments."""
        version = f"knowcost {knowcost.__version__}, transformers {transformers.__version__}"
        lines = [
            f"Proposed from the classes and names of {type(self.model).__name__} ({version}).",
            f"Look at it, then put it at the end of {TABLE}, which says what the keys mean.",
            *self.remarks,
        ]
        keys = [f"  like: {self.like}"] if self.like else list(_yaml(self.block))
        return "\n".join([*(f"# {line}" for line in lines), f"{self.model_type}:", *keys])


def main(folder: str) -> None:
    """Print the proposal for a folder. Raises InputError."""
    print(proposal(Path(folder)).text())


def proposal(folder: Path) -> Proposal:
    """The Proposal for the checkpoint, or the bare config.json, in a folder. No code of a checkpoint's own is run.

    Raises InputError where there is none: transformers has no such model, or none with a head over a vocabulary; it is
    one of text and more; its blocks cannot be told.
    """
    built = build(folder)
    try:
        found = anatomy(built.model)
    except InputError as error:
        raise InputError(f"{folder / 'config.json'}: no block can be proposed: {error}") from None
    model_type = built.model.config.model_type
    known = [f"The table has a block for {model_type} already."] if model_type in architectures() else []
    remarks = [*known, *built.remarks, *_about(found)]
    block = next((b for b in (_Writer(built, found, form).block() for form in FORMS) if _tells(b, found)), None)
    if block is None:
        raise InputError(f"{folder / 'config.json'}: no block can be proposed: no patterns tell its layers apart")
    return Proposal(model_type, block, _same(block, built.model, found), remarks, built.model)


def _about(found: Anatomy) -> Iterator[str]:
    if found.unsure:
        yield (
            f"Neither attention nor feed-forward by class or name, so left as they are: {', '.join(found.unsure)}. "
            "Under `layers`, methods would take them: only where the model calls them as layers."
        )
    if found.left:
        yield f"No two-dimensional weights of layers, so nothing compresses them: {', '.join(found.left)}."


@dataclass(frozen=True)
class _Writer:
    """Writes an Anatomy as a block of the table, with patterns in one of FORMS."""

    built: Built
    found: Anatomy
    form: str

    def block(self) -> Architecture:
        """The block."""
        parts = self.found.parts
        layers: dict[str, list[str]] = {}
        for tags in dict.fromkeys(part.tags for part in parts.values() if part.tags is not None):
            layers |= {pattern: list(tags) for pattern in self._patterns(n for n in parts if parts[n].tags == tags)}
        made = Architecture(
            family=self.built.family,
            blocks=[f"{self._bare(name)}.#" for name in self.found.stacks],
            embedding=self._bare(self.found.embedding),
            final=either(self._bare(self.found.final), self._bare(self.found.head)),
            final_bias=self.found.final_bias,
            layers=dict(sorted(layers.items(), key=lambda row: not row[1])),
            other=self._patterns(name for name in parts if parts[name].tags is None),
            keeps_tie_key=self.built.keeps_tie_key,
            padding_positions=self.built.padding_positions,
            fresh_head=self._fresh_head(),
            transposed=self._patterns(name for name in parts if parts[name].transposed),
            stacked=[re.sub(r"\.#(?=\.[^.]*$)", "", p) for p in self._patterns(n for n in parts if parts[n].stacked)],
        )
        return replace(made, other=[*made.other, *compact(self._strange())])

    def _patterns(self, names: Iterable[str]) -> list[str]:
        return compact(either(self._shown(name), self._shown(self.found.parts[name].module)) for name in names)

    def _bare(self, name: str) -> str:
        """A name without the prefix of the base model, which checkpoints may lack; with it in the form "full"."""
        return name if self.form == "full" else name.removeprefix(f"{self.built.model.base_model_prefix}.")

    def _shown(self, name: str) -> str:
        stack = next((stack for stack in self.found.stacks if name.startswith(f"{stack}.")), "")
        if stack and self.form == "short" and len(self.found.stacks) == 1:
            return f"{stack.rpartition('.')[2]}{name.removeprefix(stack)}"
        return self._bare(name)

    def _strange(self) -> Iterable[str]:
        """What only other heads of the model have, or files."""
        prefix = f"{self.built.model.base_model_prefix}."
        known = {*self.found.parts, *(part.module for part in self.found.parts.values())}
        known = {
            name.removeprefix(prefix) for name in (*known, self.found.final, self.found.head, self.found.embedding)
        }
        return dict.fromkeys(name for each in self.built.others if (name := each.removeprefix(prefix)) not in known)

    def _fresh_head(self) -> dict[str, Any] | None:
        config = self.built.model.config
        key = next((key for key in DEVIATIONS if hasattr(config, key)), None)
        if self.built.family == "encoder" or key is None:
            return None
        return {"key": key, "default": getattr(type(config)(), key)}


def _tells(block: Architecture, found: Anatomy) -> bool:
    """Whether a block says of every name of a model what was found, and nothing else."""
    wanted: dict[str, object] = {
        name: "other" if part.tags is None else part.tags for name, part in found.parts.items()
    }
    wanted |= {part.module: wanted[name] for name, part in found.parts.items()}
    wanted |= {found.final: "final", found.head: "final", found.embedding: "embedding"}
    return all(claims(block, numbered(name)) == [what] for name, what in wanted.items())


def _same(block: Architecture, model: transformers.PreTrainedModel, found: Anatomy) -> str | None:
    """The architecture of the table whose block says the same of this model; None where there is none."""
    wanted = _says(block, model, found)
    others = {name: other for name, other in architectures().items() if name != model.config.model_type}
    return next((name for name, other in others.items() if _says(other, model, found) == wanted), None)


def _says(block: Architecture, model: transformers.PreTrainedModel, found: Anatomy) -> tuple[object, ...]:
    """What a block says of a model, to be compared."""
    modules = [name for name, _ in model.named_modules()]
    modules_of = [part.module for part in found.parts.values()]
    names = [numbered(name) for name in (*found.parts, *modules_of, found.final, found.head, found.embedding)]
    biases = [found.final_bias] if found.final_bias else []
    return (
        block.family,
        block.keeps_tie_key,
        block.padding_positions,
        block.fresh_head,
        block.published_space,
        [[name for name in modules if matches(pattern, name)] for pattern in block.blocks],
        [claims(block, name, grouping) for name in names for grouping in GROUPINGS],
        [name for name in biases if matches(block.final_bias or "", name)] or block.final_bias,
        [name for name in names if _any(block.transposed, name)],
        block.stacked,
    )


def _any(patterns: Sequence[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _yaml(block: Architecture) -> Iterator[str]:
    keys = asdict(block)
    for key in ("layers", "other"):  # last
        keys[key] = keys.pop(key)
    for key, value in keys.items():
        if key == "layers":
            yield "  layers:"
            yield from (f'    "{pattern}": [{", ".join(tags)}]' for pattern, tags in value.items())
        elif isinstance(value, Mapping):
            yield f"  {key}: {{{', '.join(f'{k}: {v}' for k, v in value.items())}}}"
        elif isinstance(value, list) and value:
            quoted = ", ".join(f'"{each}"' for each in value)
            yield f"  {key}: [{quoted}]"
        elif value:
            yield f"  {key}: {_scalar(value)}"


def _scalar(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if value.startswith("{") else value
