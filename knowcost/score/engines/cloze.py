"""Cloze probing of masked language models: which token does the model put at the mask?

The published evaluations pad every sentence to 128 or 512 tokens and compute the vocabulary at every position. Here
sentences are sorted by length, batched under a budget of padded tokens, and only the encoder's states at the masks go
on to the vocabulary head. The predictions are the same; the CPU time on short sentences is a tenth (`make bench`).
"""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import PreTrainedTokenizerBase

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import MASK
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import beginning, check_asked, encoded
from knowcost.score.classes import answers_by_relation, classes
from knowcost.score.engines import Told
from knowcost.score.engines.masks import Fact, asked_of, batches, facts_of, mask_logits, states_at
from knowcost.score.places import Places, placed, rows_in
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS
from knowcost.score.states import Facts

log = logging.getLogger(__name__)

KEPT = ("id", "relation", "answer", "closed", "tokens", "mask", "target", "classes", "dropped")  # of a fact


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """Ask a masked language model the clozes of a benchmark.

    respondent: with a transformers masked language model. benchmark_file: parquet of kind `cloze`. part: of its rows,
    counted before any is dropped. plan: its cloze_tokens and one_length count.

    Returns (pyarrow.Table of FACTS, in the order of the benchmark; Told).
    rank is 1-based among the whole vocabulary, or among the row's candidates if it has any; of equal scores the smaller
    token id is first, so `correct` is rank == 1. unprompted: with candidates, whether the answer is also the first of
    the whole vocabulary; else null. logprob is the answer's natural-log probability over the whole vocabulary, and so
    are choice_logprobs those of score/classes.py: -inf for a text that is not one token, or the token of an earlier
    one; without candidates, the last is the rest of the vocabulary. top_logprob is the prediction's, among the
    candidates if there are any. Rows are dropped, counted by reason and logged: answer_not_one_token (the answer is not
    one token of this vocabulary), candidates_not_one_token (fewer than two candidates are), too_long (for the model's
    positions), not_one_mask (the sentence holds the tokenizer's mask token itself).

    Raises InputError if model or tokenizer cannot fill a mask, or the model computes NaN.
    """
    model, tokenizer = respondent.model, respondent.tokenizer
    check_asked(tokenizer, respondent.family)
    what = asked_of("cloze", benchmark_file, part)
    facts, available = facts_of(respondent, what, lambda: _encoded(respondent, benchmark_file, part))
    asked = [fact for _, fact in facts if fact["dropped"] is None]
    dropped = placed((place, fact["dropped"]) for place, fact in facts)
    for reason, places in dropped.items():
        log.warning("%d of %d rows dropped: %s", len(places), len(facts), reason)

    done, progress = 0, Progress(log)
    with torch.inference_mode(), states_at(respondent, what, plan) as at:
        for batch in batches(asked, plan.cloze_tokens, plan.one_length):
            _fill(batch, mask_logits(model, tokenizer, batch, at), tokenizer)
            done += len(batch)
            progress.say("asked %d of %d clozes", done, len(asked))
    log.info("asked %d clozes in %.1f s", len(asked), progress.seconds)
    rows = pa.Table.from_pylist([{name: fact.get(name) for name in FACTS.names} for fact in asked], schema=FACTS)
    sorted_by = "sentences of one length" if plan.one_length else "sorted by length"
    batched = f"{sorted_by}, at most {plan.cloze_tokens} padded tokens a batch, vocabulary head at the mask only"
    whose: Places = {"rows": [place for place, fact in facts if fact["dropped"] is None], "dropped": dropped}
    return rows, Told(whose, available, batched)


def _encoded(respondent: Respondent, benchmark_file: str | Path, part: slice) -> Facts:
    """The facts of a part with what `_encode` adds, and without their sentences."""
    table = prepared.read(benchmark_file)[0]
    answers = answers_by_relation(table.select(["relation", "answer"]).to_pylist())
    facts = rows_in(table, part)
    _encode([fact for _, fact in facts], answers, respondent.tokenizer, respondent.room or float("inf"))
    return [(place, {name: fact[name] for name in KEPT if name in fact}) for place, fact in facts], len(table)


def _encode(
    facts: list[Fact], answers: Mapping[str | None, list[str]], tokenizer: PreTrainedTokenizerBase, positions: float
) -> None:
    """Add to each fact whether it has candidates (`closed`), its tokens, the place of the mask, the answer's token and
    those of its classes (-1 where a text has none of its own), or why it is dropped (in `dropped`). answers: of
    classes.answers_by_relation."""
    sentences = [fact["cloze"].replace(MASK, tokenizer.mask_token) for fact in facts]
    begun = [beginning(tokenizer, sentence, positions) for sentence in sentences]
    vocabulary = _Vocabulary(tokenizer)
    lost: Counter[str] = Counter()
    for fact, sentence, read, found in zip(facts, sentences, begun, encoded(tokenizer, begun), strict=True):
        tokens, fact["closed"] = found["input_ids"], fact["candidates"] is not None
        if len(read) < len(sentence):
            fact["dropped"] = "too_long"
            continue
        if tokens.count(tokenizer.mask_token_id) != 1:
            fact["dropped"] = "not_one_mask"
            continue
        fact["tokens"], fact["mask"] = tokens, tokens.index(tokenizer.mask_token_id)
        spaced = fact["cloze"][: fact["cloze"].index(MASK)][-1:].isspace()
        texts = classes(fact, answers)
        fact["target"], fact["classes"] = vocabulary.token(fact["answer"], spaced), vocabulary.tokens(texts, spaced)
        if fact["closed"]:
            lost.update(text for text in texts if vocabulary.token(text, spaced) is None)
        fact["dropped"] = _why_dropped(fact, positions)
    if lost:
        log.warning(
            "candidates that are not one token and cannot be predicted: %s",
            ", ".join(f"{word} ({count} rows)" for word, count in lost.most_common(20)),
        )


