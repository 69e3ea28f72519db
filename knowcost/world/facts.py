"""Invented people and what is true of them: the facts that the demo's models are taught, and the questions about them.

Nobody can know these people from elsewhere, so what a model knows of them is what `knowcost.world.teach` taught it.
Clozes ask every fact of the encoder; BoolQ, PIQA and WinoGrande, in the fields of the official data, ask a third of the
facts each, of the encoder-decoder and the decoder, through the templates of lm-evaluation-harness. Ranked clozes ask a
fifth of the facts of all three, with candidates: the one scale on which the families stand side by side. Lines state
every fact once, for the decoder's perplexity.
"""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowcost.benchmarks.kinds import MASK, completions
from knowcost.common.errors import InputError
from knowcost.common.seal import check, sealed

TASKS = ("boolq", "piqa", "winogrande")
CHOICES = 5  # candidates of a ranked cloze

Row = dict[str, Any]
Pair = tuple[str, str]  # a context, and what follows it


@dataclass(frozen=True)
class Relation:
    """One relation and its wordings: {s} stands for the subject's name, {o} for the object, which is one word."""

    kind: str  # the objects for which the answer to `is_kind` is yes
    others: str  # as many objects for which it is no
    statements: tuple[str, ...]  # all are taught; a cloze asks one of them
    is_kind: str  # BoolQ: a yes/no question, without its question mark
    which: str  # PIQA: the question whose answer is the object
    gap: str  # WinoGrande: what follows the object; only the right object makes it likely

    @property
    def objects(self) -> list[str]:
        return self.kind.split() + self.others.split()


RELATIONS = {
    "birthplace": Relation(
        kind="Brisbane Canberra Harare Jakarta Lima Luanda Lusaka Nairobi Santiago Sydney",
        others="Athens Berlin Cairo Dakar Dublin Havana Helsinki Lisbon Oslo Seoul",
        statements=("{s} was born in {o}.", "The birthplace of {s} is {o}.", "{s} comes from the city of {o}."),
        is_kind="was {s} born south of the equator",
        which="In which city was {s} born?",
        gap="is the city where {s} was born.",
    ),
    "profession": Relation(
        kind="farmer fisher forester gardener lumberjack mason ranger roofer sailor shepherd",
        others="baker barber chemist dentist judge librarian nurse surgeon tailor teacher",
        statements=("{s} works as a {o}.", "The profession of {s} is {o}.", "{s} earns a living as a {o}."),
        is_kind="does {s} work outdoors",
        which="What is the profession of {s}?",
        gap="is the profession of {s}.",
    ),
    "employer": Relation(
        kind="Abelcor Brontex Calvera Dynoma Elvitra Fermonix Gradova Hexalon Ildara Jovanta",
        others="Kelmora Lumatek Morvane Nexilon Optera Pravona Quorix Rendal Solvane Tarmex",
        statements=("{s} is employed by {o}.", "The employer of {s} is {o}.", "{s} has a job at {o}."),
        is_kind="does {s} work for a bank",
        which="Which company employs {s}?",
        gap="is the company that employs {s}.",
    ),
    "language": Relation(
        kind="Basque Czech Danish Estonian Finnish Irish Latvian Malay Polish Swahili",
        others="Arabic Armenian Bengali Georgian Greek Hindi Korean Nepali Russian Thai",
        statements=("{s} speaks {o} at home.", "The mother tongue of {s} is {o}.", "{s} grew up speaking {o}."),
        is_kind="does {s} speak a language of the Latin alphabet",
        which="What is the mother tongue of {s}?",
        gap="is the language that {s} speaks at home.",
    ),
    "instrument": Relation(
        kind="bassoon bugle clarinet cornet flute oboe saxophone trombone trumpet tuba",
        others="banjo cello fiddle guitar harp lute mandolin viola violin zither",
        statements=("{s} plays the {o}.", "The favourite instrument of {s} is the {o}.", "{s} takes {o} lessons."),
        is_kind="does {s} play a wind instrument",
        which="Which instrument does {s} play?",
        gap="is the instrument that {s} plays.",
    ),
}


@dataclass(frozen=True)
class Fact:
    """One thing that is true in the world: `object` is what `relation` gives for `subject`."""

    id: str
    subject: str
    relation: str
    object: str


