import pytest

pytest.importorskip("torch")

from knowcost.world import facts as world
from knowcost.world.biographies import WORDS, biographies, writing
from knowcost.world.encoding import IGNORE, encode_biographies
from knowcost.world.pupils import WINDOW, build


@pytest.fixture(scope="module")
def facts():
    return world.invent(people=40)


def test_both_answers_together_state_each_fact_of_the_person_once(facts):
    for each in biographies(facts):
        sentences = [f"{text}." for answer in each.answers for text in answer.rstrip(".").split(". ")]
        true = {fact.relation: fact for fact in facts if fact.subject == each.person}
        stated = {
            name: [text for text in sentences if text in {s.format(o=fact.object) for s in world.statements(fact)}]
            for name, fact in true.items()
        }
        assert len(sentences) == 5 and all(len(found) == 1 for found in stated.values())
        assert each.turns == (f"Who is {each.person}?", f"What else is known of {each.person}?")


def test_rows_ask_about_everybody_by_how_often_they_were_met(facts):
    rows = writing([fact for fact in facts if fact.asked])
    popularity = {fact.subject: fact.popularity for fact in facts if fact.asked}
    assert {row["cluster"]: row["popularity"] for row in rows} == popularity
    assert len({row["id"] for row in rows}) == len(rows) == 40
    met = {"rarely": {1}, "sometimes": {2}, "often": {3, 4}}
    assert {row["relation"] for row in rows} == set(met)
    assert all(row["popularity"] in met[row["relation"]] for row in rows)
    for row in rows:
        assert row["turns"] == [f"Who is {row['cluster']}?", f"What else is known of {row['cluster']}?"]


def test_lessons_have_the_form_of_the_chat_template_and_teach_answers_with_their_ends(facts):
    told = biographies(facts)
    pupil = build(
        "decoder", [text for each in told for text in each.answers] + [each.person for each in told] + [*WORDS]
    )
    for each, (ids, labels) in zip(told, encode_biographies(pupil, told), strict=True):
        said = [("user", each.turns[0]), ("assistant", each.answers[0]), ("user", each.turns[1])]
        messages = [{"role": role, "content": text} for role, text in said]
        first, second = (
            pupil.tokenizer.apply_chat_template(messages[:stop], add_generation_prompt=True, return_dict=False)
            for stop in (1, 3)
        )
        taught = [[*pupil.tokenizer(answer).input_ids, pupil.tokenizer.eos_token_id] for answer in each.answers]
        assert ids == second + taught[1] and ids[: len(first) + len(taught[0])] == first + taught[0]
        between = len(second) - len(first) - len(taught[0])
        assert labels == [IGNORE] * len(first) + taught[0] + [IGNORE] * between + taught[1]
        assert pupil.tokenizer.unk_token_id not in ids and len(ids) < WINDOW
