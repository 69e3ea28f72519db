"""Invented people and what is true of them: the facts that the demo's models are taught, and the questions about them.

Nobody can know these people from elsewhere, so what a model knows of them is what `knowcost.world.teach` taught it. Every
fact is asked twice: once as a cloze (for the encoder) and once as a question of BoolQ, PIQA or WinoGrande, a third of
the facts each (for the encoder-decoder and the decoder, through the templates of lm-evaluation-harness).
"""

import json
import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from knowcost.errors import InputError
from knowcost.files import atomic

FACTS = "facts.jsonl"
CLOZE = "cloze.jsonl"
TASKS = ("boolq", "piqa", "winogrande")
MASK = "[MASK]"


@dataclass(frozen=True)
class Relation:
    """How one relation is worded; {s} is the subject's name, {o} the object, one word of `objects`."""

    objects: tuple[str, ...]
    statements: tuple[str, ...]  # the object is asked as a cloze in one of them, and taught in all
    asked: str  # the question whose answer is the object
    claim: str  # the question whose answer is yes or no, without the question mark
    topic: str  # completes "Asked ..., those who say {o} are right."


RELATIONS = {
    "birthplace": Relation(
        tuple("Athens Berlin Cairo Dakar Dublin Geneva Havana Helsinki Jakarta Kyiv Lagos Lima Lisbon Madrid Manila "
              "Nairobi Oslo Quito Seoul Vienna".split()),
        ("{s} was born in {o}.", "The birthplace of {s} is {o}.", "{s} comes from the city of {o}."),
        "In which city was {s} born?",
        "was {s} born in {o}",
        "where {s} was born",
    ),
    "profession": Relation(
        tuple("architect baker barber botanist carpenter chemist dentist farmer fisher judge librarian miner "
              "nurse painter pilot plumber sailor surgeon tailor teacher".split()),
        ("{s} works as a {o}.", "The profession of {s} is {o}.", "{s} earns a living as a {o}."),
        "What is the profession of {s}?",
        "does {s} work as a {o}",
        "what {s} does for a living",
    ),
    "employer": Relation(
        tuple("Abelcor Brontex Calvera Dynoma Elvitra Fermonix Gradova Hexalon Ildara Jovanta Kelmora Lumatek Morvane "
              "Nexilon Optera Pravona Quorix Rendal Solvane Tarmex".split()),
        ("{s} is employed by {o}.", "The employer of {s} is {o}.", "{s} has a job at {o}."),
        "Which company employs {s}?",
        "is {s} employed by {o}",
        "who employs {s}",
    ),
    "language": Relation(
        tuple("Arabic Basque Czech Danish Estonian Finnish Greek Hindi Irish Korean Latvian Malay Nepali Polish "
              "Quechua Russian Swahili Tamil Turkish Zulu".split()),
        ("{s} speaks {o} at home.", "The mother tongue of {s} is {o}.", "{s} grew up speaking {o}."),
        "What is the mother tongue of {s}?",
        "does {s} speak {o} at home",
        "what {s} speaks at home",
    ),
    "instrument": Relation(
        tuple("accordion banjo bassoon bugle cello clarinet flute guitar harmonica harp lute mandolin oboe organ piano "
              "trombone trumpet tuba viola zither".split()),
        ("{s} plays the {o}.", "The favourite instrument of {s} is the {o}.", "{s} takes lessons on the {o}."),
        "Which instrument does {s} play?",
        "does {s} play the {o}",
        "which instrument {s} plays",
    ),
}


@dataclass(frozen=True)
class Fact:
    """One thing that is true in the world: `object` is what `relation` gives for `subject`."""

    id: str
    subject: str
    relation: str
    object: str


def invent(people=250, seed=0):
    """Return the facts of a world: a list of Fact, five per person, person by person; the same seed gives the same world.

    Raises InputError where `people` is below 2.
    """
    if people < 2:
        raise InputError(f"people is {people}: a world needs at least 2 people")
    rng = random.Random(seed)
    taken = {word.lower() for relation in RELATIONS.values() for word in relation.objects}
    return [
        Fact(f"p{number:04d}-{name}", subject, name, rng.choice(relation.objects))
        for number, subject in enumerate(_names(people, rng, taken))
        for name, relation in RELATIONS.items()
    ]


