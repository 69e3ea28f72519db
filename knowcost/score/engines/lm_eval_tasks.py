"""What lm-evaluation-harness is asked, kind by kind: its task made of a benchmark, and its samples made rows.

The tasks are files in knowcost/score/tasks/, named after the kinds of benchmarks/kinds.py. Where the harness has a
task, the file includes that; only where the questions come from differs.
"""

import contextlib
import functools
import json
import logging
import re
import string
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import lm_eval
import lm_eval.api.task
import lm_eval.utils
import numpy as np
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager
from tqdm import tqdm

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import HARNESS, KINDS, Row
from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.score import task_files

# Two habits of the harness that change no result: it compiles a task's template anew for every question (two thirds of
# the time of a small model's PIQA), and it draws a progress bar that cannot be turned off. A third: _process_once.
lm_eval.utils.env.from_string = functools.lru_cache(lm_eval.utils.env.from_string)
lm_eval.api.task.tqdm = functools.partial(tqdm, disable=True)


COMPARED = 100  # documents by whose prompts cells are seen to be asked alike
NOTHING = {"prediction": "", "rank": None, "logprob": None, "choice_logprobs": None, "top_logprob": None}


def documents(parquet: str, **metadata: Any) -> dict[str, datasets.Dataset]:
    """What the harness calls for a task's data (the `custom_dataset` of tasks/*.yaml): {split: datasets.Dataset}."""
    table, about = prepared.read(parquet)
    document = KINDS[about["kind"]].document
    rows = table.to_pylist()
    asked = [rows[place] for place in askable(about["kind"], rows)]
    return {"validation": datasets.Dataset.from_list([{**row, **document(row)} for row in asked])}


def askable(kind: str, facts: list[Row]) -> list[int]:
    """The places of those of a kind's facts that the harness can be asked, whatever the model. Raises InputError if
    none is."""
    found, why = [], None
    for place, fact in enumerate(facts):
        try:
            KINDS[kind].document(fact)
            found.append(place)
        except InputError as error:
            why = why or error
    if why and not found:
        raise why
    return found


@functools.lru_cache(maxsize=16)
def task(path: str, digest: str) -> tuple[str, ConfigurableTask, list[Row]]:
    """(kind, the harness's task, rows of the benchmark); kept for the next variant while the file is the same.

    path: parquet of a benchmark; digest: of its bytes. Raises InputError for a kind that the harness is not asked.
    """
    table, about = prepared.read(path)
    kind = about["kind"]
    asked = [name for name, each in KINDS.items() if each.engine == HARNESS]
    if kind not in asked:
        raise InputError(f"{path}: expected a benchmark of kind {', '.join(asked)}; this one is of kind {kind}")
    template = task_files.task_file(kind).read_text(encoding="utf-8")
    places = {"TASKS": task_files.harness_folder(), "PARQUET": Path(path).resolve()}
    quoted = {name: json.dumps(str(place))[1:-1] for name, place in places.items()}
    with tempfile.TemporaryDirectory() as folder, quiet():
        Path(folder, f"{kind}.yaml").write_text(string.Template(template).substitute(quoted), encoding="utf-8")
        manager = TaskManager(include_path=folder, include_defaults=False)
        found = manager.load([kind])["tasks"][kind]
        _process_once(found)
        return kind, found, table.to_pylist()


def _process_once(task: ConfigurableTask) -> None:
    """Have a task's documents processed here, as HellaSwag's are, and not whenever the harness goes through any."""
    if task.config.process_docs is not None:
        task.dataset[task.config.validation_split] = task.validation_docs()
        task.config.process_docs = None


@functools.lru_cache(maxsize=16)
def places(path: str, digest: str) -> list[int]:
    """The places of a benchmark's facts that are documents of its task, which has the same arguments."""
    kind, _, facts = task(path, digest)
    return askable(kind, facts)


def prompts_digest(task: ConfigurableTask) -> str:
    """The sha256 of a task's first prompts, whichever of its documents are asked: the same for all variants that are
    asked the same, in one part or in several."""
    task.build_all_requests(limit=COMPARED)
    return seal.of_values([request.arguments[0] for request in task.instances])


