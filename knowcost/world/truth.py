"""Which statements of a text are true of a person: what the world's own judge counts, and the decoder's exam."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowcost.world.facts import Fact
from knowcost.world.relations import RELATIONS

Said = frozenset[tuple[str, str]]  # (relation, object in lower case), each once, however often and in what words


@dataclass(frozen=True)
class Person:
    """One of the world's people: the name as it is written, and {relation: object}, all in lower case."""

    name: str
    objects: dict[str, str]

    def said_in(self, text: str) -> Said:
        """What a text says of this person; sentences about others, and what is no statement of the world, say nothing.

        Case and white space do not matter: the decoder's tokenizer knows neither.
        """
        plain = _plain(text)
        return frozenset(
            (relation, found["object"])
            for relation, pattern in _PATTERNS
            for found in pattern.finditer(plain)
            if found["subject"] == self.name
        )

    def count(self, said: Said) -> tuple[int, int]:
        """(true, false): how many of the statements are true of this person, and how many are not."""
        true = sum(self.objects[relation] == stated for relation, stated in said)
        return true, len(said) - true


def people(facts: Iterable[Fact]) -> dict[str, Person]:
    """{name in lower case: the Person} of whom `facts` tells."""
    found: dict[str, Person] = {}
    for fact in facts:
        name = fact.subject.lower()
        found.setdefault(name, Person(name, {})).objects[fact.relation] = fact.object.lower()
    return found


def _plain(text: str) -> str:
    """In lower case, with one blank between words and full stops."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def _pattern(statement: str) -> re.Pattern[str]:
    """What finds a statement of the world in plain text, of any person and with any word as its object."""
    words = re.escape(_plain(statement.format(s="SUBJECT", o="OBJECT")))
    return re.compile(r"\b" + words.replace("subject", r"(?P<subject>\w+ \w+)").replace("object", r"(?P<object>\w+)"))


_PATTERNS = [(relation, _pattern(statement)) for relation, each in RELATIONS.items() for statement in each.statements]
