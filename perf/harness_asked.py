"""What harness.py runs in a process of its own for a model and a number of threads: benchmarks asked, both ways.

    python perf/harness_asked.py JSON

A line of JSON for each benchmark. CPU seconds are the process's, of what follows on a loaded model: the harness's
requests, tokens, the model, and rows. The task, which says what is asked, is the same object for both, and so are its
three habits that lm_eval_tasks.py switches off.
"""

import copy
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import lm_eval
import pyarrow as pa
import torch
from lm_eval.models.huggingface import HFLM
from made_up import prepare_questions

from knowcost.common import seal
from knowcost.models.load import load
from knowcost.score.engines import lm_eval as ours
from knowcost.score.engines import lm_eval_tasks
from knowcost.score.engines.lm_eval_model import as_it_is
from knowcost.score.plan import plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import FACTS
from knowcost.spec.architectures import family_of

PLAN = plan("cpu", {"tokens_per_batch": 2048, "batch_size": "auto", "int8_activations": "batch"}, int8=False)
FEW = 8  # questions by which the batch size is chosen
SAME = 1e-4  # log-likelihoods that are no further apart are the same in float32


@dataclass
class Asked:
    """Rows {id: row} of FACTS, and the seconds that they took: of all CPUs, and passed."""

    rows: dict[str, dict]
    cpu: float
    wall: float


def timed(function):
    """An Asked of a function that gives a table."""
    wall, cpu = time.perf_counter(), time.process_time()
    table = function()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Asked({row["id"]: row for row in table.to_pylist()}, cpu, wall)


def by_hflm(who, file, questions, batch_size):
    """The first questions by plain HFLM, its answers made rows as ours are."""
    kind, task, facts = lm_eval_tasks.task(str(file), seal.check(file))
    asked = lm_eval_tasks.askable(kind, facts)
    first = sum(place < questions for place in asked)  # documents: for `samples` the harness would read the whole file

    def ask():
        model = HFLM(pretrained=who.model, tokenizer=who.tokenizer, batch_size=batch_size)
        tasks = {"tasks": {kind: task}}
        found = lm_eval.evaluate(model, tasks, limit=first, bootstrap_iters=0, log_samples=True)
        rows, _ = lm_eval_tasks.rows(kind, [facts[place] for place in asked], found["samples"][kind])
        return pa.Table.from_pylist(rows, schema=FACTS)

    with as_it_is(who.model), lm_eval_tasks.quiet():
        return timed(ask)


def by_knowcost(who, file, questions):
    """The first questions by our engine."""
    return timed(lambda: ours.ask(who, str(file), slice(0, questions), PLAN)[0])


def apart(one, other):
    """How far two Askeds are apart: {"most", "mean": of log-likelihoods, None of texts; "verdicts": that differ;
    "questions"}."""
    if one.rows.keys() != other.rows.keys():
        raise SystemExit(f"other facts are answered: {sorted(one.rows.keys() ^ other.rows.keys())[:5]}")
    far, verdicts = [], 0
    for name, row in one.rows.items():
        beside = other.rows[name]
        verdicts += row["correct"] != beside["correct"]
        pairs = zip(loglikelihoods(row), loglikelihoods(beside), strict=True)
        far += [abs(mine - its) for mine, its in pairs]
    amounts = {"most": max(far), "mean": sum(far) / len(far)} if far else {"most": None, "mean": None}
    return amounts | {"verdicts": verdicts, "questions": len(one.rows)}


def loglikelihoods(row):
    """Of a row's choices, or of its only answer; none of a text that was generated."""
    return row["choice_logprobs"] or ([] if row["logprob"] is None else [row["logprob"]])


def cost(who, variant, file, job):
    """CPU seconds of both. HFLM is asked before and after ours, and its lower time counts. variant: the same model once
    more, as the next one that a job asks."""
    questions, sizes = job["questions"][file], job["sizes"]
    few = min(FEW, questions)
    tried = {size: by_hflm(who, file, few, size).cpu for size in sizes}
    best = min(tried, key=tried.get)
    before = by_hflm(who, file, questions, best)
    first, second = by_knowcost(who, file, questions), by_knowcost(variant, file, questions)
    again = by_hflm(who, file, questions, best)
    theirs, other = sorted((before, again), key=lambda each: each.cpu)
    if (apart(first, second)["most"] or 0) > SAME:
        raise SystemExit(f"{file}: the same weights as another variant answer otherwise")
    taken = {"theirs": theirs, "again": other, "first": first, "next": second}
    clocks = {f"{name}_{clock}": getattr(each, clock) for name, each in taken.items() for clock in ("cpu", "wall")}
    return clocks | {"batch_size": best} | apart(first, theirs)


def noise(who, file, job):
    """How far ours is from HFLM asked one prompt at a time, and how far HFLM with eight is from that."""
    questions = job["questions"][file]
    alone, eight = (by_hflm(who, file, questions, size) for size in (1, 8))
    return {"ours": apart(by_knowcost(who, file, questions), alone), "eight": apart(eight, alone)}


def main():
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    model, tokenizer = load(job["model"], job["dtype"], "cpu")
    who, other = (
        Respondent(each, tokenizer, family_of(model.config.model_type)) for each in (model, copy.deepcopy(model))
    )
    with tempfile.TemporaryDirectory() as folder:  # what is slow but once
        warm = prepare_questions(Path(folder) / "warm.parquet", 4, 30, 2, 3)
        by_hflm(who, warm, 4, 2), by_knowcost(who, warm, 4), by_knowcost(other, warm, 4)
    for name, file in job["files"].items():
        found = cost(who, other, file, job) if job["dtype"] == "float32" else noise(who, file, job)
        print(json.dumps({"task": name} | found), flush=True)


if __name__ == "__main__":
    main()
