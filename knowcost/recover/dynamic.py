"""Inference-time dynamic prompting (Hoang et al. 2024, section 3.1.1): several prompts are there, the model attends to
one of them.

The keys and values of every prompt are computed once, alone, so that none sees another. They stand side by side in
front of those of whatever is read, in transformers' attention interface; the arithmetic stays the architecture's own
eager one, with its grouped heads, soft caps and sinks. A prompt ends where the input begins: with N tokens in the
longest, prompt i takes the positions N - n_i to N - 1 and the input starts at N. So, where positions are relative, what
is masked leaves what the chosen prompt alone would give.

What the paper leaves open is decided so. Attention is taken behind the softmax, over all prompts and what of the input
a token sees; it is averaged over the heads, over the tokens of the context, and over the prompt's own tokens, since the
longer one would win a sum. Of equal prompts the first is taken. The context is what engines say it is (`reading`), and
all of the input otherwise; answers that are scored have no say.

Learned positions cannot be shifted. There a prompt keeps those that it was trained at, from 0, and the input begins
behind the prompt that was chosen, or, where every layer chooses for itself, behind the longest: then a shorter prompt
is not quite what it is alone.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.spec import scopes

INTERFACE = "dynamic_prompts"  # its name among transformers' attention functions
_States = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # queries, keys and values of a layer
_HELD = "knowcost_dynamic"  # attribute of a model and of its attention layers: their Dynamic


@dataclass
class _Input:
    """What is being read. places: int64 (batch, tokens), of each token in its row, without prompts; context: bool
    likewise; offset: int64 (1 or batch, 1), where rows begin; chosen: {layer: int64 (batch)}. end: behind all contexts.
    """

    places: torch.Tensor
    context: torch.Tensor
    offset: torch.Tensor
    end: int
    chosen: dict[torch.nn.Module, torch.Tensor] = field(default_factory=dict)


def of(model: PreTrainedModel) -> Dynamic | None:
    """What chooses among a model's prompts; None for a model without."""
    return getattr(model, _HELD, None)


