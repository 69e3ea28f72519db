"""Keys and values of texts that are being written: each layer's stand in tensors with room for the tokens to come.

transformers' DynamicCache copies all of them for every token, and its StaticCache lets every token look at the whole
room. For SmolLM2-135M on one CPU thread (`perf/writing.py --caches`), 16 texts of 224 tokens, a token costs 0.74 to
0.89 of what it costs with DynamicCache, and 0.83 to 0.91 with StaticCache; of 64 tokens all cost the same. On a GPU it
was not measured; the copies that are saved there are 8 GB a token for 16,384 tokens of a 7B model.
"""

from collections.abc import Sequence

import torch
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer, DynamicSlidingWindowLayer

PLAIN = (DynamicLayer, DynamicSlidingWindowLayer)


class Held(DynamicLayer):
    """A layer of a cache. keys, values: (texts, heads, tokens, numbers), views of the beginning of what it holds."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room  # tokens
        self._held: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        new = (key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(*new)
            self._held = [self._empty(each, len(each)) for each in new]
        seen = self.get_seq_length()
        end = seen + key_states.shape[2]
        for held, states in zip(self._held, new, strict=True):
            held[:, :, seen:end] = states
        self._look(end)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor, skipped: int = 0) -> None:
        """Keep the texts of these numbers, without so many of their first tokens."""
        kept = [each[indices, :, skipped:] for each in (self.keys, self.values)]
        self._held = [self._empty(each, len(each)) for each in kept]
        for held, each in zip(self._held, kept, strict=True):
            held[:, :, : each.shape[2]] = each
        self._look(self.get_seq_length() - skipped)

    def join(self, other: "Held") -> None:
        """Take in the texts of another, behind one's own; all end with the same token, and zeros are before the shorter
        ones. The room is then the other's."""
        self.room = other.room
        end = max(self.get_seq_length(), other.get_seq_length())
        for i, parts in enumerate(((self.keys, other.keys), (self.values, other.values))):
            held = self._empty(parts[0], sum(map(len, parts)))
            held[:, :, :end] = 0  # what nobody looks at must be numbers nevertheless
            held[: len(parts[0]), :, end - parts[0].shape[2] : end] = parts[0]
            held[len(parts[0]) :, :, end - parts[1].shape[2] : end] = parts[1]
            self._held[i] = held
        self._look(end)

    def _empty(self, like: torch.Tensor, texts: int) -> torch.Tensor:
        return like.new_empty(texts, like.shape[1], self.room, like.shape[3])

    def _look(self, end: int) -> None:
        self.keys, self.values = (held[:, :, :end] for held in self._held)


def layers(model: PreTrainedModel) -> list[CacheLayerMixin]:
    """The layers of the cache that transformers makes for a model's decoder."""
    return DynamicCache(config=model.config.get_text_config(decoder=True)).layers


def begun(model: PreTrainedModel, room: int) -> Cache:
    """A cache for texts of at most so many tokens; layers with a window stay transformers'."""
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    cache.layers = [Held(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    if not model.config.is_encoder_decoder:
        return cache
    return EncoderDecoderCache(cache, DynamicCache(config=model.config.get_text_config(decoder=True)))


def keep(cache: Cache, rows: Sequence[int], skipped: int) -> None:
    """Let all texts but those of these numbers go, and so many tokens at the beginning of those that stay."""
    indices = torch.tensor(rows)
    if skipped:  # never of layers with a window
        for layer in cache.layers:
            layer.batch_select_indices(indices, skipped)
    else:
        cache.batch_select_indices(indices)


def join(cache: Cache, other: Cache) -> None:
    """Take the texts of another cache in; every layer of both is Held."""
    for layer, joining in zip(cache.layers, other.layers, strict=True):
        layer.join(joining)
