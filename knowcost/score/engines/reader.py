"""Passes of a model that go on from what it has read: the keys and values of a stem serve all its tails.

Stems that are read together are padded on the left, so that nothing lies between a stem and its tail: relative
positions, sliding windows and slopes see what they see without padding. Where a model cannot be told each token's
position, or virtual tokens would be parted from the text, they are of one length.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import EncoderDecoderCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from knowcost.common.errors import BrokenPromise
from knowcost.score.engines.passes import keeps_last, padded, placed
from knowcost.score.engines.sharing import Tokens


@dataclass(frozen=True)
class State:
    """What a model has read of some stems.

    logits: (stems, keep, vocabulary), of the last tokens; cache: transformers', None if nobody goes on; lengths: int64
    (stems), tokens so far; width: the most of them; seen: int64 (stems, width), where there are any, or None if
    everywhere; encoded: what an encoder-decoder's encoder made of its input, of which `seen` speaks then.
    """

    logits: torch.Tensor
    cache: Any
    lengths: torch.Tensor
    width: int
    seen: Any
    encoded: Any = None


class DecoderReader:
    """Reads with a decoder. virtual: whether virtual tokens are before what it reads; one_length: whether stems that
    are read together have to be of one length."""

    def __init__(self, model: PreTrainedModel, virtual: bool = False) -> None:
        self._model, self._placed, self._keeps = model, placed(model), keeps_last(model)
        self.one_length = virtual or not self._placed

    def read(self, stems: Sequence[Tokens], keep: int, cached: bool, before: State | None = None) -> State:
        """The State of stems. keep: of so many last tokens logits are kept; cached: whether somebody goes on; before:
        the State of one beginning, behind which they follow, all of one length then."""
        ids, here = padded(stems, left=True)
        ids, seen = ids.to(self._model.device), None if here.all() else here.to(self._model.device)
        start = 0 if before is None else int(before.lengths)
        positions = torch.arange(ids.shape[1], device=ids.device)[None] + start
        if seen is not None:
            positions = (seen.cumsum(1) - 1).clamp(min=0)
        given = {"attention_mask": seen, "use_cache": cached, **self._place(positions, len(ids))}
        if before is not None:
            given |= {"past_key_values": _selected(before.cache, [0] * len(ids)), "use_cache": True}
        found = self._model(input_ids=ids, **given, **({"logits_to_keep": keep} if self._keeps else {}))
        cache = _cache(found) if cached else None
        lengths = torch.tensor([start + len(stem) for stem in stems])
        return State(found.logits[:, -keep:], cache, lengths, start + ids.shape[1], seen)

    def go_on(self, state: State, rows: Sequence[int], tails: Sequence[Tokens]) -> torch.Tensor:
        """Logits (tails, most tokens, vocabulary) of tails behind the stems of these numbers; behind a tail's end they
        mean nothing."""
        ids, own = padded(tails)
        ids, lengths = ids.to(self._model.device), state.lengths[list(rows)].to(self._model.device)
        ends = torch.tensor([len(tail) - 1 for tail in tails], device=ids.device)  # a table of positions may end there
        positions = lengths[:, None] + torch.arange(ids.shape[1], device=ids.device).minimum(ends[:, None])
        seen = None
        if state.seen is not None:
            seen = torch.cat([state.seen[torch.tensor(rows, device=ids.device)], torch.ones_like(ids)], dim=1)
        elif not own.all():  # what is behind an answer no token of it sees, but GPT-2 asks for a mask
            seen = ids.new_ones(len(ids), state.width + ids.shape[1])
        given = {"attention_mask": seen, "past_key_values": _selected(state.cache, rows), "use_cache": True}
        return self._model(input_ids=ids, **given, **self._place(positions, len(ids))).logits

    def _place(self, positions: torch.Tensor, rows: int) -> dict[str, torch.Tensor]:
        return {"position_ids": positions.expand(rows, -1)} if self._placed else {}


class EncoderDecoderReader:
    """Reads with an encoder-decoder: stems by its encoder, and the token that its decoder starts with (start)."""

    one_length = False

    def __init__(self, model: PreTrainedModel) -> None:
        self._model, self.start = model, model.config.decoder_start_token_id

    def read(self, stems: Sequence[Tokens], keep: int, cached: bool, before: State | None = None) -> State:
        """As of a decoder; keep is 1, and nothing is before."""
        encoded, seen = self._encoded(stems)
        start = seen.new_full((len(seen), 1), self.start)
        found = self._decoded(encoded, seen, start, use_cache=cached)
        cache = _cache(found) if cached else None
        return State(found.logits, cache, torch.ones(len(seen), dtype=torch.int64), 1, seen, encoded)

    def read_through(self, stems: Sequence[Tokens], tails: Sequence[Tokens]) -> torch.Tensor:
        """Logits (stems, most tokens, vocabulary) of a tail for each stem, which begins with the start token: one pass
        of the decoder in the place of two, where no stem has another tail."""
        encoded, seen = self._encoded(stems)
        read = padded(tails)[0].to(self._model.device)
        return self._decoded(encoded, seen, read, use_cache=False).logits

    def go_on(self, state: State, rows: Sequence[int], tails: Sequence[Tokens]) -> torch.Tensor:
        """As of a decoder."""
        ids = padded(tails)[0].to(self._model.device)
        chosen = torch.tensor(rows, device=ids.device)
        past = _selected(state.cache, rows)
        return self._decoded(
            state.encoded[chosen], state.seen[chosen], ids, past_key_values=past, use_cache=True
        ).logits

    def _encoded(self, stems: Sequence[Tokens]) -> tuple[torch.Tensor, torch.Tensor]:
        """(what the encoder makes of stems, where there are tokens of them)."""
        ids, seen = (each.to(self._model.device) for each in padded(stems))
        return self._model.get_encoder()(input_ids=ids, attention_mask=seen).last_hidden_state, seen

    def _decoded(self, encoded: torch.Tensor, seen: torch.Tensor, ids: torch.Tensor, **given: Any) -> Any:
        outputs = BaseModelOutput(last_hidden_state=encoded)
        return self._model(encoder_outputs=outputs, attention_mask=seen, decoder_input_ids=ids, **given)


Reader = DecoderReader | EncoderDecoderReader


def _cache(found: Any) -> Any:
    """The cache that a pass filled. Raises BrokenPromise for a model without one whose rows can be chosen."""
    cache = getattr(found, "past_key_values", None)
    if not hasattr(cache, "batch_select_indices"):
        raise BrokenPromise(f"{type(found).__name__}: no keys and values of each text")
    return cache


def _selected(cache: Any, rows: Sequence[int]) -> Any:
    """A cache of some of another's rows, in this order, perhaps several times; the other stays as it is."""
    made = copy.copy(cache)
    if isinstance(cache, EncoderDecoderCache):
        made.self_attention_cache = _selected(cache.self_attention_cache, rows)
        made.cross_attention_cache = _selected(cache.cross_attention_cache, rows)
        made.is_updated = dict(cache.is_updated)
        return made
    made.layers = [copy.copy(layer) for layer in cache.layers]
    made.batch_select_indices(torch.tensor(rows))
    return made
