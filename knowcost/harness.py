"""Question benchmarks (BoolQ, PIQA, WinoGrande, one's own), asked by the real lm-evaluation-harness.

The prompts, the log-likelihoods and the verdict on each question are the harness's own (EleutherAI's lm_eval): this
module hands it a ready model and a local parquet, and turns its samples into one row per fact. No network, no cache on
disk. It calls `lm_eval.evaluate`, not `simple_evaluate`, which adds a second of collecting facts about the machine.
"""

import contextlib
import functools
import hashlib
import json
import logging
import string
import tempfile
import time
from importlib import resources
from pathlib import Path

import datasets
import lm_eval
import lm_eval.api.task
import lm_eval.utils
import numpy as np
import pyarrow as pa
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tqdm import tqdm

from knowcost import benchmarks, files
from knowcost.errors import InputError
from knowcost.probe import SCHEMA

log = logging.getLogger(__name__)


# Per kind, from a row of the benchmark: what the choices say, in the harness's order, and which one is right.
CHOICES = {
    "boolq": lambda row: (["no", "yes"], row["label"]),
    "piqa": lambda row: ([row["sol1"], row["sol2"]], row["label"]),
    "winogrande": lambda row: ([row["option1"], row["option2"]], int(row["answer"]) - 1),
    "question": lambda row: (row["candidates"], row["candidates"].index(row["answer"])),
    "cloze": lambda row: (row["candidates"], row["candidates"].index(row["answer"])),
}

# Two habits of the harness that change no result: it compiles a task's template anew for every question (two thirds of
# the time of a small model's PIQA), and it draws a progress bar that cannot be turned off.
lm_eval.utils.env.from_string = functools.lru_cache(lm_eval.utils.env.from_string)
lm_eval.api.task.tqdm = functools.partial(tqdm, disable=True)


def task_rows(
    model, tokenizer, benchmark_path, *, limit=None, batch_size=None, tokens_per_batch=1024, one_length=False
):
    """Ask `model` every question of a benchmark; one row per fact, in the benchmark's order.

    model: a ready causal or encoder-decoder transformers model, in eval mode, on its device, maybe with int8 modules.
    benchmark_path: parquet of kind boolq, piqa, winogrande, question or cloze. limit: only the first so many questions.
    batch_size: prompts per batch, or None: as many as fit `tokens_per_batch` with padding. one_length: put prompts of
    equal length together only, so that nothing is padded.

    Returns (table with the columns of SCHEMA, metadata dict). Clozes are asked as completions: rank is among the
    candidates and `unprompted` says whether the answer is what the model itself goes on with. `correct` is the
    harness's own `acc` of the question, except where a log-likelihood is NaN or infinite, as a destroyed model's can be
    in fp16: the harness takes the first NaN for the largest and may count it right; here such a fact has no prediction
    (""), is not correct and is counted in the metadata's "not_finite". "truncated" counts the prompts whose left end
    did not fit the model's window. Raises InputError for a benchmark, model or tokenizer that the harness cannot ask.
    """
    kind, task, facts = _task(str(benchmark_path), files.sha256(benchmark_path))
    if not model.can_generate():
        raise InputError(
            f"{benchmark_path}: {type(model).__name__} cannot be asked questions of kind {kind}: that takes a decoder "
            "or an encoder-decoder. Take the model's family out of this benchmark's column `families`"
        )
    _check_tokenizer(tokenizer, model.config)
    with _as_it_is(model), _quiet():
        asker = Asker(model, tokenizer, batch_size, tokens_per_batch, one_length)
        result = asker.ask(task, limit)
    samples = result["samples"][kind]
    rows, not_finite = _rows(kind, facts, samples)
    metadata = {
        "kind": kind,
        "limit": limit,
        "asked": len(rows),
        "dropped": {},
        "not_finite": not_finite,
        "truncated": asker.truncated,
        "harness": f"lm_eval {lm_eval.__version__}",
        "task_version": result["versions"][kind],
        "prompts_sha256": hashlib.sha256("".join(s["prompt_hash"] for s in samples).encode()).hexdigest(),
        "batch_plan": asker.plan,
    }
    return pa.Table.from_pylist(rows, schema=SCHEMA), metadata


