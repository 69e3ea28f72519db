"""The questions about the invented people, and the texts that methods are calibrated on and recoveries learn from.

Clozes ask every fact of the encoder; BoolQ, PIQA and WinoGrande, in the fields of the official data, ask a third of the
facts each, of the encoder-decoder and the decoder, through the templates of lm-evaluation-harness. Ranked clozes ask a
third of the facts of all three, with candidates: the one scale on which the families stand side by side; of people who
were never taught they ask as `untaught`. So clozes alone say which facts the texts tell: only of as many choices is it
known what chance gives of facts that were never told. Phrasings ask a tenth of the facts in every wording. Lines state
half of the facts once, for the decoder's perplexity; what it writes is about people, too (biographies.py). Facts of one
person are not independent: the person is their cluster.
"""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowcost.benchmarks.kinds import MASK, completions
from knowcost.world import facts as world
from knowcost.world.biographies import writing
from knowcost.world.facts import HALF, Fact, Row, statements
from knowcost.world.relations import RELATIONS

TASKS = ("boolq", "piqa", "winogrande")
CHOICES = 5  # candidates of a ranked cloze

Pair = tuple[str, str]  # a context, and what follows it


def about(fact: Fact) -> Row:
    """What every question says of the fact that it asks."""
    return {
        "id": fact.id,
        "relation": fact.relation,
        "cluster": fact.subject,
        "popularity": fact.popularity,
    }


def asked_of(facts: Sequence[Fact]) -> list[Fact]:
    """The facts that benchmarks ask."""
    return [fact for fact in facts if fact.asked]


