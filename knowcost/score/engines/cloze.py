"""Cloze probing of masked language models: which token does the model put at the mask?

The published evaluations pad every sentence to 128 or 512 tokens and compute the vocabulary at every position. Here
sentences are sorted by length, batched under a budget of padded tokens, and only the encoder's states at the masks go
on to the vocabulary head. The predictions are the same; the CPU time on short sentences is a tenth (`make bench`).
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import MASK
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import beginning, check_asked, encoded
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS
from knowcost.spec.architectures import positions

log = logging.getLogger(__name__)

Fact = dict[str, Any]  # a row of the benchmark, to which tokens, places and results are added


def ask(
    respondent: Respondent, benchmark_file: str | Path, limit: int | None, plan: Plan
) -> tuple[pa.Table, dict[str, Any]]:
    """Ask a masked language model every cloze of a benchmark.

    respondent: with a transformers masked language model. benchmark_file: parquet of kind `cloze`. limit: ask the first
    so many rows only, counted before any is dropped. plan: its cloze_tokens and one_length count.

    Returns (pyarrow.Table of FACTS, in the order of the benchmark; dict with asked, dropped, batch_plan, limit).
    rank is 1-based among the whole vocabulary, or among the row's candidates if it has any; of equal scores the smaller
    token id is first, so `correct` is rank == 1. unprompted: with candidates, whether the answer is also the first of
    the whole vocabulary; else null. logprob is the answer's natural-log probability over the whole vocabulary. Rows are
    dropped, counted by reason and logged: answer_not_one_token (the answer is not one token of this vocabulary),
    candidates_not_one_token (fewer than two candidates are), too_long (for the model's positions), not_one_mask (the
    sentence holds the tokenizer's mask token itself).

    Raises InputError if model or tokenizer cannot fill a mask, or the model computes NaN.
    """
    model, tokenizer = respondent.model, respondent.tokenizer
    check_asked(tokenizer, respondent.family)
    facts = prepared.read(benchmark_file)[0].slice(0, limit).to_pylist()
    dropped = _encode(facts, tokenizer, positions(model.config) or float("inf"))
    asked = [fact for fact in facts if fact["dropped"] is None]
    for reason, count in dropped.items():
        log.warning("%d of %d rows dropped: %s", count, len(facts), reason)

    done, progress = 0, Progress(log)
    with torch.inference_mode(), states_at(model) as at:
        for batch in batches(asked, plan.cloze_tokens, plan.one_length):
            _fill(batch, mask_logits(model, tokenizer, batch, at), tokenizer)
            done += len(batch)
            progress.say("asked %d of %d clozes", done, len(asked))
    log.info("asked %d clozes in %.1f s", len(asked), progress.seconds)
    rows = pa.Table.from_pylist([{name: fact.get(name) for name in FACTS.names} for fact in asked], schema=FACTS)
    sorted_by = "sentences of one length" if plan.one_length else "sorted by length"
    batched = f"{sorted_by}, at most {plan.cloze_tokens} padded tokens a batch, vocabulary head at the mask only"
    return rows, {
        "asked": len(asked),
        "dropped": dict(sorted(dropped.items())),
        "batch_plan": batched,
        "limit": limit,
    }


def _encode(facts: list[Fact], tokenizer: PreTrainedTokenizerBase, positions: float) -> Counter[str]:
    """Add to each fact its tokens, the place of the mask and the answer's token, or why it is dropped (in `dropped`).

    Returns the count of drops by reason.
    """
    sentences = [fact["cloze"].replace(MASK, tokenizer.mask_token) for fact in facts]
    begun = [beginning(tokenizer, sentence, positions) for sentence in sentences]
    known: dict[str, int | None] = {}

    def token(word: str, fact: Fact) -> int | None:
        """The one token that fills this fact's mask with a word, or None. In byte-pair vocabularies a word after a
        space has other tokens than one at the very start or after a bracket; others do not care."""
        before = fact["cloze"][: fact["cloze"].index(MASK)]
        word = f" {word}" if before[-1:].isspace() else word
        if word not in known:
            ids = tokenizer(beginning(tokenizer, word, 1), add_special_tokens=False, verbose=False)["input_ids"]
            known[word] = ids[0] if len(ids) == 1 and ids[0] != tokenizer.unk_token_id else None
        return known[word]

    lost: Counter[str] = Counter()
    for fact, sentence, read, found in zip(facts, sentences, begun, encoded(tokenizer, begun), strict=True):
        tokens = found["input_ids"]
        if len(read) < len(sentence):
            fact["dropped"] = "too_long"
            continue
        if tokens.count(tokenizer.mask_token_id) != 1:
            fact["dropped"] = "not_one_mask"
            continue
        fact["tokens"], fact["mask"] = tokens, tokens.index(tokenizer.mask_token_id)
        fact["target"], fact["choices"] = token(fact["answer"], fact), None
        if fact["candidates"] is not None:
            choices = [token(word, fact) for word in fact["candidates"]]
            lost.update(w for w, choice in zip(fact["candidates"], choices, strict=True) if choice is None)
            fact["choices"] = sorted(set(choices) - {None})
        fact["dropped"] = _why_dropped(fact, positions)
    if lost:
        log.warning(
            "candidates that are not one token and cannot be predicted: %s",
            ", ".join(f"{word} ({count} rows)" for word, count in lost.most_common(20)),
        )
    return Counter(fact["dropped"] for fact in facts if fact["dropped"])


def _why_dropped(fact: Fact, positions: float) -> str | None:
    if fact["target"] is None:
        return "answer_not_one_token"
    if fact["choices"] is not None and len(fact["choices"]) < 2:
        return "candidates_not_one_token"
    return "too_long" if len(fact["tokens"]) > positions else None


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


@contextlib.contextmanager
def states_at(model: PreTrainedModel) -> Iterator[dict[str, torch.Tensor]]:
    """Let the encoder hand on its states at chosen positions only, so that whatever head follows works on those alone.

    Yields a dict; under "positions" the caller puts an int64 tensor (batch) of one position per sentence before each
    forward pass. A hook on the encoder's output needs to know no architecture's head, nor its layers' types.
    """
    at: dict[str, torch.Tensor] = {}

    def pick(encoder: torch.nn.Module, arguments: Any, output: Any) -> Any:
        states = output.last_hidden_state  # (batch, tokens, hidden)
        rows = torch.arange(len(states), device=states.device)
        positions = at["positions"].to(states.device)  # of a model on several GPUs, the last one's
        output.last_hidden_state = states[rows, positions].unsqueeze(1)  # (batch, 1, hidden)
        return output

    handle = model.base_model.register_forward_hook(pick)
    try:
        yield at
    finally:
        handle.remove()


def mask_logits(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: list[Fact], at: dict[str, torch.Tensor]
) -> torch.Tensor:
    """float32 (batch, vocabulary): the logits at each sentence's mask."""
    device = next(model.parameters()).device
    width = max(len(fact["tokens"]) for fact in batch)
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids = torch.tensor([fact["tokens"] + [padding] * (width - len(fact["tokens"])) for fact in batch], device=device)
    lengths = torch.tensor([len(fact["tokens"]) for fact in batch], device=device)
    at["positions"] = torch.tensor([fact["mask"] for fact in batch], device=device)
    present = (torch.arange(width, device=device) < lengths[:, None]).long()
    logits = model(input_ids=ids, attention_mask=present).logits
    if logits.ndim != 3 or logits.shape[1] != 1:
        raise InputError(f"{type(model).__name__}: expected a masked language model, whose head follows its encoder")
    return logits[:, 0].float()


def _fill(batch: list[Fact], logits: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> None:
    """Add prediction, correct, rank and logprob to each fact of a batch; logits: float32 (batch, vocabulary)."""
    rows = torch.arange(len(batch), device=logits.device)
    ids = torch.arange(logits.shape[1], device=logits.device, dtype=torch.int32)  # int64 takes twice the time
    target = torch.tensor([fact["target"] for fact in batch], device=logits.device)
    logprobs = logits[rows, target] - logits.logsumexp(1)
    if logprobs.isnan().any():
        raise InputError("the model computes NaN; if its dtype is float16, score it in float32 or bfloat16")
    first = _top(logits, ids)
    for row, fact in enumerate(batch):
        if fact["choices"] is not None:  # only the candidates compete: all others fall to -inf
            fact["unprompted"] = int(first[row]) == fact["target"]
            choices = torch.tensor(fact["choices"], device=logits.device)
            kept = logits[row, choices]
            logits[row] = -torch.inf
            logits[row, choices] = kept
    score = logits[rows, target, None]
    ahead = (logits > score) | ((logits == score) & (ids < target[:, None]))
    rank = 1 + ahead.sum(1, dtype=torch.int32)
    top = _top(logits, ids) if any(fact["choices"] for fact in batch) else first
    for fact, r, best, logprob in zip(batch, rank.tolist(), top.tolist(), logprobs.tolist(), strict=True):
        fact.update(rank=r, correct=r == 1, prediction=tokenizer.decode([best]).strip(), logprob=logprob)


def _top(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The token of the highest score in each row, the smallest of equals: argmax does not say which it takes."""
    return torch.where(logits == logits.amax(1, keepdim=True), ids, logits.shape[1]).amin(1)