def questions(parquet, **metadata):
    """What the harness calls for a task's data (the `custom_dataset` of tasks/*.yaml): {split: datasets.Dataset}."""
    return {"validation": datasets.Dataset.from_list(_facts(parquet))}


def _facts(parquet):
    table, about = benchmarks.read(parquet)
    rows = table.to_pylist()
    return [row | completions(row) for row in rows] if about["kind"] == "cloze" else rows


def completions(row):
    """A cloze as {"prompt": what stands before the blank, "completions": [candidate and what follows]}.

    What follows is left out unless it holds a word: a full stop says nothing, and completions of one token share their
    prompt's pass. Raises InputError for a cloze without candidates or with nothing before its blank.
    """
    before, after = row["cloze"].split(benchmarks.MASK)
    if row["candidates"] is None or not before.strip():
        raise InputError(
            f"fact {row['id']}: a decoder or encoder-decoder is asked a cloze as a completion; that takes `candidates` "
            f"to choose from and a text before the blank, found {row['cloze']!r} with candidates {row['candidates']}"
        )
    after = after if any(letter.isalnum() for letter in after) else ""
    return {"prompt": before.rstrip(), "completions": [f" {word}{after}" for word in row["candidates"]]}


@functools.lru_cache(maxsize=16)
def _task(path, digest):
    """(kind, the harness's task, rows of the benchmark); kept for the next variant while the file is the same."""
    _, about = benchmarks.read(path)
    kind = about["kind"]
    if kind not in CHOICES:
        raise InputError(f"{path}: expected a benchmark of kind {', '.join(CHOICES)}; this one is of kind {kind}")
    template = resources.files("knowcost").joinpath(f"tasks/{kind}.yaml").read_text()
    places = {"TASKS": Path(lm_eval.__file__).parent / "tasks", "PARQUET": Path(path).resolve()}
    quoted = {name: json.dumps(str(place))[1:-1] for name, place in places.items()}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        Path(folder, f"{kind}.yaml").write_text(string.Template(template).substitute(quoted))
        manager = TaskManager(include_path=folder, include_defaults=False)
        return kind, manager.load([kind])["tasks"][kind], _facts(path)


def _rows(kind, facts, samples):
    """Rows of SCHEMA from the harness's samples, and how many had a log-likelihood that is not finite.

    Raises RuntimeError if the harness's verdict does not follow from its log-likelihoods and CHOICES.
    """
    rows, not_finite = [], 0
    for i, (fact, sample) in enumerate(zip(facts, samples, strict=False)):
        choices, right = CHOICES[kind](fact)
        logprobs = [value for value, _ in sample["filtered_resps"]]
        chosen = int(np.argmax(logprobs))
        if sample["doc_id"] != i or len(logprobs) != len(choices) or sample["acc"] != (chosen == right):
            raise RuntimeError(f"{kind} {fact['id']}: lm_eval {lm_eval.__version__} reads it differently from knowcost")
        finite = bool(np.isfinite(logprobs).all())
        not_finite += not finite
        rows.append(
            {
                "id": fact["id"],
                "relation": fact["relation"],
                "answer": choices[right],
                "prediction": choices[chosen] if finite else "",
                "correct": finite and chosen == right,
                "rank": 1 + sum(each > logprobs[right] for each in logprobs) if kind == "cloze" and finite else None,
                "logprob": logprobs[right],
                "choice_logprobs": logprobs,
                "unprompted": sample["filtered_resps"][right][1] if kind == "cloze" else None,
            }
        )
    return rows, not_finite


