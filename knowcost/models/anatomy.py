"""What a model is made of, by the classes and names of its modules: what architectures.yaml would say of it.

Needs no block of that table: this is how one is found for an architecture that has none (fetch/propose.py). The classes
are transformers', whose words are few: attention lies in modules that are called so, and what else stands in a block is
its feed-forward part.
"""

import re
from dataclasses import dataclass, field

import torch
import transformers
from torch import nn
from transformers.core_model_loading import revert_weight_conversion
from transformers.pytorch_utils import Conv1D

from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.models.names import tied
from knowcost.spec.patterns import unnumbered

_ATTENTION = re.compile(r"attention|attn", re.IGNORECASE)
_CROSS = re.compile(r"cross|encdec|encoder_attn|encoder_attention", re.IGNORECASE)
_NEITHER = re.compile(  # what mixes tokens without attention, or stands beside both parts
    "[Mm]amba|SSM|[Mm]ixer|[Cc]onv|[Rr]ecurrent|Delta|[Bb]ottleneck|[Aa]dapter|per_layer|altup|laurel"
)


@dataclass(frozen=True)
class Part:
    """A layer's weight, or those that differ in nothing but numbers.

    module: what the model calls it, each expert a layer of its own (models/experts.py); tags: its scopes, () for none
    but `overall`, None for `other`; transposed: it lies in files as (in, out); stacked: as one tensor for all experts.
    """

    module: str
    tags: tuple[str, ...] | None = None
    transposed: bool = False
    stacked: bool = False


@dataclass
class Anatomy:
    """What a model is made of. Names are those on disk, without ".weight" and with # for numbers.

    stacks: the lists of its blocks, in running order; head: what the model calls the final layer; parts: {name: Part},
    without final layer and embedding; left: weights that are no matrix of a layer; unsure: those of blocks that are
    neither attention nor feed-forward by class or name.
    """

    stacks: list[str]
    embedding: str
    final: str
    head: str
    final_bias: str | None
    parts: dict[str, Part] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)


def anatomy(model: transformers.PreTrainedModel) -> Anatomy:
    """The Anatomy of a model, on any device.

    Raises InputError where it has no head over a vocabulary, or no blocks that hold attention and a feed-forward part.
    """
    head = _name_of(model, model.get_output_embeddings(), "layer that maps to the vocabulary")
    embedding = _name_of(model, model.get_input_embeddings(), "input embedding")
    _check_head(model, head, embedding)
    stacks = _in_running_order(model, _stacks(model))
    shared = {name: group[0] for group in tied(model) for name in group[1:]}
    origin = shared.get(f"{embedding}.weight", "").removesuffix(".weight")
    if origin not in ("", head):
        embedding = origin
    found = Anatomy(
        [unnumbered(name) for name in stacks],
        _module(model, embedding),
        _module(model, head),
        head,
        shared.get(f"{head}.bias"),
    )
    for name, value in kinds(model.state_dict(keep_vars=True)).items():
        if value.dim() > 1 and name not in (f"{head}.weight", f"{embedding}.weight") and not name.endswith("bias"):
            _add(found, model, (name, value), list(stacks))
    _check_parts(found, type(model).__name__)
    return found


