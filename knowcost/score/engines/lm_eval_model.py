"""The model while the harness asks it: as it is, without a cache that nobody reads, and greedy."""

import contextlib
from collections.abc import Iterator

import transformers
from transformers import PreTrainedModel


@contextlib.contextmanager
def as_it_is(model: PreTrainedModel) -> Iterator[None]:
    """Keep the harness's constructor from tying weights: that overwrites an untied T5's head, and fails on int8
    heads."""
    shadowed = vars(model).get("tie_weights")
    model.tie_weights = lambda *args, **kwargs: None
    try:
        yield
    finally:
        del model.tie_weights
        if shadowed:
            model.tie_weights = shadowed


@contextlib.contextmanager
def without_cache(model: PreTrainedModel) -> Iterator[None]:
    """Keep the model from filling a key-value cache, which would take 8 GB for a batch of a 7B model, unless it
    generates. The hook is the first, so that those of recover/prompted.py see it."""
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, kwargs | {"use_cache": False}), with_kwargs=True, prepend=True
    )
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def greedy(model: PreTrainedModel, end: int | None) -> Iterator[None]:
    """Leave out what a checkpoint says about sampling, beams and penalties: greedy is greedy for every model.

    Its tokens stay, and the tokenizer's `end` ends an answer too: the harness would go on while others in the batch do.
    A decoder starts as it does where log-likelihoods are asked.
    """
    kept = model.generation_config
    ends = kept.eos_token_id if isinstance(kept.eos_token_id, list) else [kept.eos_token_id]
    start = getattr(model.config, "decoder_start_token_id", None)
    tokens = {
        "eos_token_id": sorted({token for token in [*ends, end] if isinstance(token, int)}) or None,
        "decoder_start_token_id": kept.decoder_start_token_id if start is None else start,
    }
    model.generation_config = transformers.GenerationConfig(**tokens)
    try:
        yield
    finally:
        model.generation_config = kept
