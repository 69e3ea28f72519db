"""Perplexity: how likely a decoder finds a text, window by window.

As GPTQ's, SparseGPT's and Wanda's code measures it on WikiText-2 and C4: the text as one sequence of tokens, cut into
windows that do not overlap and are each read without what came before; the odd tokens at the end are left out. There
the mean negative log-likelihood of every window but its first token counts alike; so it does here.

Dynamic prompts are chosen by what is read before anything is scored. Nothing comes before a window, so its first tokens
choose, and are not scored: such a perplexity is over fewer tokens.
"""

import contextlib
import logging
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import beginning, encoded
from knowcost.recover import dynamic
from knowcost.score.engines import Told
from knowcost.score.engines.masks import batches
from knowcost.score.engines.passes import padded
from knowcost.score.places import Places, rows_in, windows_in
from knowcost.score.plan import MOST_WINDOWS, Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import WINDOWS
from knowcost.spec.architectures import positions

log = logging.getLogger(__name__)

Window = dict[str, Any]  # tokens and what WINDOWS says of them

WINDOW = 2048  # tokens, or the model's whole context if that is shorter
CHOOSING = 64  # tokens at the start of a window that choose among prompts, or a quarter of a shorter one
MOST = MOST_WINDOWS["perplexity"]


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """The log-likelihood of every window of a text benchmark.

    respondent: with a causal transformers model. benchmark_file: parquet of a kind whose rows make one running text
    (Kind.running), or of one whose rows are each a window. part: of its windows, those of a running text as drawn by
    benchmarks/sample.py. plan: its harness_tokens and one_length count; a longer window is alone.

    Returns (pyarrow.Table of WINDOWS; Told, also of window and unscored).
    logprob: natural log-likelihood of all tokens but the first (of dynamic prompts, the first CHOOSING: unscored, as
    many of the longest window); tokens, words, bytes: how many these are. A line longer than the model's context, or of
    one token, is dropped and counted. Windows and lines are the same whether there are virtual tokens or not; of one
    that does not fit beside them the first tokens are left out, and it is counted in "truncated". Raises InputError for
    a model or tokenizer that cannot be asked.
    """
    model, tokenizer = respondent.model, respondent.tokenizer
    if model.config.is_encoder_decoder or not model.can_generate():
        raise InputError(f"{type(model).__name__}: perplexity of a text takes a decoder; see the column `families`")
    if not tokenizer.is_fast:
        raise InputError(f"tokenizer {tokenizer.name_or_path}: perplexity takes a fast tokenizer, with tokenizer.json")
    context = positions(model.config) or WINDOW
    room = respondent.room or context
    table, about = prepared.read(benchmark_file)
    running = KINDS[about["kind"]].running
    dropped: dict[str, list[int]] = {}
    if running:
        size = min(WINDOW, context)
        every = _running("".join(table.column("text").to_pylist()), tokenizer, size)
        if not every:
            raise InputError(f"the text is shorter than one window of {size} tokens; take a longer text")
        available = len(every)
        windows = [every[number] | {"place": place} for place, number in windows_in(available, part)]
    else:
        size, available = context, len(table)
        windows, dropped = _lines(rows_in(table, part), tokenizer, size)
    cut = f"windows of {size} tokens" if running else "lines by themselves"
    length = ", of one length" if plan.one_length else ""
    truncated = [each["place"] for each in windows if len(each["tokens"]) > room]
    windows = [_read(each, room, CHOOSING if dynamic.of(model) else 1) for each in windows]
    _predict(model, windows, plan)
    rows = [{**each, "tokens": len(each["tokens"]) - each["unscored"]} for each in windows]
    found: Places = {"rows": [each["place"] for each in windows], "dropped": dropped, "truncated": truncated}
    batched = f"{cut}, at most {plan.harness_tokens} padded tokens a batch{length}"
    unscored = max((each["unscored"] for each in windows), default=1)
    told = Told(found, available, batched, {"window": min(size, room), "unscored": unscored})
    return pa.Table.from_pylist(rows, schema=WINDOWS), told