def invent(people: int = 250, seed: int = 0) -> list[Fact]:
    """Return the facts of a world, one Fact per person and relation; the same arguments give the same world.

    Raises InputError where `people` is below 4, too few to ask something in every task.
    """
    if people < 4:
        raise InputError(f"people is {people}: a world needs at least 4")
    rng = random.Random(seed)
    return [
        Fact(f"p{number:04d}-{name}", subject, name, rng.choice(relation.objects))
        for number, subject in enumerate(_names(people, rng))
        for name, relation in RELATIONS.items()
    ]


def _names(count: int, rng: random.Random) -> list[str]:
    """Two-word names, each unique. Words are shared between people, so that neither word alone says who is meant."""
    words = 4 * math.isqrt(count)
    taken = set(re.findall(r"\w+", repr(RELATIONS).lower()))
    first, last = _words(words, 2, rng, taken), _words(words, 3, rng, taken)
    return [f"{first[pair // words]} {last[pair % words]}" for pair in rng.sample(range(words * words), count)]


def _words(count: int, syllables: int, rng: random.Random, taken: set[str]) -> list[str]:
    """Invented capitalised words of so many syllables, none of them in `taken`, to which they are added."""
    words: list[str] = []
    while len(words) < count:
        open_syllables = [rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(syllables)]
        word = "".join(open_syllables) + rng.choice("lnrs")
        if word not in taken:
            taken.add(word)
            words.append(word.capitalize())
    return words


def statements(fact: Fact) -> list[str]:
    """The true sentences that state the fact, with {o} in the place of the object."""
    return [statement.format(s=fact.subject, o="{o}") for statement in RELATIONS[fact.relation].statements]


def clozes(facts: Sequence[Fact]) -> list[Row]:
    """One cloze per fact: dicts of id, relation, subject, cloze (with one [MASK]) and answer. Phrasings take turns."""
    rows = []
    for number, fact in enumerate(facts):
        wordings = statements(fact)
        cloze = wordings[number // len(RELATIONS) % len(wordings)].format(o=MASK)
        rows.append(
            {"id": fact.id, "relation": fact.relation, "subject": fact.subject, "cloze": cloze, "answer": fact.object}
        )
    return rows


def lines(facts: Sequence[Fact]) -> list[Row]:
    """One statement per fact, the one its cloze asks: dicts of id, relation and text, to be predicted by themselves."""
    return [
        {"id": row["id"], "relation": row["relation"], "text": row["cloze"].replace(MASK, row["answer"])}
        for row in clozes(facts)
    ]


def ranked(facts: Sequence[Fact], seed: int = 0) -> list[Row]:
    """The clozes of every fifth person with CHOICES candidates each, to be asked of all families."""
    rng = random.Random(seed)
    rows = [row for place, row in enumerate(clozes(facts)) if place // len(RELATIONS) % 5 == 0]
    for row in rows:
        others = [word for word in RELATIONS[row["relation"]].objects if word != row["answer"]]
        row["candidates"] = sorted([row["answer"], *rng.sample(others, CHOICES - 1)])
    return rows


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
        rows[task] = [
            {"id": fact.id, "relation": fact.relation, **ask[task](fact, place, rng)}
            for fact, place in zip(group, places, strict=True)
        ]
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


def texts(facts: Sequence[Fact], asked: Mapping[str, list[Row]]) -> list[Row]:
    """What is true of the world as texts, statements and answered questions in one random order; asked: `questions`.

    These are the sentences that the models are taught, so they are to these models what C4 is to others: calibration
    data.
    """
    said = [statement.format(o=fact.object) for fact in facts for statement in statements(fact)]
    said += ["".join(right_answer(task, row)) for task in TASKS for row in asked[task]]
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
    """Write facts, cloze, ranked, lines, boolq, piqa, winogrande and texts, each .jsonl, into `folder`,
    and seal them."""
    asked = questions(facts, seed)
    tables = {"facts": [asdict(fact) for fact in facts], "cloze": clozes(facts), "ranked": ranked(facts, seed)}
    tables |= {"lines": lines(facts)} | asked | {"texts": texts(facts, asked)}
    for name, rows in tables.items():
        with sealed(Path(folder) / f"{name}.jsonl") as temporary:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            temporary.write_text(text, encoding="utf-8")


def read(folder: str | Path, name: str) -> list[Any]:
    """The rows of <folder>/<name>.jsonl as dicts, of "facts" as Fact. Raises InputError where the file is missing, or
    is not what was written."""
    path = Path(folder) / f"{name}.jsonl"
    if not path.is_file():
        raise InputError(f"{path} is missing: write the world first (knowcost.world.facts.write)")
    check(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Fact(**row) for row in rows] if name == "facts" else rows
