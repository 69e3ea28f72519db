"""Logits at masks: facts in batches, the states at the masks in which the encoder's pass ends, and the head on them.

Variants that differ in the final layer alone share these states (score/states.py). Batches are composed as they are for
one alone, so answers are the same to the last bit, in int8 as well.
"""

import contextlib
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.score.engines.passes import padded
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.states import Facts

Fact = dict[str, Any]  # a row of the benchmark, to which tokens, places and results are added


def batches(facts: list[Fact], budget: int, one_length: bool) -> Iterator[list[Fact]]:
    """Lists of facts of about one length, or exactly one, each at most `budget` tokens with padding (a longer sentence
    is alone)."""
    batch: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: len(fact["tokens"])):  # stable: equal lengths stay in benchmark order
        longer = batch and len(fact["tokens"]) > len(batch[0]["tokens"])
        if batch and (len(fact["tokens"]) * (len(batch) + 1) > budget or (one_length and longer)):
            yield batch
            batch = []
        batch.append(fact)
    if batch:
        yield batch


def asked_of(engine: str, benchmark_file: str | Path, part: slice) -> Hashable:
    """What an engine of clozes is asked."""
    return engine, seal.check(benchmark_file), part.start, part.stop


def facts_of(respondent: Respondent, asked: Hashable, encoded: Callable[[], Facts]) -> Facts:
    """Facts that `encoded` makes, or made for another variant. Copies: what is found is added to them. asked: of
    `asked_of`."""
    states = respondent.states
    facts, available = states.facts(respondent.tokenizer, (asked, respondent.room), encoded) if states else encoded()
    return [(place, dict(fact)) for place, fact in facts], available


@contextlib.contextmanager
def states_at(respondent: Respondent, asked: Hashable, plan: Plan) -> Iterator[dict[str, torch.Tensor]]:
    """Let the encoder hand on its states at chosen positions only, so that whatever head follows works on those alone;
    where the respondent's `states` have them already, without computing.

    asked: of `asked_of`. Yields a dict; under "positions" the caller puts an int64 tensor (batch) of one position per
    sentence before each forward pass. What is done to the encoder's output needs to know no architecture's head, nor
    its layers' types.
    """
    model, states = respondent.model, respondent.states
    asked = asked, plan.cloze_tokens, plan.one_length, model.dtype, model.device
    at: dict[str, torch.Tensor] = {}
    if states and (kept := states.kept(asked)) is not None:
        with _handing_on(model.base_model, kept, model.device):
            yield at
        return
    with _picking(model.base_model, at) as found:
        yield at
    if states:
        states.keep(asked, found)


@contextlib.contextmanager
def _picking(encoder: torch.nn.Module, at: dict[str, torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Cut what an encoder hands on to the positions in `at`. Yields the list that this is added to, on the CPU."""
    found: list[torch.Tensor] = []

    def pick(encoder: torch.nn.Module, arguments: Any, output: Any) -> Any:
        states = output.last_hidden_state  # (batch, tokens, hidden)
        rows = torch.arange(len(states), device=states.device)
        positions = at["positions"].to(states.device)  # of a model on several GPUs, the last one's
        output.last_hidden_state = states[rows, positions].unsqueeze(1)  # (batch, 1, hidden)
        found.append(output.last_hidden_state.cpu())
        return output

    handle = encoder.register_forward_hook(pick)
    try:
        yield found
    finally:
        handle.remove()


@contextlib.contextmanager
def _handing_on(encoder: torch.nn.Module, kept: list[torch.Tensor], device: torch.device) -> Iterator[None]:
    """Let an encoder hand on these states, those of a batch each time that it is called, without computing."""
    following = iter(kept)
    own = encoder.__dict__.get("forward")  # of a model that accelerate spread over several GPUs

    def hand_on(*arguments: Any, **named: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=next(following).to(device))

    encoder.forward = hand_on
    try:
        yield
    finally:
        if own is None:
            del encoder.forward
        else:
            encoder.forward = own


def mask_logits(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: list[Fact], at: dict[str, torch.Tensor]
) -> torch.Tensor:
    """float32 (batch, vocabulary): the logits at each sentence's mask."""
    device = next(model.parameters()).device
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids, present = (each.to(device) for each in padded([fact["tokens"] for fact in batch], fill=padding))
    at["positions"] = torch.tensor([fact["mask"] for fact in batch], device=device)
    logits = model(input_ids=ids, attention_mask=present).logits
    if logits.ndim != 3 or logits.shape[1] != 1:
        raise InputError(f"{type(model).__name__}: expected a masked language model, whose head follows its encoder")
    return logits[:, 0].float()