class Asker(HFLM):
    """The harness's Hugging Face model, with batches of our choosing and a log line every few seconds."""

    def __init__(self, model, tokenizer, batch_size, tokens_per_batch, one_length):
        super().__init__(pretrained=model, tokenizer=tokenizer, batch_size="auto")
        self.prompts_per_batch = batch_size
        self.tokens_per_batch = tokens_per_batch
        self.one_length = one_length
        self.halved = False
        self.truncated = 0
        self._size = None

    @property
    def plan(self):
        """How questions are put together, in words for the metadata."""
        length = ", prompts of one length" if self.one_length else ""
        if self.prompts_per_batch:
            plan = f"harness, batch size {self.prompts_per_batch}"
        else:
            plan = f"harness, batches of at most {self.tokens_per_batch} tokens"
        return plan + length + (", halved when memory ran out" if self.halved else "")

    def ask(self, task, limit):
        """The harness's result for one task; all is asked again in batches of half the size when memory runs out."""
        tasks = {"tasks": {task.task_name: task}}
        while True:
            try:
                return lm_eval.evaluate(self, tasks, limit=limit, bootstrap_iters=0, log_samples=True)
            except torch.OutOfMemoryError:
                if self._size == 1:
                    raise
            if self.prompts_per_batch:
                self.prompts_per_batch //= 2
            else:
                self.tokens_per_batch //= 2
            self.halved = True
            torch.cuda.empty_cache()
            log.warning("out of memory: %s; int8 results depend on it", self.plan)

    def loglikelihood(self, requests, disable_tqdm=True):
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(self, requests, *args, **kwargs):
        room = self.max_length + 1 if self.backend == "causal" else self.max_length
        lengths = [len(ctx) + len(cont) if self.backend == "causal" else len(ctx) for _, ctx, cont in requests]
        self.truncated = sum(length > room for length in lengths)
        self._logged = time.monotonic()
        groups = [range(len(requests))]
        if self.one_length:
            causal = self.backend == "causal"
            sizes = [(min(n, room), 0 if causal else len(r[2])) for n, r in zip(lengths, requests, strict=True)]
            groups = [[i for i, s in enumerate(sizes) if s == size] for size in sorted(set(sizes))]
        answers = [None] * len(requests)
        for group in groups:
            self._start = 0
            found = super()._loglikelihood_tokens([requests[i] for i in group], *args, **kwargs)
            for i, answer in zip(group, found, strict=True):
                answers[i] = answer
        return answers

    def _batch_scheduler(self, pos, n_reordered_requests):
        """Size of the batch that holds prompt `pos`; the harness calls this once for each prompt, the longest first."""
        if time.monotonic() - self._logged > 5:
            self._logged = time.monotonic()
            log.info("asked %d of %d prompts", self._start, len(n_reordered_requests))
        _, context, answer = n_reordered_requests[self._start]
        longest = min(len(context), self.max_length) + len(answer)
        self._size = self.prompts_per_batch or max(1, self.tokens_per_batch // longest)
        if pos + 1 == self._start + self._size:
            self._start = pos + 1
        return self._size


def _check_tokenizer(tokenizer, config):
    name = tokenizer.name_or_path or type(tokenizer).__name__
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        raise InputError(f"tokenizer {name}: it has neither a bos nor an eos token, and the harness needs one")
    ends = tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"][-1]
    if ends and not config.is_encoder_decoder:
        # the harness takes an answer's tokens to be those after as many as the prompt alone has
        raise InputError(
            f"tokenizer {name}: it ends a text with a special token; with a decoder the harness would then score that "
            "token in place of the answer's first. Switch this off in its config (add_eos_token, or the post-processor)"
        )


@contextlib.contextmanager
def _as_it_is(model):
    """Keep the harness from changing the model, and the model from filling a key-value cache.

    The harness's constructor ties weights, which overwrites an untied T5's head and fails on int8 heads. The cache
    would take 8 GB for a batch of a 7B model, and nothing is generated.
    """
    shadowed = vars(model).get("tie_weights")
    model.tie_weights = lambda *args, **kwargs: None

    def without_cache(_, args, kwargs):
        return args, kwargs | {"use_cache": False}

    hook = model.register_forward_pre_hook(without_cache, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
        del model.tie_weights
        if shadowed:
            model.tie_weights = shadowed


@contextlib.contextmanager
def _quiet():
    """Only the harness's errors: its warnings speak to users of its command line, or repeat for every long prompt."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