def kinds(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The first of each kind of parameter; those of one kind differ in nothing but numbers."""
    firsts: dict[str, str] = {}
    for name in values:
        firsts.setdefault(unnumbered(name), name)
    return {name: values[name] for name in firsts.values()}


def on_disk(model: transformers.PreTrainedModel, name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """{name in a checkpoint: its tensor} of a parameter: several where transformers fuses them when it loads."""
    try:
        return revert_weight_conversion(model, {name: value.detach()})
    except Exception:  # one that is cut out of a tensor together with others: it keeps its own name
        return {name: value}


def _module(model: transformers.PreTrainedModel, name: str) -> str:
    """The name in a checkpoint of a module that has a weight."""
    weight = model.get_submodule(name).weight
    return next(iter(on_disk(model, f"{name}.weight", weight))).removesuffix(".weight")


def _name_of(model: transformers.PreTrainedModel, module: nn.Module | None, what: str) -> str:
    for name, each in model.named_modules():
        if each is module and isinstance(getattr(each, "weight", None), torch.Tensor):
            return name
    raise InputError(f"{type(model).__name__} has no {what} that is a layer of its own")


def _check_head(model: transformers.PreTrainedModel, head: str, embedding: str) -> None:
    """Raise InputError for a head that is only a step on the way, as DeBERTa's newer one, whose logits are products of
    the embedding itself.
    """
    rows = model.get_submodule(embedding).weight.shape[0]
    if (given := model.get_submodule(head).weight.shape[0]) not in (rows, model.config.get_text_config().vocab_size):
        raise InputError(
            f"{type(model).__name__} has no final layer of its own: {head} gives {given:,} numbers, for {rows:,} tokens"
        )


def _stacks(model: transformers.PreTrainedModel) -> dict[str, nn.ModuleList]:
    """{name: list of blocks}: the outermost lists in which some module holds attention and more."""
    found: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and not inside and any(_is_block(model, each) for each in module):
            found[name] = module
    if not found:
        raise InputError(
            f"{type(model).__name__} has no list of modules of which each holds attention and a feed-forward part, so "
            "its blocks cannot be told"
        )
    return found


def _is_block(model: transformers.PreTrainedModel, module: nn.Module) -> bool:
    if isinstance(module, nn.ModuleList):
        return False
    weights = [name for name, value in module.named_parameters() if value.dim() > 1]
    inside = [name for name in weights if _ATTENTION.search(_path(model, module, name))]
    return 0 < len(inside) < len(weights)


def _path(model: transformers.PreTrainedModel, block: nn.Module, name: str) -> str:
    """What says of a parameter of a block what it is for: names and classes of the modules around it.

    The architecture's name is taken from the front of classes: "ConvBert" says nothing of a layer.
    """
    owner, _, _ = name.rpartition(".")
    parts = owner.split(".") if owner else []
    around = [type(block.get_submodule(".".join(parts[:end]))).__name__ for end in range(1, len(parts))]
    of = type(model.config).__name__.removesuffix("Config")
    return " ".join([*parts, *(each.removeprefix(of) for each in around)])


def _in_running_order(
    model: transformers.PreTrainedModel, stacks: dict[str, nn.ModuleList]
) -> dict[str, nn.ModuleList]:
    called: list[str] = []
    hooks = [
        blocks[0].register_forward_pre_hook(lambda *_, name=name: called.append(name))
        for name, blocks in stacks.items()
    ]
    ids = torch.zeros(1, 3, dtype=torch.int64, device=model.device)
    try:
        with torch.no_grad():
            model(input_ids=ids, **{"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})
    except Exception:  # some look at values, which a model without weights has not: as they are registered, then
        called.clear()
    for hook in hooks:
        hook.remove()
    return {name: stacks[name] for name in dict.fromkeys([*called, *stacks])}


def _add(
    found: Anatomy, model: transformers.PreTrainedModel, parameter: tuple[str, torch.Tensor], stacks: list[str]
) -> None:
    """Add what a parameter (name, value) is on disk to the parts of an Anatomy, or to what is left."""
    name = parameter[0]
    owner_name, _, leaf = name.rpartition(".")
    owner = model.get_submodule(owner_name)
    tags, sure = _tags(model, name, stacks)
    for stored, value in on_disk(model, *parameter).items():
        kind = unnumbered(stored).removesuffix(".weight")
        module = unnumbered(owner_name)
        stacked = value.dim() == 3 and leaf != "weight" and getattr(owner, "is_transposed", False)
        if stacked:
            kind = f"{kind.rpartition('.')[0]}.#.{leaf}"
        if stacked or leaf != "weight":  # of fused experts
            module = f"{module}.#.{kind.rpartition('.')[2]}"
        if stacked or (stored.endswith(".weight") and value.dim() == 2):
            _check_alone(found, kind, module)
            found.parts[kind] = Part(module, tags, isinstance(owner, Conv1D), stacked)
            found.unsure += [] if sure else [kind]
        else:
            found.left.append(kind)


def _check_alone(found: Anatomy, kind: str, module: str) -> None:
    other = found.parts.get(kind)
    if other and other.module != module:
        raise InputError(f"checkpoints hold {kind} in the place of {other.module} and {module}: files and model differ")


def _tags(model: transformers.PreTrainedModel, name: str, stacks: list[str]) -> tuple[tuple[str, ...] | None, bool]:
    """(the scopes of a parameter, None for `other`; whether that is sure)."""
    owner = model.get_submodule(name.rpartition(".")[0])
    stack = next((number for number, stack in enumerate(stacks) if name.startswith(f"{stack}.")), None)
    if isinstance(owner, nn.Embedding) or "Norm" in type(owner).__name__:
        return None, True
    if stack is None:
        passed = isinstance(owner, nn.Linear | Conv1D) and "pooler" not in name
        return () if passed else None, True
    block, _, inside = name.removeprefix(f"{stacks[stack]}.").partition(".")
    path = _path(model, model.get_submodule(f"{stacks[stack]}.{block}"), inside)
    if _chooses(model.config, owner, path):
        return None, True
    if _NEITHER.search(path):
        return None, False
    if not _ATTENTION.search(path):
        return ("feed_forward",), True
    if not model.config.is_encoder_decoder:
        return ("attention",), True
    side = "decoder_attention" if stack else "encoder_attention"
    return ("attention", "cross_attention" if _CROSS.search(path) else "self_attention", side), True


def _chooses(config: transformers.PreTrainedConfig, owner: nn.Module, path: str) -> bool:
    """Whether a module chooses among experts."""
    named = re.search(r"router|(?:^|[._ ])(?:\w+_)?gate(?: |$)", f"{path} {type(owner).__name__}", re.IGNORECASE)
    experts = {value for key, value in config.to_dict().items() if "expert" in key and type(value) is int}
    return bool(named and experts) and len(owner.weight) in {1, *experts}


def _check_parts(found: Anatomy, name: str) -> None:
    scopes = {tag for part in found.parts.values() for tag in part.tags or ()}
    for scope in ("attention", "feed_forward"):
        if scope not in scopes:
            others = f"; it has {some(found.unsure + found.left)}" if found.unsure + found.left else ""
            raise InputError(
                f"{name}: no two-dimensional weight of its blocks is {scope.replace('_', '-')} by class or name{others}"
            )
