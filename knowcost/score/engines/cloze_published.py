"""Cloze probing as "The Cost of Compression" counted it (its utils.py, `inference` and `evaluate`).

Differences from cloze.py beside it: every mask of a sentence counts, with the row's one answer; the most probable token
is compared as decoded text, the prediction in lower case and the answer as the tokenizer gives it back, so that an
answer of several tokens is always wrong, and one with a capital letter is for a cased vocabulary; sentences are cut at
128 tokens, or where the model's positions end. For RoBERTa a space is put before sentence and answer. The published
code padded everything to 128 tokens and shuffled batches of 512: that changes nothing but dynamic int8, whose batches
cannot be drawn again.
"""

import logging
from pathlib import Path

import pyarrow as pa
import torch
from transformers import PreTrainedTokenizerBase

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import MASK
from knowcost.models.tokenizers import beginning, check_asked
from knowcost.score.engines import Told
from knowcost.score.engines.masks import Fact, asked_of, batches, facts_of, mask_logits, states_at
from knowcost.score.places import rows_in
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS
from knowcost.score.states import Facts
from knowcost.spec.architectures import architecture

log = logging.getLogger(__name__)

POSITIONS, ANSWER_POSITIONS = 128, 8


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """Ask a masked language model the sentences of a benchmark of kind `cloze_published`; one row per mask.

    Arguments and result as those of cloze.ask; ranks and log-probabilities are null. A row's id is the fact's, with
    #2, #3 for its further masks. Sentences whose masks are all cut off are dropped as `mask_cut_off`.
    """
    model, tokenizer = respondent.model, respondent.tokenizer
    check_asked(tokenizer, respondent.family)
    what = asked_of("cloze_published", benchmark_file, part)
    masks, available = facts_of(respondent, what, lambda: _encoded(respondent, benchmark_file, part))
    asked = [mask for _, mask in masks if mask]
    with torch.inference_mode(), states_at(respondent, what, plan) as at:
        for batch in batches(asked, plan.cloze_tokens, plan.one_length):
            best = mask_logits(model, tokenizer, batch, at).topk(5).indices[:, 0].tolist()
            for mask, token in zip(batch, best, strict=True):
                mask["prediction"] = tokenizer.decode([token]).lower()
                mask["correct"] = mask["prediction"] == mask["answer"]
    log.info("asked %d masks in %d sentences", len(asked), len({place for place, _ in masks}))
    rows = pa.Table.from_pylist([{name: mask.get(name) for name in FACTS.names} for mask in asked], schema=FACTS)
    cut_off = [place for place, mask in masks if not mask]
    places = {"rows": [place for place, mask in masks if mask], "dropped": {"mask_cut_off": cut_off}}
    return rows, Told(places, available, f"at most {plan.cloze_tokens} padded tokens a batch")


def _encoded(respondent: Respondent, benchmark_file: str | Path, part: slice) -> Facts:
    """The masks of a part, each with its fact's place; an empty dict for a fact whose masks are all cut off."""
    table = prepared.read(benchmark_file)[0]
    space = " " if architecture(respondent.model.config.model_type).published_space else ""
    most = min(POSITIONS, respondent.room or POSITIONS)
    facts = rows_in(table, part)
    masks = [(place, _encode(fact, respondent.tokenizer, space, most)) for place, fact in facts]
    return [(place, mask) for place, found in masks for mask in found or [{}]], len(table)


def _encode(fact: Fact, tokenizer: PreTrainedTokenizerBase, space: str, most: int) -> list[Fact]:
    """One dict per mask of a fact: id, relation, answer (as decoded text), tokens and the mask's place among them."""
    text = space + fact["cloze"].replace(MASK, tokenizer.mask_token)
    tokens = tokenizer(beginning(tokenizer, text, most), truncation=True, max_length=most)["input_ids"]
    said = beginning(tokenizer, space + fact["answer"], ANSWER_POSITIONS)
    answer = tokenizer(said, truncation=True, max_length=ANSWER_POSITIONS)["input_ids"]
    answer = tokenizer.decode(answer, skip_special_tokens=True)
    masks = [place for place, token in enumerate(tokens) if token == tokenizer.mask_token_id]
    return [
        {"id": fact["id"] + (f"#{number}" if number > 1 else ""), "relation": fact["relation"], "answer": answer}
        | {"tokens": tokens, "mask": place}
        for number, place in enumerate(masks, start=1)
    ]
