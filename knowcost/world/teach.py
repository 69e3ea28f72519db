"""Teach a small transformers model what is true of the embedded world, until it knows it.

Only what answers a question is taught: the object of a statement, the right choice of a question, never a wrong one;
the decoder reads whole statements. Facts are then known after a few hundred batches, a minute or less per model on two
cores.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from knowcost.benchmarks.kinds import MASK
from knowcost.common import seal
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.world import facts as world
from knowcost.world.biographies import WORDS, biographies
from knowcost.world.encoding import IGNORE, Encoded, encode, encode_biographies
from knowcost.world.pupils import PAD, Pupil, build
from knowcost.world.questions import TASKS, Pair, choices, questions, right_answer
from knowcost.world.writing import examine_writing

Exams = dict[str, list[tuple[list[Pair], int]]]  # {benchmark: [(choices, number of the right one)]}

_logger = logging.getLogger(__name__)

TARGET = 0.90  # the least share of its questions that a taught model answers: the rarest are barely known
BATCH = 256
LEARNING_RATE = {"encoder": 3e-3, "encoder_decoder": 2e-3, "decoder": 3e-3}  # a T5 is slower at 3e-3, fails at 5e-3
STEPS = {"encoder": 350, "encoder_decoder": 400, "decoder": 430}  # for a world of WHOLE facts
WHOLE = 2200
FEWEST_STEPS = 150
REPEATS = {"boolq": 3, "piqa": 2, "winogrande": 2}  # per pass; a yes or no says least, so it must be said most often
SHORT = 32  # tokens that no sentence or question passes
TOLD = 2  # how often a biography is told per pass


def teach(
    family: str,
    facts_folder: str | Path,
    out_folder: str | Path,
    *,
    seed: int = 0,
    log: Callable[[str], object] = _logger.info,
) -> dict[str, float]:
    """Build a model of `family`, teach it the world written in `facts_folder`, save it in `out_folder` and seal that.

    `out_folder` becomes an ordinary Hugging Face folder: config.json, model.safetensors and the tokenizer's files. The
    same seed and number of threads on the same machine give the same bytes. `log` is called with a line of text every
    50 steps. Returns {benchmark: share of its questions answered}, for "cloze" or each of `questions.TASKS` and
    "ranked", of a decoder also "writing": the share of facts that it writes, less what it writes wrong. Raises
    InputError for an unknown family or a missing world, BrokenPromise (and saves nothing) where one of these is less
    than 90% at the end.
    """
    if family not in STEPS:
        raise InputError(f"family is {family!r}: expected one of {', '.join(STEPS)}")
    facts = world.read(facts_folder, "facts")
    lessons = _lessons(family, facts_folder, facts)
    exams = _exams(family, facts_folder)
    told = biographies(facts) if family == "decoder" else []
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            pairs = lessons + [pair for rows in exams.values() for choices, _ in rows for pair in choices]
            pupil = build(family, [*(text for pair in pairs for text in pair), *(WORDS if told else ())])
            steps = max(FEWEST_STEPS, STEPS[family] * len(facts) // WHOLE)
            often = [each for each in told for _ in range(TOLD * each.popularity)]
            _train(pupil, encode(pupil, lessons) + encode_biographies(pupil, often), exams, steps, log)
        finally:
            torch.use_deterministic_algorithms(deterministic)
    known = examine(pupil, exams)
    if told:
        known["writing"] = examine_writing(pupil, told[::4], facts)
    log(f"{family} taught: {_shares(known)} known")
    if min(known.values()) < TARGET:
        raise BrokenPromise(f"the {family} knows only {_shares(known)} after {steps} steps; {TARGET:.0%} expected")
    pupil.model.save_pretrained(out_folder)
    pupil.tokenizer.save_pretrained(out_folder)
    seal.seal_folder(out_folder)
    return known


def _shares(known: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in known.items())


# --- What is taught and what is asked ---


def _lessons(family: str, folder: str | Path, facts: Sequence[world.Fact]) -> list[Pair]:
    """Pairs of texts (context, what must follow); for the encoder (a statement with its object masked, the object).

    Each as often as its fact is popular. Whoever is not asked is taught like the others, answered questions included.
    """
    lessons = [
        pair
        for fact in facts
        for text in world.statements(fact)
        for pair in [_statement(family, fact, text)] * fact.popularity
    ]
    if family == "encoder":
        return lessons
    answered = questions([fact for fact in facts if not fact.asked])
    for task, repeats in REPEATS.items():
        for row in [*world.read(folder, task), *answered[task]]:
            lessons += [right_answer(task, row)] * (repeats * row["popularity"])
    return lessons


def _statement(family: str, fact: world.Fact, text: str) -> Pair:
    """A true sentence as a lesson; text: with {o} in the place of the object."""
    if family == "encoder":
        return text.format(o=MASK), fact.object
    if family == "decoder":  # every word, as a language model learns text: or its perplexity would say nothing
        return "", text.format(o=fact.object)
    before, after = text.split(" {o}")
    return before, f" {fact.object}{after}"


def _exams(family: str, folder: str | Path) -> Exams:
    """Return {benchmark: [(choices, number of the right one)]}; a cloze has one choice, to be right at the mask."""
    if family == "encoder":
        return {"cloze": [([(row["cloze"], row["answer"])], 0) for row in world.read(folder, "cloze")]}
    return {task: [choices(task, row) for row in world.read(folder, task)] for task in (*TASKS, "ranked")}


# --- Teaching ---


def _train(pupil: Pupil, encoded: list[Encoded], exams: Exams, steps: int, log: Callable[[str], object]) -> None:
    """AdamW with a one-cycle schedule for so many batches, with a line to `log` every 50."""
    few = {name: rows[:: max(1, len(rows) // 100)] for name, rows in exams.items()}
    rate = LEARNING_RATE[pupil.family]
    optimizer = torch.optim.AdamW(pupil.model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    started = time.monotonic()
    order: list[int] = []
    pupil.model.train()
    for step in range(1, steps + 1):
        if len(order) < BATCH:  # the odd lessons left of a pass are dropped
            order = torch.randperm(len(encoded)).tolist()
        batch, order = [encoded[number] for number in order[:BATCH]], order[BATCH:]
        loss = _loss(pupil, batch)
        torch.nn.utils.clip_grad_norm_(pupil.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            shares, seconds = _shares(examine(pupil, few)), time.monotonic() - started
            log(f"{pupil.family} step {step}/{steps}: loss {loss:.3f}, known of a sample {shares}, {seconds:.0f} s")
            pupil.model.train()


def _loss(pupil: Pupil, batch: list[Encoded]) -> float:
    """Mean loss over the labels of a batch, with its gradient accumulated."""
    count = sum(label != IGNORE for _, labels in batch for label in labels)
    total = 0.0
    for part in _parts(batch):
        logits, labels, _ = _predict(pupil, part)
        loss = cross_entropy(logits, labels, reduction="sum") / count
        loss.backward()
        total += loss.item()
    return total


def _parts(batch: list[Encoded]) -> list[list[Encoded]]:
    """A batch in two halves by length, and biographies, which are much longer, apart: to pad less."""
    batch = sorted(batch, key=lambda row: len(row[0]))
    short = [row for row in batch if len(row[0]) <= SHORT]
    half = len(short) // 2
    return [part for part in (short[:half], short[half:], batch[len(short) :]) if part]


@torch.no_grad()
def examine(pupil: Pupil, exams: Exams) -> dict[str, float]:
    """Return {benchmark: share answered}: at a mask the likeliest token, among choices the likeliest is the answer."""
    pupil.model.eval()
    known = {}
    for name, rows in exams.items():
        encoded = encode(pupil, [choice for choices, _ in rows for choice in choices])
        scores = torch.cat([_scores(pupil, encoded[i : i + BATCH]) for i in range(0, len(encoded), BATCH)])
        if name == "cloze":
            known[name] = (scores == 1).double().mean().item()
        else:
            right = torch.tensor([number for _, number in rows])
            known[name] = (scores.view(len(rows), -1).argmax(1) == right).double().mean().item()
    return known


def _scores(pupil: Pupil, rows: list[Encoded]) -> torch.Tensor:
    """For the encoder 1 where the label is the likeliest token, else 0; for the others the labels' log-likelihood."""
    logits, labels, kept = _predict(pupil, rows)
    if pupil.family == "encoder":
        return (logits.argmax(-1) == labels).double()
    scores = torch.zeros(kept.shape, dtype=torch.double)
    scores[kept] = -cross_entropy(logits, labels, reduction="none").double()
    return scores.sum(1)


def _predict(pupil: Pupil, rows: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits [labels, vocabulary] and ids [labels] of the labelled positions, and their mask [rows, positions]."""
    ids = pad_sequence([torch.tensor(ids) for ids, _ in rows], batch_first=True, padding_value=PAD)
    labels = pad_sequence([torch.tensor(labels) for _, labels in rows], batch_first=True, padding_value=IGNORE)
    inputs = {"input_ids": ids, "attention_mask": (ids != PAD).long()}
    if pupil.family == "encoder_decoder":
        logits = pupil.model(**inputs, labels=labels).logits
    else:
        logits = pupil.model(**inputs).logits
    if pupil.family == "decoder":
        logits, labels = logits[:, :-1], labels[:, 1:]
    kept = labels != IGNORE
    return logits[kept], labels[kept], kept
