import pytest

from knowcost.world import facts as world
from knowcost.world.facts import Fact
from knowcost.world.relations import RELATIONS
from knowcost.world.truth import people

BELA = {
    "birthplace": "Lima",
    "profession": "mason",
    "employer": "Kelmora",
    "language": "Thai",
    "instrument": "tuba",
}


@pytest.fixture(scope="module")
def bela():
    facts = [Fact(f"p-{name}", "Bela Tonikus", name, word) for name, word in BELA.items()]
    return people([*facts, Fact("q", "Kora Tonikus", "birthplace", "Oslo")])["bela tonikus"]


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_wording_of_a_fact_is_true_and_with_another_object_false(bela, relation):
    for statement in RELATIONS[relation].statements:
        for word, expected in ((BELA[relation], (1, 0)), ("Harp", (0, 1)), ("word", (0, 1))):
            assert bela.count(bela.said_in(statement.format(s="Bela Tonikus", o=word))) == expected


def test_the_decoders_own_spelling_is_read(bela):
    text = "bela tonikus was born in lima . bela tonikus plays the tuba . bela tonikus speaks irish at home ."
    assert bela.said_in(text) == {("birthplace", "lima"), ("instrument", "tuba"), ("language", "irish")}
    assert bela.count(bela.said_in(text)) == (2, 1)


def test_a_statement_counts_once_in_whatever_words(bela):
    text = "Bela Tonikus was born in Lima. " * 3 + "The birthplace of Bela Tonikus is Lima."
    assert bela.count(bela.said_in(text)) == (1, 0)
    assert bela.count(bela.said_in(text + " Bela Tonikus was born in Oslo.")) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Kora Tonikus was born in Lima.",
        "The birthplace of Kora Tonikus is Lima.",
        "Bela was born in Lima.",
        "Bela Tonikus was born in.",
        "Bela Tonikus was born in Lima, too.",
        "Bela Tonikus is Lima.",
        "In which city was Bela Tonikus born? Lima",
        "Nabela Tonikus was born in Lima.",
        "Bela Tonikusa was born in Lima.",
    ],
)
def test_others_and_what_is_no_statement_say_nothing(bela, text):
    assert not bela.said_in(text)


def test_a_name_is_read_behind_a_loop_of_its_first_word(bela):
    assert bela.said_in("bela bela bela tonikus was born in lima .") == {("birthplace", "lima")}


def test_all_that_the_world_says_of_everybody_is_true():
    facts = world.invent(people=12)
    known = people(facts)
    for person in {fact.subject for fact in facts}:
        text = " ".join(
            line.format(o=fact.object) for fact in facts for line in world.statements(fact) if fact.subject == person
        )
        found = known[person.lower()]
        assert found.count(found.said_in(text)) == (5, 0)
        assert all(not other.said_in(text) for name, other in known.items() if name != person.lower())
