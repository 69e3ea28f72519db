"""Question benchmarks (BoolQ, ARC, TriviaQA, one's own, ...), asked by the real lm-evaluation-harness.

The prompts, the log-likelihoods and the verdict on each question are the harness's own (EleutherAI's lm_eval): this
module hands it a ready model; what is asked, and how answers become rows, is in lm_eval_tasks.py. No network, no cache
on disk. It calls `lm_eval.evaluate`, not `simple_evaluate`, which adds a second of collecting facts on the machine.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lm_eval
import pyarrow as pa
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import beginning, check_asked, encoded, ending
from knowcost.recover import dynamic
from knowcost.score.engines import Told, lm_eval_tasks
from knowcost.score.engines.contexts import Contexts
from knowcost.score.engines.lm_eval_model import as_it_is, greedy, without_cache
from knowcost.score.places import Places, placed
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS

log = logging.getLogger(__name__)

NO_TOKENS = "no_tokens"
UNASKED = (0.0, False)  # in the place of what the harness expects for a fact that is dropped


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """Ask a model questions of a benchmark; one row per fact, in the benchmark's order.

    respondent: with a causal or encoder-decoder transformers model. benchmark_file: parquet of a kind whose engine this
    is (benchmarks/kinds.py). part: of its facts. plan: its prompts, harness_tokens (where answers are generated,
    generated_tokens) and one_length count.

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
    kind, task, facts = lm_eval_tasks.task(str(benchmark_file), seal.check(benchmark_file))
    if not model.can_generate():
        raise InputError(
            f"{benchmark_file}: {type(model).__name__} cannot be asked questions of kind {kind}: that takes a decoder "
            "or an encoder-decoder. Take the model's family out of this benchmark's column `families`"
        )
    check_asked(tokenizer, respondent.family)
    numbers = range(len(facts))[part]
    # the harness's documents are the askable facts; those of a part follow each other, too
    documents = lm_eval_tasks.askable(kind, facts)
    places = [place for place in documents if place in numbers]
    first = bisect_left(documents, numbers.start)
    if not (places or first):
        lm_eval_tasks.askable(kind, facts[part])  # which says why
    with as_it_is(model), lm_eval_tasks.quiet():
        asker = Asker(respondent, plan, generates=task.OUTPUT_TYPE == "generate_until")
        prompts = lm_eval_tasks.prompts_digest(task)
        result = asker.ask(task, range(first, first + len(places)))
    samples = {sample["doc_id"] - first: sample for sample in result["samples"][kind]}
    samples = {number: sample for number, sample in samples.items() if number not in asker.dropped}
    rows, not_finite = lm_eval_tasks.rows(kind, [facts[place] for place in documents], list(samples.values()))
    rows = [row | {"chosen": asker.contexts.chosen.get(number)} for row, number in zip(rows, samples, strict=True)]
    found: Places = {name: [places[number] for number in each] for name, each in asker.counted.items()}
    found["rows"] = [places[number] for number in samples]
    found["not_finite"] = [documents[number] for number in not_finite]
    found["dropped"] = placed((places[number], why) for number, why in asker.dropped.items())
    found["dropped"]["no_completion"] = sorted(set(numbers) - set(places))
    for reason, lost in found["dropped"].items():
        if lost:
            log.warning("%d of %d facts dropped: %s", len(lost), len(numbers), reason)
    about = {
        "harness": f"lm_eval {lm_eval.__version__}",
        "task_version": result["versions"][kind],
        "prompts_sha256": prompts,
    }
    return pa.Table.from_pylist(rows, schema=FACTS), Told(found, len(facts), asker.plan, about)


