"""What torch and transformers alone say of a model: nothing of it comes from the project. For tests only."""

import copy

import torch
from torch.nn.utils import prune
from transformers.pytorch_utils import Conv1D

from helpers.seen import inputs_of

LINEAR = (torch.nn.Linear, Conv1D)


def layers(model):
    """{"attention", "feed_forward", "overall": [(module, name of its weight)]} by the names of transformers' classes.

    overall: every linear layer but the head and what chooses experts; the other two are those of it in the blocks.
    """
    found = {"attention": [], "feed_forward": [], "overall": []}
    head = model.get_output_embeddings()
    for path, module in model.named_modules():
        weights = [name for name, p in module._parameters.items() if p is not None and p.dim() == 3]
        weights += ["weight"] if isinstance(module, LINEAR) and module is not head and not _chooses(path) else []
        parts = path.split(".")
        owners = [type(model.get_submodule(".".join(parts[:end]))).__name__ for end in range(1, len(parts) + 1)]
        scope = "attention" if any("Attention" in owner for owner in owners) else "feed_forward"
        if "Conv1d" not in owners[-1]:
            found["overall"] += [(module, name) for name in weights]
            found[scope] += [(module, name) for name in weights if any(part.isdigit() for part in parts)]
    return found


def _chooses(path):
    return path.endswith((".mlp.gate", ".router", ".shared_expert_gate"))


def pruned(model, scope, amount):
    """A copy of a model with so much of a scope zero, the smallest of all its weights together, by torch."""
    other = copy.deepcopy(model)
    prune.global_unstructured(layers(other)[scope], prune.L1Unstructured, amount=amount)
    return other


def untied(model):
    """(a copy of a model whose head has a weight of its own, that head)."""
    other = copy.deepcopy(model)
    head = other.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    return other, head


def quantized(model):
    """A copy of a model in int8 by torch, all linear layers and the head.

    torch takes nn.Linear alone: classes derived from it are made into one first.
    """
    other = copy.deepcopy(model)
    taken = []
    for path, module in list(other.named_modules()):
        if isinstance(module, torch.nn.Linear) and not _chooses(path):
            parent, _, child = path.rpartition(".")
            setattr(other.get_submodule(parent), child, _linear(module))
            taken.append(path)
    config = torch.ao.quantization.default_dynamic_qconfig
    return torch.ao.quantization.quantize_dynamic(other, dict.fromkeys(taken, config), torch.qint8)


def _linear(module):
    if type(module) is torch.nn.Linear:
        return module
    linear = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
    linear.weight, linear.bias = module.weight, module.bias
    return linear


def inputs(model, ids):
    """{path: all rows that a linear layer reads} of windows, in the order in which layers are first called."""
    rows = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, args, path=path: rows.setdefault(path, []).append(args[0].reshape(-1, args[0].shape[-1]))
        )
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and not _chooses(path)
    ]
    with torch.no_grad():
        model(**inputs_of(model, ids))
    for hook in hooks:
        hook.remove()
    return {path: torch.cat(parts) for path, parts in rows.items()}
