"""Greedy generation with a cache: the longest prompts first, and who has ended makes room for those who wait.

The tokens are those of transformers' `generate`, which goes on with a batch until its last answer ends. Here a text
leaves when a quarter of the batch has ended, since its leaving copies the others' keys and values; the next prompts
take its place where a model is told each token's position and looks back over all of them. For all others the batch
gets smaller.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationMixin, PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

from knowcost.recover import dynamic
from knowcost.score.engines import held
from knowcost.score.engines.passes import keeps_last, padded, placed

LEAVE = 4  # when one in so many has ended


def likeliest(texts: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
    """The likeliest next tokens."""
    return logits.argmax(1)


@dataclass(frozen=True)
class How:
    """How answers are generated.

    new: the most tokens of one. over: whether an answer so far has ended. fits: how many texts of so many tokens make a
    batch. one_length: nothing in a batch is padded, as it never is for a decoder that is not `placed`. choose: int64
    (texts), the next tokens of texts by their numbers and logits, float32 (texts, vocabulary).
    """

    new: int
    over: Callable[[list[int]], bool]
    fits: Callable[[int], int]
    one_length: bool = False
    choose: Callable[[Sequence[int], torch.Tensor], torch.Tensor] = likeliest


@dataclass
class Said:
    """An answer. text: the number of its prompt. tokens: that which ended it among them. seconds: its part of those of
    every step that it was in."""

    text: int
    tokens: list[int]
    seconds: float = 0.0


def start_of(model: PreTrainedModel) -> int:
    """The token that an encoder-decoder's answers start with."""
    named = model.config.decoder_start_token_id
    start: int = model.generation_config.decoder_start_token_id if named is None else named
    return start


@torch.inference_mode()
def suits(model: PreTrainedModel) -> bool:
    """Whether `decode` is for a model: it generates as transformers' models do, keeps keys and values of every token
    (or of the last in a window), and stands behind no dynamic prompts. Models behind other virtual tokens are the
    caller's to know. A pass over two tokens says whether the cache is filled at all."""
    kind = type(model)
    if (
        kind.generate is not GenerationMixin.generate
        or kind.prepare_inputs_for_generation
        is not GenerationMixin.prepare_inputs_for_generation  # Phi-3's starts anew
        or "past_key_values" not in inspect.signature(model.forward).parameters
        or dynamic.of(model) is not None
        or not all(type(layer) in held.PLAIN for layer in held.layers(model))
    ):
        return False
    if model.device.type != "cpu" and "grouped_mm" in model.get_experts_implementation().values():
        return False  # `generate` takes a faster way through experts there
    batch = _Batch(model, [[0, 0]], How(2, lambda said: False, lambda tokens: 1))
    batch.read([0])
    return batch.cache.get_seq_length() == (1 if model.config.is_encoder_decoder else 2)


@torch.inference_mode()
def decode(model: PreTrainedModel, prompts: Sequence[list[int]], how: How) -> Iterator[Said]:
    """The answers of a model that suits to prompts of at least one token, as they end.

    model: in eval mode. The first batch is the largest: if it does not fit into memory, that is known at once.
    """
    batch = _Batch(model, prompts, how)
    waiting = sorted(range(len(prompts)), key=lambda text: -len(prompts[text]))
    while waiting or batch.said:
        start = time.perf_counter()
        if batch.said:
            batch.step()
        if batch.takes:
            next_ones = batch.fitting(waiting)
            waiting = waiting[len(next_ones) :]
            batch.read(next_ones)
        ended, present = batch.choose(), batch.said
        batch.leave()
        took = (time.perf_counter() - start) / len(present)
        for said in present:
            said.seconds += took
        yield from ended