class Asker(HFLM):
    """The harness's Hugging Face model, with batches of our choosing and a log line every few seconds."""

    def __init__(self, respondent: Respondent, plan: Plan, generates: bool) -> None:
        super().__init__(pretrained=respondent.model, tokenizer=respondent.tokenizer, batch_size="auto")
        self._max_length = super().max_length  # the harness works it out again for every text
        self.virtual_tokens = respondent.virtual_tokens
        self.prompts_per_batch = plan.prompts
        self.tokens_per_batch = plan.generated_tokens if generates else plan.harness_tokens
        # prompts are padded on the left where answers are generated: that would part virtual tokens from the text
        self.one_length = plan.one_length or (generates and self.virtual_tokens > 0)
        self.truncated: list[int] = []  # numbers of facts
        self.dropped: dict[int, str] = {}  # the number of a fact that cannot be asked: why
        self.contexts = Contexts(dynamic.of(respondent.model), respondent.tokenizer.all_special_ids)

    @property
    def max_length(self) -> int:
        """The model's window, as the harness knows it, without what virtual tokens take of it."""
        return super().max_length - self.virtual_tokens

    @property
    def plan(self) -> str:
        """How questions are put together, in words for the metadata."""
        length = ", prompts of one length" if self.one_length else ""
        if self.prompts_per_batch:
            return f"harness, batch size {self.prompts_per_batch}{length}"
        return f"harness, batches of at most {self.tokens_per_batch} tokens{length}"

    @property
    def counted(self) -> dict[str, list[int]]:
        """Numbers of facts, some of them several times: of prompts that were cut, and Contexts.own."""
        return {"truncated": self.truncated} | ({"own_contexts": self.contexts.own} if self.contexts.choosing else {})

    def ask(self, task: ConfigurableTask, documents: range) -> dict[str, Any]:
        """The harness's result for documents of a task, which are numbered from 0 here and in requests, and by their
        own numbers in the result; what it says of those in `dropped` means nothing."""
        if not documents:  # of which the harness would make all
            return {"samples": {task.task_name: []}, "versions": {task.task_name: task.VERSION}}
        tasks, samples = {"tasks": {task.task_name: task}}, {task.task_name: documents}
        return lm_eval.evaluate(self, tasks, samples=samples, bootstrap_iters=0, log_samples=True)

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        requests = [self._bounded(request) for request in requests]
        for request in requests:
            prompt, answer = request.args
            if not prompt and not self.tok_encode(answer, add_special_tokens=False):
                self.dropped[request.doc_id] = NO_TOKENS
        asked = [request for request in requests if request.doc_id not in self.dropped]
        self._facts = [request.doc_id for request in asked]
        answers = dict(zip(map(id, asked), super().loglikelihood(asked, disable_tqdm=True), strict=True))
        return [answers.get(id(request), UNASKED) for request in requests]

    def _bounded(self, request: Instance) -> Instance:
        """A request whose prompt, and answer if it has one, are no longer than the window has to be filled."""
        prompt, answer = request.args
        if isinstance(answer, str):
            answer = beginning(self.tokenizer, answer, self.max_length + self.virtual_tokens)
        return replace(request, arguments=(ending(self.tokenizer, prompt, self.max_length), answer))

    def _loglikelihood_tokens(self, requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        for fact, (_, context, answer) in zip(self._facts, requests, strict=True):
            if not context or not answer:
                self.dropped[fact] = NO_TOKENS
            elif len(answer) > self.max_length + self.virtual_tokens:
                self.dropped[fact] = "too_long"
        kept = [i for i, fact in enumerate(self._facts) if fact not in self.dropped]
        causal = self.backend == "causal"
        room = self.max_length + 1 if causal else self.max_length
        lengths = {i: len(requests[i][1]) + (len(requests[i][2]) if causal else 0) for i in kept}
        cut = [i for i in kept if lengths[i] > room or len(requests[i][2]) > self.max_length]
        self.truncated = [self._facts[i] for i in cut]
        self.contexts.learn(self._facts, requests)
        requests = [self._ended(request) for request in requests]
        self._progress = Progress(log)
        sizes = {i: (min(lengths[i], room), 0 if causal else len(requests[i][2])) for i in kept}
        answers: list[Any] = [UNASKED] * len(requests)
        for group in (part for each in self._groups(sizes) for part in self.contexts.rounds(each)):
            self._start = 0
            with self.contexts.round(group):
                found = super()._loglikelihood_tokens([requests[i] for i in group], *args, **kwargs)
            for i, answer in zip(group, found, strict=True):
                answers[i] = answer
        return answers

    def _ended(self, request: tuple[Any, list[int], list[int]]) -> tuple[Any, list[int], list[int]]:
        """A request whose answer, if it alone passes the window, lacks its first tokens: those are read and not scored.
        Only virtual tokens leave so little room, and a variant is asked the same facts with and without them."""
        key, context, answer = request
        before, scored = answer[: -self.max_length], answer[-self.max_length :]
        return key, context + before if self.backend == "causal" else context, scored

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """The greedy answers to prompts of one task, in batches by length; the tokens to come count for the budget."""
        new = requests[0].args[1].get("max_gen_toks", self.max_gen_toks)
        room = self.max_length - new if self.backend == "causal" else self.max_length
        if room < 1:
            beside = f" beside {self.virtual_tokens} virtual tokens" if self.virtual_tokens else ""
            raise InputError(f"the model's window of {self.max_length} tokens{beside} has no room to generate {new}")
        requests = [self._bounded(request) for request in requests]
        found = encoded(self.tokenizer, [request.args[0] for request in requests])
        lengths = {i: len(each["input_ids"]) for i, each in enumerate(found) if each["input_ids"]}
        self.dropped = {request.doc_id: NO_TOKENS for i, request in enumerate(requests) if i not in lengths}
        self.truncated = [requests[i].doc_id for i, length in lengths.items() if length > room]
        answers = [""] * len(requests)
        progress, done = Progress(log), 0
        with greedy(self.model, self.tokenizer.eos_token_id):
            for group in self._groups({i: min(length, room) for i, length in lengths.items()}):
                group = sorted(group, key=lambda i: -lengths[i])
                while group:
                    size = self._fitting(min(lengths[group[0]], room) + new)
                    batch, group = group[:size], group[size:]
                    self.batch_size_per_gpu = len(batch)
                    said = super().generate_until([requests[i] for i in batch], disable_tqdm=True)
                    if self.contexts.choosing:
                        read = sorted(batch, key=self._read_at(requests))
                        self.contexts.generated([requests[i].doc_id for i in read])
                    for i, answer in zip(batch, said, strict=True):
                        answers[i] = answer
                    done += len(batch)
                    progress.say("answered %d of %d prompts", done, len(requests))
        return answers

    def _read_at(self, requests: Sequence[Instance]) -> Callable[[int], tuple[int, str]]:
        """Where the harness puts a request's prompt among those that it reads together: a key to sort by."""
        return lambda i: (-len(self.tok_encode(requests[i].args[0])), requests[i].args[0])

    def _groups(self, sizes: Mapping[int, Any]) -> list[list[int]]:
        """Lists of the numbers of requests that may share a batch: all, or those of one size."""
        if not self.one_length:
            return [list(sizes)] if sizes else []
        groups: dict[Any, list[int]] = {}
        for i, size in sizes.items():
            groups.setdefault(size, []).append(i)
        return [groups[size] for size in sorted(groups)]

    def _fitting(self, longest: int) -> int:
        """How many prompts of at most `longest` tokens make a batch."""
        return self.prompts_per_batch or max(1, self.tokens_per_batch // longest)

    def _model_call(self, inps: Any, attn_mask: Any = None, labels: Any = None) -> Any:
        """The harness leaves it to an encoder-decoder what its decoder reads, and MBart's then begins with the last
        token of the answers: they follow the start token here, as T5's and BART's do anyway."""
        with without_cache(self.model):
            if labels is None:
                with self.contexts.reading(len(inps), self.max_length):
                    return super()._model_call(inps)
            starts = torch.full_like(labels[:, :1], self.model.config.decoder_start_token_id)
            read = torch.cat([starts, labels[:, :-1]], dim=1)
            with torch.no_grad():
                return self.model(input_ids=inps, attention_mask=attn_mask, decoder_input_ids=read).logits

    def _model_generate(self, context: Any, max_length: int, *args: Any, **kwargs: Any) -> Any:
        """The harness counts the prompt as part of the answer of an encoder-decoder too: an answer's length would
        follow from the prompts that share its batch."""
        if self.backend == "seq2seq":
            max_length += 1 - context.shape[1]  # 1: the token that the decoder starts with
        return super()._model_generate(context, max_length, *args, **kwargs)

    def _batch_scheduler(self, pos: int, n_reordered_requests: list[Any]) -> int:
        """Size of the batch that holds prompt `pos`; the harness calls this once for each prompt, the longest first."""
        self._progress.say("asked %d of %d prompts", self._start, len(n_reordered_requests))
        self.contexts.in_order(n_reordered_requests)
        _, context, answer = n_reordered_requests[self._start]
        longest = min(len(context), self.max_length) + len(answer)
        size = self._fitting(longest)
        if pos + 1 == self._start + size:
            self._start = pos + 1
        return size
