"""Virtual tokens in front of a model's input: a trained prompt or prefix, put back as hooks.

The model stays the transformers model that it was. It takes the same inputs, generates as before, and its logits are
those of the input's own positions. What a decoder computes of its virtual tokens, their keys and values, depends on
nothing else, so it is computed once; a forward pre-hook puts it into the cache of every pass that begins a text.
"""

import copy
import functools
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from transformers import DynamicCache

_Arguments = tuple[tuple[Any, ...], dict[str, Any]]  # of a forward pass


def put_prompt(model: transformers.PreTrainedModel, folder: Path) -> None:
    """Put a stored prompt in front of a decoder's input, or of that of an encoder-decoder's encoder."""
    stored = _stored(model, folder)
    count = stored.active_peft_config.num_virtual_tokens
    with torch.no_grad():
        prompt = stored.get_prompt(1)[:, :count].to(model.get_input_embeddings().weight)  # T5's has as many unused rows
        if model.config.is_encoder_decoder:
            _before_encoder(model, prompt)
            return
        cache = DynamicCache(config=model.config)
        model(inputs_embeds=prompt, past_key_values=cache, use_cache=True)
    model.register_forward_pre_hook(_Virtual(cache, count), with_kwargs=True)


def put_prefix(model: transformers.PreTrainedModel, folder: Path) -> None:
    """Put a stored prefix in front of the keys and values of a decoder's layers."""
    stored = _stored(model, folder)
    with torch.no_grad():
        cache = stored.get_prompt(1)
    model.register_forward_pre_hook(_Virtual(cache, cache.get_seq_length()), with_kwargs=True)


def _stored(model: transformers.PreTrainedModel, folder: Path) -> peft.PeftModel:
    """What PEFT makes of an adapter of virtual tokens; it leaves the model itself as it was."""
    stored = peft.PeftModel.from_pretrained(model, folder)
    model.eval()
    return stored


@dataclass(frozen=True)
class _Virtual:
    """A forward pre-hook that puts virtual tokens before a text. cache: their keys and values, of one text."""

    cache: DynamicCache
    count: int

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Arguments:
        given = _named(module, args, kwargs)
        past = given.get("past_key_values")
        if past is None or not past.get_seq_length():
            read = next(given[name] for name in ("input_ids", "inputs_embeds") if given.get(name) is not None)
            given["past_key_values"] = _begun(self.cache, len(read), grows=given.get("use_cache") is not False)
        given["attention_mask"] = _widened(given.get("attention_mask"), self.count)
        if given.get("position_ids") is not None:
            given["position_ids"] = given["position_ids"] + self.count
        return (), given


def _begun(cache: DynamicCache, batch: int, grows: bool) -> DynamicCache:
    """A cache that begins with that of one text, for so many of them. Where none is wanted for later steps, one that
    does not grow: for a batch of a 7B model the keys and values would take gigabytes."""
    begun = copy.copy(cache)
    begun.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in begun.layers:
        layer.keys, layer.values = (each.expand(batch, -1, -1, -1) for each in (layer.keys, layer.values))
        if not grows:
            layer.update = functools.partial(_beside, layer)
    return begun


def _beside(layer: Any, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, ...]:
    """What a layer's `update` gives, the layer itself unchanged."""
    return torch.cat([layer.keys, keys], -2), torch.cat([layer.values, values], -2)


def _before_encoder(model: transformers.PreTrainedModel, prompt: torch.Tensor) -> None:
    """Hooks that put a prompt's embeddings before the input of an encoder-decoder's encoder. A model that generates
    calls its encoder by itself, and then goes on with the encoder's output and the mask of the input alone."""
    count = prompt.shape[1]

    def widen(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Arguments:
        given = _named(module, args, kwargs)
        given["attention_mask"] = _widened(given.get("attention_mask"), count)
        return (), given

    def prepend(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Arguments:
        given = _named(module, args, kwargs)
        embedded, mask = given.get("inputs_embeds"), given.get("attention_mask")
        if embedded is None:
            embedded = module.get_input_embeddings()(given.pop("input_ids"))
        if mask is not None and mask.shape[1] == embedded.shape[1]:  # else the model's own hook was there
            given["attention_mask"] = _widened(mask, count)
        before = prompt.to(embedded).expand(len(embedded), -1, -1)
        given["inputs_embeds"] = torch.cat([before, embedded], dim=1)
        return (), given

    model.register_forward_pre_hook(widen, with_kwargs=True)
    model.get_encoder().register_forward_pre_hook(prepend, with_kwargs=True)


def _named(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a forward pass, all by name."""
    return dict(zip(inspect.signature(module.forward).parameters, args, strict=False)) | kwargs


def _widened(mask: torch.Tensor | None, count: int) -> torch.Tensor | None:
    """An attention mask with so many more tokens in front, all seen. None, everything seen, stays None."""
    return None if mask is None else torch.cat([mask.new_ones(len(mask), count), mask], dim=1)
