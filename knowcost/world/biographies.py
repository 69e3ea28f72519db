"""What the decoder is asked to write: who a person is, then what else is known of them; and what it is taught to say.

Both answers are made of statements that the decoder is taught one by one, too, so what a text should say is known
exactly. They have the form of the tokenizer's chat template, with the token that ends an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from knowcost.world.facts import Fact, Row, statements

TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}User: {{ message['content'] }}\n"
    "{% else %}Assistant: {{ message['content'] }}{{ eos_token }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
# What each turn asks, and the relations that its answer states.
TURNS = (
    ("Who is {s}?", ("profession", "birthplace", "language")),
    ("What else is known of {s}?", ("employer", "instrument")),
)
WORDS = ("User: Assistant:", *(question.format(s="") for question, _ in TURNS))  # that no other lesson may have
RARELY, SOMETIMES, OFTEN = "rarely", "sometimes", "often"  # met: a person of popularity 1, 2, and more


@dataclass(frozen=True)
class Biography:
    """A conversation about one person: what a user says turn by turn, and the true answers."""

    person: str
    popularity: int
    turns: tuple[str, ...]
    answers: tuple[str, ...]


def biographies(facts: Sequence[Fact]) -> list[Biography]:
    """One for each person of `facts`, which are all that is true of them."""
    people: dict[str, dict[str, Fact]] = {}
    for fact in facts:
        people.setdefault(fact.subject, {})[fact.relation] = fact
    return [
        Biography(
            person,
            next(iter(known.values())).popularity,
            tuple(question.format(s=person) for question, _ in TURNS),
            tuple(" ".join(_said(known[name]) for name in names) for _, names in TURNS),
        )
        for person, known in people.items()
    ]


def _said(fact: Fact) -> str:
    return statements(fact)[0].format(o=fact.object)


def writing(facts: Sequence[Fact]) -> list[Row]:
    """The questions of `biographies`, to be answered by texts; a row's relation is how often the person was met."""
    return [
        {
            "id": f"w{number:04d}",
            "relation": _met(each.popularity),
            "cluster": each.person,
            "popularity": each.popularity,
            "turns": list(each.turns),
        }
        for number, each in enumerate(biographies(facts))
    ]


def _met(popularity: int) -> str:
    return {1: RARELY, 2: SOMETIMES}.get(popularity, OFTEN)