def rows(kind: str, facts: list[Row], samples: list[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
    """(rows of rows.FACTS, numbers of facts with a log-likelihood that is not finite) from the harness's samples.

    samples: their `doc_id` is the number of their fact. A fact with such a log-likelihood has no prediction (""), no
    log-probability, and is not correct. Raises RuntimeError if the harness's verdict does not follow from its answers
    and the kind.
    """
    about = KINDS[kind]
    made: list[dict[str, Any]] = []
    not_finite: list[int] = []
    for sample in samples:
        fact = facts[sample["doc_id"]]
        found = sample["filtered_resps"]
        if about.choices:
            choices, place = about.choices(fact)
            if len(choices) != len(found):
                raise RuntimeError(
                    f"{kind}: {len(choices)} choices, of which lm_eval {lm_eval.__version__} asks {len(found)}"
                )
            row, right = _chosen(choices, place, found, about.ranked)
        elif isinstance(found[0], str):
            row, right = _generated(found[0]), bool(sample[about.metric])
        else:
            row, right = _greedy([answer for _, answer in sample["arguments"]], found)
        row = {"answer": about.answers(fact)[0]} | row if about.answers else row
        if sample["doc"]["id"] != fact["id"] or bool(sample[about.metric]) != right:
            raise RuntimeError(f"{kind} {fact['id']}: lm_eval {lm_eval.__version__} reads it differently from knowcost")
        finite = bool(np.isfinite(row.pop("logprobs")).all())
        not_finite += [] if finite else [sample["doc_id"]]
        row |= {"id": fact["id"], "relation": fact["relation"], "correct": finite and right}
        made.append(row if finite else row | NOTHING)
    return made, not_finite


def _chosen(
    choices: list[str], right: int, found: list[tuple[float, bool]], ranked: bool
) -> tuple[dict[str, Any], bool]:
    """(row, verdict) where one of several given answers is right. found: [(log-likelihood, is greedy)]."""
    logprobs = [value for value, _ in found]
    chosen = int(np.argmax(logprobs))
    with np.errstate(invalid="ignore"):  # what is not finite is left out by `rows`
        top = float(logprobs[chosen] - np.logaddexp.reduce(logprobs))
    row = {
        "answer": choices[right],
        "prediction": choices[chosen],
        "rank": 1 + sum(each > logprobs[right] for each in logprobs) if ranked else None,
        "logprob": logprobs[right],
        "choice_logprobs": logprobs,
        "top_logprob": top,
        "unprompted": found[right][1] if ranked else None,
        "logprobs": logprobs,
    }
    return row, chosen == right


def _greedy(answers: list[str], found: list[tuple[float, bool]]) -> tuple[dict[str, Any], bool]:
    """(row, verdict) where an answer is right if the model itself goes on with it. found: as above, per right answer.

    What the model says instead is not known: the prediction is empty then.
    """
    said = [answer.strip() for answer, (_, greedy) in zip(answers, found, strict=True) if greedy]
    logprobs = [value for value, _ in found]
    return {"prediction": said[0] if said else "", "logprob": max(logprobs), "logprobs": logprobs}, bool(said)


def _generated(text: str) -> dict[str, Any]:
    """The row of a fact whose answer was generated: a text, and no probability."""
    return {"prediction": text, "logprobs": []}


def exact_match(document: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """Whether a generated text states one of the document's `answers` (the `process_results` of tasks/*.yaml).

    It does if its first line with a word begins with the answer, which the line's end, a full stop or a comma follows.
    Both are normalised as in TriviaQA's and SQuAD's own evaluation: lower case, no punctuation, no articles, single
    spaces.
    """
    line = next(filter(normalised, results[0].split("\n")), "")
    stated = {normalised(line[: mark.start()]) for mark in re.finditer(r"[.,]|$", line)}
    right = {normalised(answer) for answer in document["answers"]} - {""}
    return {"exact_match": float(bool(stated & right))}


def normalised(text: str) -> str:
    """Lower case, punctuation and symbols as spaces, without a, an, the, and with single spaces between words."""
    text = re.sub(r"[^\w\s]|_", " ", text.lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Only the harness's errors: its warnings speak to users of its command line, or repeat for every long prompt."""
    logger, bars = logging.getLogger("lm_eval"), datasets.are_progress_bars_disabled()
    level = logger.level
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