class Dynamic:
    """Makes a decoder attend to the one of several prompts that its context attends to most. Changes it in place.

    prompts: float (n_i, width) each, as PEFT's prompt tuning puts them in front of the embedded input. per_layer:
    every layer chooses for itself; else one choice holds for all, by the mean over the layers, in a pass of its own
    over the context.

    Raises InputError for a model whose attention cannot be reached so.
    """

    def __init__(self, model: PreTrainedModel, prompts: Sequence[torch.Tensor], per_layer: bool) -> None:
        self.lengths = [len(prompt) for prompt in prompts]
        self._per_layer = per_layer
        # models without rotary positions (or slopes, which come without this interface) have learned ones
        self._learned = not any("rotary" in name for name, _ in model.named_modules())
        self._told: Sequence[int] | None = None
        self._recorded: dict[torch.nn.Module, tuple[torch.Tensor, torch.Tensor]] | None = None
        self._looking: list[torch.Tensor] | None = None
        self._input: _Input | None = None
        self._held: dict[torch.nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}
        self._attach(model)
        self._hold(model, prompts)
        model.register_forward_pre_hook(self._before, with_kwargs=True)

    @property
    def cached(self) -> int:
        """How many numbers the prompts' keys and values are."""
        return sum(key.numel() + value.numel() for key, value in self._held.values())

    @property
    def longest(self) -> int:
        """The positions that it takes."""
        return max(self.lengths)

    @contextlib.contextmanager
    def reading(self, contexts: Sequence[int]) -> Iterator[None]:
        """Inside, the rows of what is read are so many tokens of context, and then answers that have no say."""
        self._told = contexts
        try:
            yield
        finally:
            self._told = None

    def chosen(self) -> list[list[int]]:
        """For each row of what was read last, the length of the chosen prompt: in every layer, or one for all."""
        if self._input is None:
            raise BrokenPromise("dynamic prompts: nothing was read yet")
        layers = list(self._input.chosen.values())[: None if self._per_layer else 1]
        return [
            [self.lengths[prompt] for prompt in row] for row in zip(*(each.tolist() for each in layers), strict=True)
        ]

    def _attach(self, model: PreTrainedModel) -> None:
        ALL_ATTENTION_FUNCTIONS.register(INTERFACE, _attend)
        ALL_MASK_ATTENTION_FUNCTIONS.register(INTERFACE, eager_mask)
        model.set_attn_implementation(INTERFACE)
        for module in model.modules():
            setattr(module, _HELD, self)

    @torch.no_grad()
    def _hold(self, model: PreTrainedModel, prompts: Sequence[torch.Tensor]) -> None:
        """Compute every layer's keys and values of the prompts, each alone."""
        weight = model.get_input_embeddings().weight
        found = []
        for prompt in prompts:
            self._recorded = {}
            start = 0 if self._learned else self.longest - len(prompt)
            places = torch.arange(start, start + len(prompt), device=weight.device)[None]
            embedded = prompt.to(weight.device, weight.dtype)[None]
            model.base_model(inputs_embeds=embedded, position_ids=places, use_cache=False)
            found.append(self._recorded)
        self._recorded = None
        expected = len(scopes.blocks(model.config.model_type, dict(model.named_modules())))
        if len(found[0]) != expected:
            raise InputError(
                f"{type(model).__name__}: {len(found[0])} of {expected} blocks attend through transformers' attention "
                "interface, without which prompts cannot be chosen dynamically; leave dynamic_prompt out for this model"
            )
        for layer in found[0]:
            keys, values = zip(*(each[layer] for each in found), strict=True)
            self._held[layer] = torch.cat(keys, dim=2), torch.cat(values, dim=2)

    def _before(self, model: PreTrainedModel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """A hook: what the model is called with, with the positions of what comes behind prompts."""
        kwargs = kwargs | ({"input_ids": args[0]} if args else {})
        past = kwargs.get("past_key_values")
        seen = past.get_seq_length() if past is not None else 0
        places, present = _places(kwargs, seen)
        if not seen:
            context = present
            if self._told is not None:
                context = present & (places < torch.tensor(self._told, device=places.device)[:, None])
            start = torch.full((1, 1), self.longest, device=places.device)
            self._input = _Input(places, context, start, int(context.any(0).nonzero().max()) + 1)
            if not self._per_layer:
                self._look(model, kwargs, self._input)
        elif self._input is None or len(self._input.context) != len(places):
            raise BrokenPromise("dynamic prompts: a text goes on of which no beginning was read")
        self._input.places = places
        return args[1:], kwargs | {"position_ids": places + self._input.offset}

    def _look(self, model: PreTrainedModel, kwargs: dict[str, Any], read: _Input) -> None:
        """Let the context see all prompts, and choose for all layers."""
        given = {name: kwargs[name][:, : read.end] for name in ("input_ids", "inputs_embeds", "attention_mask")
                 if kwargs.get(name) is not None}  # fmt: skip
        places, context = read.places, read.context
        read.places, read.context = places[:, : read.end], context[:, : read.end]
        self._looking = []
        model.base_model(**given, position_ids=read.places + read.offset, use_cache=False)
        means, self._looking = torch.stack(self._looking).mean(0), None
        read.places, read.context = places, context
        choice = _first_of_most(means)
        read.chosen = dict.fromkeys(self._held, choice)
        if self._learned:
            read.offset = torch.tensor(self.lengths, device=choice.device)[choice][:, None].to(places.device)

    def attend(
        self, layer: torch.nn.Module, states: _States, mask: torch.Tensor | None, kwargs: dict[str, Any]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a layer's attention gives, and its weights over the input alone."""
        query, key, value = states
        eager = sys.modules[type(layer).__module__].eager_attention_forward
        if self._recorded is not None:
            self._recorded[layer] = key, value
            return eager(layer, query, key, value, mask, **kwargs)
        read, rows = self._input, len(query)
        if read is None:
            raise BrokenPromise("dynamic prompts: the model was not called by its own name, so positions are not known")
        keys, values = (each.expand(rows, -1, -1, -1) for each in self._held[layer])
        key, value = torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2)
        window = kwargs.get("sliding_window")
        if mask is None:
            mask = query.new_zeros(rows, 1, query.shape[2], key.shape[2] - keys.shape[2])

        def over(visible: torch.Tensor, end: int) -> tuple[torch.Tensor, torch.Tensor]:
            seen = self._mask(visible.to(mask.device), read.places[:, :end].to(mask.device), window, mask.dtype)
            whole = torch.cat([seen, mask.expand(rows, -1, -1, -1)[:, :, :end]], dim=-1)
            return eager(layer, query[:, :, :end], key, value, whole, **kwargs)

        every = torch.ones(rows, len(self.lengths), dtype=torch.bool)
        if self._looking is not None:
            output, weights = over(every, read.end)
            self._looking.append(self._means(weights, read.context.to(weights.device)).to(read.context.device))
            return output, weights
        if layer not in read.chosen:
            weights = over(every, read.end)[1]
            read.chosen[layer] = _first_of_most(self._means(weights, read.context[:, : read.end].to(weights.device)))
            del weights  # as large as those to come
        chosen = torch.nn.functional.one_hot(read.chosen[layer], len(self.lengths)).bool()
        output, weights = over(chosen, query.shape[2])
        return output, weights[..., keys.shape[2] :]

    def _means(self, weights: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """float32 (batch, prompts): the attention that a token of the context has for one of a prompt, on average.

        weights: (batch, heads, tokens, prompts' and input's tokens).
        """
        over = weights[..., : sum(self.lengths)].float().mean(1)
        over = (over * context[..., None]).sum(1) / context.sum(1, keepdim=True)
        return torch.stack([part.mean(1) for part in over.split(self.lengths, dim=1)], dim=1)

    def _mask(
        self, visible: torch.Tensor, places: torch.Tensor, window: int | None, dtype: torch.dtype
    ) -> torch.Tensor:
        """(batch, 1, tokens, prompts' tokens): zero where a token sees one of a prompt. visible: bool (batch, prompts).
        window: how many tokens a layer looks back, itself included; None for all."""
        device = visible.device
        seen = visible.repeat_interleave(torch.tensor(self.lengths, device=device), dim=1)[:, None]
        seen = seen.expand(-1, places.shape[1], -1)
        if window is not None:
            back = torch.cat([torch.arange(length, 0, -1, device=device) for length in self.lengths])
            seen = seen & (places[..., None] + back < window)
        return torch.where(seen, 0.0, torch.finfo(dtype).min)[:, None].to(dtype)


def _attend(
    module: torch.nn.Module, *states: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The function that transformers calls with queries, keys, values and the mask."""
    query, key, value, *mask = states
    held: Dynamic = getattr(module, _HELD)
    return held.attend(module, (query, key, value), mask[0] if mask else attention_mask, kwargs)


def _places(kwargs: dict[str, Any], seen: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(int64, bool), each (batch, tokens): where each token stands in its row, counted without padding; whether it is
    none. seen: tokens that came before."""
    given = kwargs["input_ids"] if kwargs.get("input_ids") is not None else kwargs["inputs_embeds"]
    rows, width = given.shape[:2]
    mask = kwargs.get("attention_mask")
    if mask is not None:
        return (mask.long().cumsum(1) - 1).clamp(min=0)[:, -width:], mask[:, -width:].bool()
    places = torch.arange(seen, seen + width, device=given.device).expand(rows, -1)
    return places, torch.ones_like(places, dtype=torch.bool)


def _first_of_most(means: torch.Tensor) -> torch.Tensor:
    """int64 (batch): the first of the columns with the largest number; where a model computes NaN, the first of all."""
    means = means.nan_to_num(0.0)
    order = torch.arange(means.shape[1], device=means.device)
    return torch.where(means == means.amax(1, keepdim=True), order, means.shape[1]).amin(1)