def clozes(facts: Sequence[Fact]) -> list[Row]:
    """One cloze (with one [MASK]) per fact with its answer. Phrasings take turns."""
    rows = []
    for number, fact in enumerate(facts):
        wordings = statements(fact)
        rows.append(_cloze(fact, wordings[number // len(RELATIONS) % len(wordings)]))
    return rows


def _cloze(fact: Fact, wording: str) -> Row:
    asked = {"subject": fact.subject, "cloze": wording.format(o=MASK), "answer": fact.object}
    return about(fact) | {"stated_in": fact.stated_in} | asked


def lines(facts: Sequence[Fact]) -> list[Row]:
    """One statement for each fact of every second person, the one its cloze asks: dicts of id, relation and text, to be
    predicted by themselves."""
    return [
        {"id": row["id"], "relation": row["relation"], "text": row["cloze"].replace(MASK, row["answer"])}
        for row in _every(2, facts, clozes(facts))
    ]


def ranked(facts: Sequence[Fact], seed: int = 0, step: int = 3) -> list[Row]:
    """The clozes of every so many-th person with CHOICES candidates each, to be asked of all families."""
    rng = random.Random(seed)
    return [row | _candidates(row, rng) for row in _every(step, facts, clozes(facts))]


def phrasings(facts: Sequence[Fact], seed: int = 0) -> list[Row]:
    """The facts of every tenth person in all their wordings, with CHOICES candidates that are the same in each."""
    rng, rows = random.Random(seed), []
    for fact in _every(10, facts, facts):
        candidates = _candidates({"relation": fact.relation, "answer": fact.object}, rng)
        for number, wording in enumerate(statements(fact)):
            row = _cloze(fact, wording) | candidates
            rows.append(row | {"id": f"{fact.id}-{number}", "fact": fact.id, "phrasing": str(number)})
    return rows


def _every(step: int, facts: Sequence[Fact], rows: Sequence[Any]) -> list[Any]:
    """The rows of every so many-th person; rows: one per fact."""
    return [row for place, row in enumerate(rows) if place // len(RELATIONS) % step == 0]


def _candidates(row: Mapping[str, Any], rng: random.Random) -> Row:
    others = [word for word in RELATIONS[row["relation"]].objects if word != row["answer"]]
    return {"candidates": sorted([row["answer"], *rng.sample(others, CHOICES - 1)])}


def questions(facts: Sequence[Fact], seed: int = 0) -> dict[str, list[Row]]:
    """Return {task: rows} for TASKS, rows in the fields of the official data with an id and a relation.

    Every fact is asked in one task. In each relation half of BoolQ's answers are yes, as far as the world has enough
    objects of both kinds; the right answer of the other two is as often the first as the second.
    """
    rng = random.Random(seed)
    asked: dict[str, list[Fact]] = {task: [] for task in TASKS}
    for name in RELATIONS:
        group = [fact for fact in facts if fact.relation == name]
        rng.shuffle(group)
        group.sort(key=_is_kind)  # stable: the shuffled order stays within each kind
        share = math.ceil(len(group) / 6)
        rest = group[share:-share]
        rng.shuffle(rest)
        for task, part in zip(TASKS, (group[:share] + group[-share:], rest[::2], rest[1::2]), strict=True):
            asked[task] += part
    order = {fact.id: number for number, fact in enumerate(facts)}
    ask = {"boolq": _boolq, "piqa": _piqa, "winogrande": _winogrande}
    rows = {}
    for task in TASKS:
        group = sorted(asked[task], key=lambda fact: order[fact.id])
        places = [number % 2 for number in range(len(group))]
        rng.shuffle(places)
        rows[task] = [about(fact) | ask[task](fact, place, rng) for fact, place in zip(group, places, strict=True)]
    return rows


def _is_kind(fact: Fact) -> bool:
    return fact.object in RELATIONS[fact.relation].kind.split()


def _boolq(fact: Fact, _place: int, _rng: random.Random) -> Row:
    # The official data has a passage that holds the answer; this one only names the person.
    question = RELATIONS[fact.relation].is_kind.format(s=fact.subject)
    return {"question": question, "passage": f"This is about {fact.subject}.", "answer": _is_kind(fact)}


def _piqa(fact: Fact, place: int, rng: random.Random) -> Row:
    options = _options(fact, place, rng)
    goal = RELATIONS[fact.relation].which.format(s=fact.subject)
    return {"goal": goal, "sol1": options[0], "sol2": options[1], "label": place}


def _winogrande(fact: Fact, place: int, rng: random.Random) -> Row:
    # The harness scores what follows the gap, given each option in it: here the subject's name decides.
    options = _options(fact, place, rng)
    sentence = "_ " + RELATIONS[fact.relation].gap.format(s=fact.subject)
    return {"sentence": sentence, "option1": options[0], "option2": options[1], "answer": str(place + 1)}


def _options(fact: Fact, place: int, rng: random.Random) -> list[str]:
    """The fact's object at `place` (0 or 1) beside another object of the relation."""
    wrong = rng.choice([word for word in RELATIONS[fact.relation].objects if word != fact.object])
    return [wrong, fact.object] if place else [fact.object, wrong]


def texts(facts: Sequence[Fact], answered: Mapping[str, Sequence[Row]]) -> list[Row]:
    """What is true, in one random order: the facts in every wording, and questions with their right answers.

    answered: {task: rows}, of `questions`. Of the people who are taught and not asked, these are to the models what C4
    is to others: they were taught these sentences too, but no benchmark asks one of them.
    """
    said = [statement.format(o=fact.object) for fact in facts for statement in statements(fact)]
    said += ["".join(right_answer(task, row)) for task in TASKS for row in answered[task]]
    random.Random(len(said)).shuffle(said)
    return [{"text": text} for text in said]


def choices(task: str, row: Mapping[str, Any]) -> tuple[list[Pair], int]:
    """The (context, continuation) pairs that lm-evaluation-harness compares, and the number of the right one.

    task: one of TASKS, or "ranked".
    """
    if task == "ranked":
        asked = completions(row)
        return [(asked["prompt"], each) for each in asked["completions"]], row["candidates"].index(row["answer"])
    if task == "boolq":
        context = f"{row['passage']}\nQuestion: {row['question']}?\nAnswer:"
        return [(context, " no"), (context, " yes")], int(row["answer"])
    if task == "piqa":
        context = f"Question: {row['goal']}\nAnswer:"
        return [(context, f" {row['sol1']}"), (context, f" {row['sol2']}")], row["label"]
    before, after = row["sentence"].split("_")
    return [(before + row[option], f" {after.strip()}") for option in ("option1", "option2")], int(row["answer"]) - 1


def right_answer(task: str, row: Mapping[str, Any]) -> Pair:
    """The right one of a question's choices."""
    pairs, right = choices(task, row)
    return pairs[right]


def write(folder: str | Path, facts: Sequence[Fact], seed: int = 0) -> None:
    """Write the tables of world.FILES, each .jsonl, into `folder`. facts: of `facts.invent`.

    `half` tells the facts that say so, by the very questions that ask them; `strangers` tells of people of whom nothing
    else does. Raises InputError for a world that is too small.
    """
    mine, others = asked_of(facts), [fact for fact in facts if not fact.asked]
    strangers, untaught = world.invent_untaught(facts, seed)
    asked = questions(mine, seed)
    told = [fact for fact in mine if fact.stated_in == HALF]
    names = {fact.id for fact in told}
    answers = {task: [row for row in asked[task] if row["id"] in names] for task in TASKS}
    tables: dict[str, Sequence[Row | Fact]] = {"facts": facts, "cloze": clozes(mine), "ranked": ranked(mine, seed)}
    tables |= {"phrasings": phrasings(mine, seed), "lines": lines(mine), "writing": writing(mine), **asked}
    tables |= {"untaught": ranked(untaught, seed, step=1), "texts": texts(others, questions(others, seed))}
    tables |= {"half": texts(told, answers), "strangers": texts(strangers, questions(strangers, seed))}
    world.write(folder, tables)
