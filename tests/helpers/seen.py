"""What linear layers read in an ordinary forward pass of transformers' own model, taken by plain hooks. Tests only."""

from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers.pytorch_utils import Conv1D


@dataclass
class Seen:
    """How many tokens reached a layer, and the sum of x x^T over them, in float64."""

    tokens: int = 0
    moments: torch.Tensor | float = 0.0

    def add(self, inputs):
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).double()
        self.tokens += len(rows)
        self.moments = self.moments + rows.T @ rows


def inputs_of(model, ids):
    """What the model is called with for windows of text: an encoder-decoder continues the first half of each."""
    if not model.config.is_encoder_decoder:
        return {"input_ids": ids}
    half = ids.shape[1] // 2
    starts = torch.full((len(ids), 1), model.config.decoder_start_token_id)
    return {"input_ids": ids[:, :half], "decoder_input_ids": torch.cat([starts, ids[:, half:-1]], 1)}


def seen(model, ids, at_once=2):
    """{path: Seen} of every linear layer; of experts that transformers keeps in one parameter, {path.number.into} for
    what reads the expert's tokens and {path.number.out}."""
    found = {}
    hooks = []
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | Conv1D):
            hooks.append(module.register_forward_pre_hook(lambda _, args, p=path: _add(found, p, args[0])))
        elif getattr(module, "gate_up_proj", None) is not None and hasattr(module, "num_experts"):
            hooks.append(module.register_forward_pre_hook(lambda m, args, p=path: _of_experts(found, m, p, *args)))
    with torch.no_grad():
        for first in range(0, len(ids), at_once):
            model(**inputs_of(model, ids[first : first + at_once]))
    for hook in hooks:
        hook.remove()
    return found


def _add(found, path, inputs):
    found.setdefault(path, Seen()).add(inputs)


def _of_experts(found, module, path, states, chosen, _weights):
    """By transformers' documented layout: gate_up_proj (expert, out, in), gpt-oss's (expert, in, out) and a bias."""
    if not isinstance(module.gate_up_proj, torch.nn.Parameter):
        return
    for number in range(module.num_experts):
        given = states[(chosen == number).any(dim=-1)]
        weight = module.gate_up_proj[number]
        weight = weight.T if module.is_transposed else weight
        bias = module.gate_up_proj_bias[number] if module.has_bias else None
        _add(found, f"{path}.{number}.into", given)
        _add(found, f"{path}.{number}.out", module._apply_gate(functional.linear(given, weight, bias)))