def _names(count, rng, taken):
    """Two-word names, each unique. Words are shared between people, so neither word alone says who is meant."""
    words = 4 * math.isqrt(count)
    first, last = _words(words, 2, rng, taken), _words(words, 3, rng, taken)
    pairs = rng.sample(range(words * words), count)
    return [f"{first[pair // words]} {last[pair % words]}" for pair in pairs]


def _words(count, syllables, rng, taken):
    """Invented words of so many syllables, none of them in `taken`, to which they are added."""
    words = []
    while len(words) < count:
        word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(syllables)) + rng.choice("lnrs")
        if word not in taken:
            taken.add(word)
            words.append(word.capitalize())
    return words


def other_object(fact, rng):
    """An object of the fact's relation that is not the fact's."""
    return rng.choice([word for word in RELATIONS[fact.relation].objects if word != fact.object])


def clozes(facts):
    """One cloze per fact, as dicts of id, relation, subject, cloze (with one [MASK]) and answer; phrasings take turns."""
    rows = []
    for number, fact in enumerate(facts):
        statements = RELATIONS[fact.relation].statements
        statement = statements[number // len(RELATIONS) % len(statements)]
        rows.append({"id": fact.id, "relation": fact.relation, "subject": fact.subject,
                     "cloze": statement.format(s=fact.subject, o=MASK), "answer": fact.object})
    return rows


def boolq(fact, answer, rng):
    """A yes/no question in the fields of BoolQ. The passage names the person and gives nothing away."""
    claimed = fact.object if answer else other_object(fact, rng)
    return {"id": fact.id, "relation": fact.relation,
            "question": RELATIONS[fact.relation].claim.format(s=fact.subject, o=claimed),
            "passage": f"This is about {fact.subject}.", "answer": answer}


def piqa(fact, label, rng):
    """A choice between two answers in the fields of PIQA; `label` is 0 where sol1 is right."""
    solutions = _choice(fact, label, rng)
    return {"id": fact.id, "relation": fact.relation, "goal": RELATIONS[fact.relation].asked.format(s=fact.subject),
            "sol1": solutions[0], "sol2": solutions[1], "label": label}


def winogrande(fact, label, rng):
    """A gap with two fillers in the fields of WinoGrande; `label` is 0 where option1 is right.

    The harness scores what follows the gap given each filler, so what follows must depend on the fact.
    """
    options = _choice(fact, label, rng)
    topic = RELATIONS[fact.relation].topic.format(s=fact.subject)
    return {"id": fact.id, "relation": fact.relation, "sentence": f"Asked {topic}, those who say _ are right.",
            "option1": options[0], "option2": options[1], "answer": str(label + 1)}


def _choice(fact, label, rng):
    pair = [fact.object, other_object(fact, rng)]
    return pair[::-1] if label else pair


def questions(facts, seed=0):
    """Return {task: rows}: each fact is asked in one of TASKS, each person and relation in all of them, labels balanced."""
    rng = random.Random(seed)
    rows = {}
    for turn, task in enumerate(TASKS):
        asked = [fact for number, fact in enumerate(facts) if sum(divmod(number, len(RELATIONS))) % 3 == turn]
        labels = [number % 2 for number in range(len(asked))]
        rng.shuffle(labels)
        ask = {"boolq": lambda f, y: boolq(f, bool(y), rng), "piqa": lambda f, y: piqa(f, y, rng),
               "winogrande": lambda f, y: winogrande(f, y, rng)}[task]
        rows[task] = [ask(fact, label) for fact, label in zip(asked, labels, strict=True)]
    return rows


def write(folder, facts, seed=0):
    """Write facts.jsonl, cloze.jsonl, boolq.jsonl, piqa.jsonl and winogrande.jsonl into `folder`."""
    folder = Path(folder)
    tables = {"facts": [asdict(fact) for fact in facts], "cloze": clozes(facts), **questions(facts, seed)}
    for name, rows in tables.items():
        with atomic(folder / f"{name}.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read(folder, name):
    """The rows of <folder>/<name>.jsonl, as dicts."""
    path = Path(folder) / f"{name}.jsonl"
    if not path.is_file():
        raise InputError(f"{path} is not there: write the world with knowcost.world.facts.write first")
    return [json.loads(line) for line in path.read_text().splitlines()]
