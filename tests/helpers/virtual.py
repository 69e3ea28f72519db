"""Adapters as peft stores them, random, and what transformers alone says with a prompt before its input. For tests."""

import copy
from types import SimpleNamespace

import peft
import torch

from knowcost.recover.adapters import TASKS, cache_of
from knowcost.spec.architectures import family_of


def stored(model, config, folder, seed=3):
    """Store an adapter of a peft config, its numbers random, beside a model that stays as it is."""
    torch.manual_seed(seed)
    made = peft.get_peft_model(copy.deepcopy(model), config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.5)
    made.save_pretrained(folder)


def virtual(model, kind, folder, count=5):
    """Store a `prompt` or a `prefix` of so many virtual tokens."""
    config, shapes = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}[kind], cache_of(model)
    heads, width = shapes[0]
    embedding = model.get_input_embeddings().weight.shape[1]
    sizes = {"num_layers": len(shapes), "num_attention_heads": heads}
    sizes["token_dim"] = embedding if kind == "prompt" else heads * width
    task = TASKS[family_of(model.config.model_type)]
    stored(model, config(task_type=task, num_virtual_tokens=count, **sizes), folder)


def by_peft(model, folder):
    """What plain peft makes of a copy of a model and a stored adapter."""
    return peft.PeftModel.from_pretrained(copy.deepcopy(model), folder).eval()


class Prepended:
    """A copy of a model that reads a stored prompt's embeddings, put in front of the input's by torch.cat, and gives
    the logits of the input alone."""

    def __init__(self, model, folder):
        self.model, self.config = copy.deepcopy(model), model.config
        wrapped = by_peft(model, folder)
        count = wrapped.active_peft_config.num_virtual_tokens
        self.prompt = wrapped.prompt_encoder["default"].embedding.weight.detach()[:count]

    def __call__(self, ids=None, input_ids=None, decoder_input_ids=None):
        ids = input_ids if ids is None else ids
        prompt = self.prompt.expand(len(ids), -1, -1)
        embedded = torch.cat([prompt, self.model.get_input_embeddings()(ids)], dim=1)
        with torch.no_grad():
            if decoder_input_ids is not None:
                return self.model(inputs_embeds=embedded, decoder_input_ids=decoder_input_ids)
            return SimpleNamespace(logits=self.model(inputs_embeds=embedded).logits[:, len(self.prompt) :])