class _Batch:
    """Texts that are being written. said: their answers so far; takes: whether others may join now."""

    cache: Cache
    _logits: torch.Tensor  # of the next tokens

    def __init__(self, model: PreTrainedModel, prompts: Sequence[list[int]], how: How) -> None:
        self._model, self._prompts, self._how = model, prompts, how
        self._decoder = not model.config.is_encoder_decoder
        self._placed = placed(model)
        self._last = {"logits_to_keep": 1} if keeps_last(model) else {}
        self._device = next(model.parameters()).device
        plain = all(type(layer) is DynamicLayer for layer in held.layers(model))
        self._one_length = how.one_length or (self._decoder and not self._placed)
        self._joins = self._decoder and plain and not self._one_length
        self._clear()

    def _clear(self) -> None:
        self.said: list[Said] = []
        self.takes = True
        self._ended: list[bool] = []
        self._read: list[int] = []  # tokens of each text in the cache
        self._encoded: dict[str, Any] = {}  # of an encoder-decoder: what its decoder looks at

    def fitting(self, waiting: Sequence[int]) -> list[int]:
        """The first of the prompts that wait, which are sorted: as many as fit beside the texts that are here."""
        room = self._room(waiting[:1])
        found = waiting[: max(self._how.fits(room) - len(self.said), 0 if self.said else 1)]
        if self._one_length:
            return [text for text in found if len(self._prompts[text]) == len(self._prompts[waiting[0]])]
        return list(found)

    def _room(self, joining: Sequence[int]) -> int:
        """How many tokens the longest text may have, its prompt among them."""
        texts = [*joining, *(said.text for said in self.said)]
        return max((len(self._prompts[text]) for text in texts), default=0) + self._how.new

    def read(self, texts: Sequence[int]) -> None:
        """Read prompts, and take them in."""
        self.takes = False
        if not texts:
            return
        lengths = [len(self._prompts[text]) for text in texts]
        self._columns = self._room(texts) if self._decoder else self._how.new
        cache = held.begun(self._model, self._columns)
        if self._decoder:
            ids, _ = padded([self._prompts[text] for text in texts], left=True)
            logits = self._decoded(ids.to(self._device), lengths, cache)
        else:
            lengths = [1] * len(texts)  # the start
            logits = self._begin(texts, cache)
        if self.said:
            held.join(self.cache, cache)
            self._logits = torch.cat([self._logits, logits])
        else:
            self.cache, self._logits = cache, logits
        self.said += [Said(text, []) for text in texts]
        self._ended += [False] * len(texts)
        self._read += lengths

    def _begin(self, texts: Sequence[int], cache: Cache) -> torch.Tensor:
        """Encode prompts; float32 (texts, vocabulary): what follows the token that starts an answer."""
        ids, present = padded([self._prompts[text] for text in texts])
        mask = {} if present.all() else {"attention_mask": present.to(self._device)}
        states = self._model.get_encoder()(input_ids=ids.to(self._device), **mask, return_dict=True).last_hidden_state
        self._encoded = {"encoder_outputs": BaseModelOutput(states)} | mask
        starts = torch.full((len(texts), 1), start_of(self._model), device=self._device)
        return self._decoded(starts, [1] * len(texts), cache)

    def step(self) -> None:
        """Read the last token of every answer."""
        last = torch.tensor([[said.tokens[-1]] for said in self.said], device=self._device)
        self._read = [length + 1 for length in self._read]
        self._logits = self._decoded(last, self._read, self.cache)

    def _decoded(self, ids: torch.Tensor, lengths: Sequence[int], cache: Cache) -> torch.Tensor:
        """float32 (texts, vocabulary): what follows each text, of which the last tokens are read and the others are in
        the cache. ids: int64 (texts, tokens). lengths: of the texts with them."""
        given: dict[str, Any] = self._last | self._encoded
        if self._decoder:
            width = cache.get_seq_length() + ids.shape[1]
            before = [width - length for length in lengths]
            places = torch.arange(width, device=self._device) - torch.tensor(before, device=self._device)[:, None]
            if any(before):
                given["attention_mask"] = (places >= 0).long()
            if self._placed:
                given["position_ids"] = places[:, -ids.shape[1] :].clamp(min=0)
        name = "input_ids" if self._decoder else "decoder_input_ids"
        logits = self._model(**{name: ids}, **given, past_key_values=cache, use_cache=True, return_dict=True).logits
        return logits[:, -1].to(torch.float32, copy=True)

    def choose(self) -> list[Said]:
        """Let every answer that goes on have its next token; those that end with it."""
        going = [i for i, ended in enumerate(self._ended) if not ended]
        logits = self._logits if len(going) == len(self.said) else self._logits[going]
        found = []
        for i, token in zip(going, self._how.choose([self.said[i].text for i in going], logits).tolist(), strict=True):
            tokens = self.said[i].tokens
            tokens.append(token)
            self._ended[i] = len(tokens) == self._how.new or self._how.over(tokens)
            found += [self.said[i]] if self._ended[i] else []
        return found

    def leave(self) -> None:
        """Let go of those that have ended, where it pays or where there is no column for the next token."""
        rows = [i for i, ended in enumerate(self._ended) if not ended]
        if not rows:
            self._clear()
            return
        width = self.cache.get_seq_length()
        if LEAVE * (len(self.said) - len(rows)) < len(self.said) and width < self._columns:
            return
        self._read = [self._read[i] for i in rows]
        held.keep(self.cache, rows, width - max(self._read) if self._joins else 0)
        if self._encoded:
            kept = {name: each[rows] for name, each in self._encoded.items() if name == "attention_mask"}
            self._encoded = kept | {"encoder_outputs": BaseModelOutput(self._encoded["encoder_outputs"][0][rows])}
        self.said = [self.said[i] for i in rows]
        self._ended = [False] * len(rows)
        self.takes = self._joins
