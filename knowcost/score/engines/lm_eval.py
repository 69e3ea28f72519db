"""Question benchmarks (BoolQ, ARC, TriviaQA, one's own, ...), asked by the real lm-evaluation-harness.

The prompts, the tokens, the answers that are generated and the verdict on each question are the harness's own
(EleutherAI's lm_eval): this module hands it a ready model (lm_eval_asker.py); what is asked, and how answers become
rows, is in lm_eval_tasks.py and lm_eval_questions.py. No network, no cache on disk.
"""

import functools
import logging
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import lm_eval
import pyarrow as pa

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.models.tokenizers import check_asked
from knowcost.score.engines import Told, lm_eval_tasks
from knowcost.score.engines.lm_eval_asker import Asker
from knowcost.score.engines.lm_eval_likelihoods import LikelihoodAsker
from knowcost.score.engines.lm_eval_model import as_it_is
from knowcost.score.engines.lm_eval_questions import Questions
from knowcost.score.engines.lm_eval_writing import WritingAsker
from knowcost.score.places import Places, placed
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS

log = logging.getLogger(__name__)


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """Ask a model questions of a benchmark; one row per fact, in the benchmark's order.

    respondent: with a causal or encoder-decoder transformers model. benchmark_file: parquet of a kind whose engine this
    is (benchmarks/kinds.py). part: of its facts. plan: its prompts, harness_tokens (where answers are generated,
    generated_tokens), one_length and shares count.

    Returns (table with the columns of FACTS; Told). Clozes are asked as completions: rank is among the
    candidates and `unprompted` says whether the answer is what the model itself goes on with. choice_logprobs are
    the choices' log-likelihoods, top_logprob is the likeliest one's among them. A generated answer has no logprob.
    `correct` is the harness's own verdict on the question, except where a log-likelihood is NaN or infinite, as a
    destroyed model's can be in fp16: the harness takes the first NaN for the largest and may count it right; here
    such a fact has no prediction (""), is not correct and is counted in the metadata's "not_finite". "truncated"
    counts the prompts whose left end did not fit the model's window, less what virtual tokens take of it. Facts are
    dropped, counted by reason and logged, where one of their texts cannot be asked, for a question with fewer choices
    is another question: too_long (an answer alone passes the window), no_tokens (the tokenizer makes nothing of it),
    no_completion (a cloze without candidates, or with nothing before its blank). Of dynamic prompts, `chosen` has the
    length of the chosen one, layer by layer or once (contexts.py). Raises InputError for a benchmark, model or
    tokenizer that the harness cannot ask.
    """
    model, tokenizer = respondent.model, respondent.tokenizer
    path, digest = str(benchmark_file), seal.check(benchmark_file)
    kind, task, facts = lm_eval_tasks.task(path, digest)
    if not model.can_generate():
        raise InputError(
            f"{benchmark_file}: {type(model).__name__} cannot be asked questions of kind {kind}: that takes a decoder "
            "or an encoder-decoder. Take the model's family out of this benchmark's column `families`"
        )
    check_asked(tokenizer, respondent.family)
    numbers = range(len(facts))[part]
    # the harness's documents are the askable facts; those of a part follow each other, too
    documents = lm_eval_tasks.places(path, digest)
    places = [place for place in documents if place in numbers]
    first = bisect_left(documents, numbers.start)
    if not (places or first):
        lm_eval_tasks.askable(kind, facts[part])  # which says why
    with as_it_is(model), lm_eval_tasks.quiet():
        questions = _questions(path, digest, first, len(places))
        asker = (WritingAsker if task.OUTPUT_TYPE == "generate_until" else LikelihoodAsker)(respondent, plan, questions)
        samples = dict(enumerate(asker.samples()))
    samples = {number: sample for number, sample in samples.items() if number not in asker.dropped}
    rows, not_finite = lm_eval_tasks.rows(kind, [facts[place] for place in documents], list(samples.values()))
    rows = [row | {"chosen": asker.contexts.chosen.get(number)} for row, number in zip(rows, samples, strict=True)]
    found = _found(asker, numbers, places)
    found["rows"] = [places[number] for number in samples]
    found["not_finite"] = [documents[number] for number in not_finite]
    about = {
        "harness": f"lm_eval {lm_eval.__version__}",
        "task_version": task.VERSION,
        "prompts_sha256": questions.digest,
    }
    return pa.Table.from_pylist(rows, schema=FACTS), Told(found, len(facts), asker.plan, about)


def _found(asker: Asker, numbers: range, places: Sequence[int]) -> Places:
    """What an asker counted, and what was dropped and why, which is logged. numbers: the places of a part's facts;
    places: of those that were asked."""
    found: Places = {name: [places[number] for number in each] for name, each in asker.counted.items()}
    found["dropped"] = placed((places[number], why) for number, why in asker.dropped.items())
    found["dropped"]["no_completion"] = sorted(set(numbers) - set(places))
    for reason, lost in found["dropped"].items():
        if lost:
            log.warning("%d of %d facts dropped: %s", len(lost), len(numbers), reason)
    return found


@functools.lru_cache(maxsize=16)
def _questions(path: str, digest: str, first: int, count: int) -> Questions:
    """The questions of so many documents of a benchmark, from the first; kept for the next variant while the file is
    the same."""
    return Questions(lm_eval_tasks.task(path, digest)[1], range(first, first + count))
