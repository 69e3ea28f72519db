"""Every linear layer of a built model as an nn.Linear of its own, as models/layout.py has it among tensors.

transformers holds the experts of a block in parameters of three dimensions, (expert, out, in) or (expert, in, out),
and multiplies with parts of them; nothing that acts on layers, reads what they are given or replaces them can get hold
of one. GPT-2's layers are Conv1D, whose weight is (in, out). `separate` puts layers in their place that compute the
same, to the rounding of sums taken in another order.

The names are those of files after transformers' renamings: "model.layers.0.mlp.experts.3.w1" (Mixtral),
"...experts.3.gate_proj" (Qwen), "...experts.3.gate_up_proj" (gpt-oss, whose files hold no layers by themselves).
"""

import re
from collections.abc import Callable, Iterable

import torch
import transformers
from torch import nn
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter
from transformers.pytorch_utils import Conv1D

from knowcost.common.errors import InputError

_OF_EXPERT = re.compile(r"experts\.\d+\.")


def are_fused(tensors: Iterable[str]) -> bool:
    """Whether transformers puts together some of a checkpoint's layers, by the names of its tensors."""
    return any(_OF_EXPERT.search(name) for name in tensors)


class Experts(nn.ModuleList):
    """The experts of one block, each applied to the tokens that the router sends to it."""

    def forward(self, states: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """states: (tokens, width); chosen, weights: (tokens, k), the experts of each token and what they count."""
        out = torch.zeros_like(states)
        if out.is_meta:  # a trial whether shapes fit; which experts are chosen is not known
            return out + sum(expert(states) for expert in self)
        for number in chosen.unique().tolist():
            token, place = torch.where(chosen == number)
            given = self[number](states[token]) * weights[token, place, None]
            out.index_add_(0, token, given.to(out.dtype))
        return out


class Expert(nn.Module):
    """One expert: its layers under their names in files.

    into, out_of: {name: layer} of those that read what the expert is given, in the order in which `gate` wants their
    outputs side by side, and of the one that reads what `gate` makes of them.
    """

    def __init__(
        self, into: dict[str, nn.Linear], out_of: dict[str, nn.Linear], gate: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        super().__init__()
        self.gate, self.into, (self.out_of,) = gate, list(into), out_of
        for name, layer in (into | out_of).items():
            self.add_module(name, layer)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        made = torch.cat([self.get_submodule(name)(states) for name in self.into], dim=-1)
        return self.get_submodule(self.out_of)(self.gate(made))


def separate(model: transformers.PreTrainedModel) -> transformers.PreTrainedModel:
    """The model itself, every linear layer in it an nn.Linear of its own; on any device, weights are not copied.

    Raises InputError for experts that are built in a way that is not known here.
    """
    converters = [each for each in get_model_conversion_mapping(model) if isinstance(each, WeightConverter)]
    for path, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            model.set_submodule(path, _linear(module.weight.T, module.bias))
        elif hasattr(module, "is_concatenated"):  # which transformers' decorator of experts gives them
            model.set_submodule(path, _separated(module, path, converters))
    return model


def _separated(fused: nn.Module, path: str, converters: Iterable[WeightConverter]) -> Experts:
    if not fused.has_gate or fused.has_post_expert_norm:
        raise InputError(f"{path}: {type(fused).__name__} are experts without a gate, or with a norm; not known here")
    layers = {name: _cut(fused, name, _names(f"{path}.{name}", converters)) for name in ("gate_up_proj", "down_proj")}
    fused._parameters.clear()  # what is left of it computes the gate
    parts = zip(layers["gate_up_proj"], layers["down_proj"], strict=True)
    return Experts(Expert(into, out_of, fused._apply_gate) for into, out_of in parts)


def _names(parameter: str, converters: Iterable[WeightConverter]) -> list[str]:
    """The names of the layers that a parameter of fused experts is made of, in their order."""
    for converter in converters:
        if len(converter.target_patterns) == 1 and parameter.endswith(converter.target_patterns[0]):
            return [pattern.removesuffix(".weight").rpartition("*.")[2] for pattern in converter.source_patterns]
    return [parameter.rpartition(".")[2]]


def _cut(fused: nn.Module, name: str, names: list[str]) -> list[dict[str, nn.Linear]]:
    """[{name of a layer: nn.Linear} of each expert] of one of the parameters of fused experts."""
    weights, biases = getattr(fused, name), getattr(fused, f"{name}_bias", None)
    made = []
    for number, weight in enumerate(weights.unbind()):
        matrix = weight.T if fused.is_transposed else weight
        bias = [None] * len(names) if biases is None else biases[number].chunk(len(names))
        made.append({each: _linear(*of) for each, *of in zip(names, matrix.chunk(len(names)), bias, strict=True)})
    return made


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    out, width = weight.shape
    layer = nn.Linear(width, out, bias=bias is not None, device="meta", dtype=weight.dtype)
    for name, value in {"weight": weight, "bias": bias}.items():
        if value is not None:
            setattr(layer, name, nn.Parameter(value.detach(), requires_grad=False))
    return layer.eval()