class _Vocabulary:
    """The tokens that fill a mask with texts. In byte-pair vocabularies a word after a space has other tokens than one
    at the very start or after a bracket; others do not care."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int | None] = {}
        self._lists: dict[tuple[bool, tuple[str, ...]], np.ndarray] = {}

    def token(self, word: str, spaced: bool) -> int | None:
        """The one token of a word, or None."""
        word = f" {word}" if spaced else word
        if word not in self._known:
            read = beginning(self._tokenizer, word, 1)
            ids = self._tokenizer(read, add_special_tokens=False, verbose=False)["input_ids"]
            one = len(ids) == 1 and ids[0] != self._tokenizer.unk_token_id
            self._known[word] = ids[0] if one else None
        return self._known[word]

    def tokens(self, words: list[str], spaced: bool) -> np.ndarray:
        """int64: of each word the token, or -1 where it has none, or that of an earlier word. One array for all equal
        lists: 30,000 facts of 40 relations take no more than those do."""
        key = spaced, tuple(words)
        if key not in self._lists:
            places: dict[int | None, int] = {None: -1}
            for place, word in enumerate(words):
                places.setdefault(self.token(word, spaced), place)
            ids = np.full(len(words), -1)
            for token, place in places.items():
                if token is not None:
                    ids[place] = token
            self._lists[key] = ids
        return self._lists[key]


def _why_dropped(fact: Fact, positions: float) -> str | None:
    if fact["target"] is None:
        return "answer_not_one_token"
    if fact["closed"] and (fact["classes"] >= 0).sum() < 2:
        return "candidates_not_one_token"
    return "too_long" if len(fact["tokens"]) > positions else None


def _fill(batch: list[Fact], logits: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> None:
    """Add what FACTS says of an answer to each fact of a batch; logits: float32 (batch, vocabulary)."""
    rows = torch.arange(len(batch), device=logits.device)
    ids = torch.arange(logits.shape[1], device=logits.device, dtype=torch.int32)  # int64 takes twice the time
    target = torch.tensor([fact["target"] for fact in batch], device=logits.device)
    total = logits.logsumexp(1)
    logprobs = logits[rows, target] - total
    if logprobs.isnan().any():
        raise InputError("the model computes NaN; if its dtype is float16, score it in float32 or bfloat16")
    places, listed = _places(batch, target)
    kept = logits.gather(1, places)
    rest = logits.scatter(1, places, -torch.inf).logsumexp(1)  # not 1 - sum, of which little may be left
    first = top = _top(logits, ids)
    closed = torch.tensor([fact["closed"] for fact in batch], device=logits.device)
    among = total
    if closed.any():  # only the candidates compete: all others fall to -inf
        logits = torch.where(closed[:, None], torch.full_like(logits, -torch.inf).scatter(1, places, kept), logits)
        among, top = logits.logsumexp(1), _top(logits, ids)
    score = logits[rows, target, None]
    ahead = (logits > score) | ((logits == score) & (ids < target[:, None]))
    found = {
        "rank": 1 + ahead.sum(1, dtype=torch.int32),
        "logprob": logprobs,
        "top_logprob": logits[rows, top] - among,
        "unprompted": first == target,
    }
    said = torch.where(listed, kept - total[:, None], -torch.inf)
    lists = {name: each.tolist() for name, each in found.items()}
    words = {token: tokenizer.decode([token]).strip() for token in set(top.tolist())}
    lists["prediction"] = [words[token] for token in top.tolist()]
    _write(batch, lists, said.cpu().numpy(), (rest - total).tolist())


def _places(batch: list[Fact], target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(int64, bool), each (batch, most classes): the token of every class, and whether there is one (else it is the
    answer's)."""
    tokens = np.full((len(batch), max(len(fact["classes"]) for fact in batch)), -1)
    for row, fact in zip(tokens, batch, strict=True):
        row[: len(fact["classes"])] = fact["classes"]
    ids = torch.from_numpy(tokens).to(target.device)
    return torch.where(ids >= 0, ids, target[:, None]), ids >= 0


def _write(batch: list[Fact], found: dict[str, list[Any]], said: np.ndarray, rest: list[float]) -> None:
    """Add what was found, a list per name, to each fact. said: float32 (batch, most classes); rest: the open clozes'
    last class. Of logits that are infinite there are no probabilities."""
    for place, fact in enumerate(batch):
        fact.update({name: each[place] for name, each in found.items()}, correct=found["rank"][place] == 1)
        likely = said[place, : len(fact["classes"])]
        if not fact["closed"]:
            fact["unprompted"] = None
            likely = np.append(likely, np.float32(rest[place]))
        finite = not np.isnan(fact["top_logprob"])
        fact["choice_logprobs"] = likely.copy() if finite else None  # lists of Python's floats take eight times as much
        fact["top_logprob"] = fact["top_logprob"] if finite else None


def _top(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The token of the highest score in each row, the smallest of equals: argmax does not say which it takes."""
    return torch.where(logits == logits.amax(1, keepdim=True), ids, logits.shape[1]).amin(1)