def _running(text: str, tokenizer: PreTrainedTokenizerBase, size: int) -> list[Window]:
    """The first windows of `size` tokens of one text, MOST at most, without the odd tokens at its end."""
    text = beginning(tokenizer, text, size * MOST)
    found = tokenizer(text, return_offsets_mapping=True, verbose=False)
    ids, places = found["input_ids"], found["offset_mapping"]
    starts = range(0, len(ids) - size + 1, size)[:MOST]
    return [
        _window(str(number), None, text, ids[start : start + size], places[start : start + size])
        for number, start in enumerate(starts)
    ]


def _lines(
    rows: Sequence[tuple[int, dict[str, Any]]], tokenizer: PreTrainedTokenizerBase, most: int
) -> tuple[list[Window], dict[str, list[int]]]:
    """(windows, {reason: places of the lines that were dropped}) of lines by themselves."""
    begun = [beginning(tokenizer, row["text"], most) for _, row in rows]
    read = encoded(tokenizer, begun, return_offsets_mapping=True)
    windows: list[Window] = []
    dropped: dict[str, list[int]] = {}
    for (place, row), start, found in zip(rows, begun, read, strict=False):
        size = len(found["input_ids"]) if len(start) == len(row["text"]) else inf
        if 2 <= size <= most:
            window = _window(row["id"], row["relation"], row["text"], found["input_ids"], found["offset_mapping"])
            windows.append(window | {"place": place})
        else:
            dropped.setdefault("too_long" if size > most else "one_token", []).append(place)
    return windows, dropped


def _window(name: str, relation: str | None, text: str, tokens: list[int], places: list[tuple[int, int]]) -> Window:
    return {"id": name, "relation": relation, "text": text, "tokens": tokens, "places": places}


def _read(window: Window, room: int, most: int) -> Window:
    """What is read of a window, its last tokens where it has more than there is room for, and what a row says of that
    beside its log-likelihood; the text that counts is that of all tokens but the first `most`, or a quarter."""
    tokens, places = window["tokens"][-room:], window["places"][-room:]
    unscored = max(1, min(most, len(tokens) // 4))
    said = window["text"][places[unscored][0] : places[-1][1]]
    counts = {"words": len(said.split()), "bytes": len(said.encode()), "unscored": unscored}
    return {name: window[name] for name in ("id", "relation", "place")} | {"tokens": tokens, **counts}


@torch.inference_mode()
def _predict(model: PreTrainedModel, windows: list[Window], plan: Plan) -> None:
    """Add `logprob`, and `chosen` of dynamic prompts, to every window."""
    device, chooser = next(model.parameters()).device, dynamic.of(model)
    done, progress = 0, Progress(log)
    for batch in batches(windows, plan.harness_tokens, plan.one_length):
        lengths = [len(each["tokens"]) for each in batch]
        ids, present = (each.to(device) for each in padded([each["tokens"] for each in batch]))
        unscored = [each["unscored"] for each in batch]
        with chooser.reading(unscored) if chooser else contextlib.nullcontext():
            logits = model(input_ids=ids, attention_mask=present, use_cache=False).logits
        chosen = chooser.chosen() if chooser else [None] * len(batch)
        for row, (each, length, first) in enumerate(zip(batch, lengths, unscored, strict=True)):
            each["logprob"] = _logprob(logits[row, first - 1 : length - 1], ids[row, first:length])
            each["chosen"] = chosen[row]
        done += len(batch)
        progress.say("read %d of %d windows", done, len(windows))


def _logprob(logits: torch.Tensor, tokens: torch.Tensor) -> float:
    """Natural log-likelihood of tokens (n) under logits (n, vocabulary), in float32, a slice at a time."""
    pairs = zip(logits.split(256), tokens.split(256), strict=True)
    return -sum(cross_entropy(some.float(), right, reduction="none").double().sum().item() for some, right in pairs)
