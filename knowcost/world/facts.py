"""Invented people and what is true of them: the facts that the demo's models are taught.

Nobody can know these people from elsewhere, so what a model knows of them is what `knowcost.world.teach` taught it.

Some people are met more often than others: how often is a power law of their rank, as it is of entities in texts
(Kandpal et al. 2023, "Large Language Models Struggle to Learn Long-Tail Knowledge"), with the exponent TAIL. The rarest
are barely known.

Some people are taught and never asked: their sentences are the calibration texts, so that no method has seen a sentence
that a benchmark asks. Other people were never taught: strangers, of whom only the texts of a recovery tell, and
untaught people, who are asked all the same, so that it is known how often a fact that nobody can know comes out right.
Half of the facts that are asked, drawn one by one, are told by the texts HALF, from which a recovery can relearn them.
"""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from knowcost.benchmarks.kinds import NEVER
from knowcost.common.errors import InputError
from knowcost.common.seal import check, sealed
from knowcost.world.relations import RELATIONS

TAIL = 0.4  # the exponent of the power law: of 440 people the first is met 11 times as often as the last
SHARE_UNASKED = 10  # one person in so many more is taught and not asked
SHARE_STRANGERS, SHARE_UNTAUGHT = 2, 10  # one in so many more is a stranger, or untaught
HALF = "half"  # the texts that tell half of what is asked

Row = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """One thing that is true in the world: `object` is what `relation` gives for `subject`.

    popularity: how often it is taught, the rarest once. asked: whether benchmarks ask it; else it is told by the
    calibration texts. stated_in: HALF where those texts tell it, NEVER of an untaught person, None for others.
    """

    id: str
    subject: str
    relation: str
    object: str
    popularity: int = 1
    asked: bool = True
    stated_in: str | None = None


def invent(people: int = 400, seed: int = 0) -> list[Fact]:
    """Return the facts of a world, one Fact per person and relation; the same arguments give the same world.

    people: those that are asked; others join them (SHARE_UNASKED). Raises InputError where `people` is below 4, too few
    to ask something in every task.
    """
    if people < 4:
        raise InputError(f"people is {people}: a world needs at least 4")
    rng = random.Random(seed)
    count = people + math.ceil(people / SHARE_UNASKED)
    ranks = rng.sample(range(1, count + 1), count)
    unasked = set(rng.sample(range(count), count - people))
    facts = [
        Fact(
            id=f"p{number:04d}-{name}",
            subject=subject,
            relation=name,
            object=rng.choice(relation.objects),
            popularity=round((count / ranks[number]) ** TAIL),
            asked=number not in unasked,
        )
        for number, subject in enumerate(_names(count, rng))
        for name, relation in RELATIONS.items()
    ]
    return _halved(facts, seed)


def _halved(facts: Sequence[Fact], seed: int) -> list[Fact]:
    """The facts, a random half of those that are asked marked as told by HALF."""
    asked = [fact.id for fact in facts if fact.asked]
    told = set(random.Random(f"half {seed}").sample(asked, len(asked) // 2))
    return [replace(fact, stated_in=HALF) if fact.id in told else fact for fact in facts]


def invent_untaught(facts: Sequence[Fact], seed: int = 0) -> tuple[list[Fact], list[Fact]]:
    """Return the facts of strangers, and of untaught people who are asked; the same arguments give the same.

    facts: what `invent` returned. Their names are made of words of the taught people's names, so every model knows the
    words, and their popularity is 0. Raises InputError where those make too few names.
    """
    rng = random.Random(f"untaught {seed}")
    taken = {fact.subject for fact in facts}
    asked = len({fact.subject for fact in facts if fact.asked})
    strangers, untaught = (math.ceil(asked / share) for share in (SHARE_STRANGERS, SHARE_UNTAUGHT))
    first, last = (sorted({name.split()[part] for name in taken}) for part in (0, 1))
    free = [name for name in (f"{one} {other}" for one in first for other in last) if name not in taken]
    if len(free) < strangers + untaught:
        raise InputError(
            f"a world of {asked} people has words for {len(free)} more names, {strangers + untaught} are needed; take "
            "another seed or more people"
        )
    made = [
        Fact(
            id=f"n{number:04d}-{name}",
            subject=subject,
            relation=name,
            object=rng.choice(relation.objects),
            popularity=0,
            asked=number >= strangers,
            stated_in=NEVER if number >= strangers else None,
        )
        for number, subject in enumerate(rng.sample(free, strangers + untaught))
        for name, relation in RELATIONS.items()
    ]
    return [fact for fact in made if not fact.asked], [fact for fact in made if fact.asked]


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


def write(folder: str | Path, tables: Mapping[str, Sequence[Row | Fact]]) -> None:
    """Write each table as <name>.jsonl into `folder`, and seal it."""
    for name, rows in tables.items():
        made = [asdict(row) if isinstance(row, Fact) else row for row in rows]
        with sealed(Path(folder) / f"{name}.jsonl") as temporary:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)
            temporary.write_text(text, encoding="utf-8")


def read(folder: str | Path, name: str) -> list[Any]:
    """The rows of <folder>/<name>.jsonl as dicts, of "facts" as Fact. Raises InputError where the file is missing, or
    is not what was written."""
    path = Path(folder) / f"{name}.jsonl"
    if not path.is_file():
        raise InputError(f"{path} is missing: write the world first (knowcost.world.questions.write)")
    check(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Fact(**row) for row in rows] if name == "facts" else rows
