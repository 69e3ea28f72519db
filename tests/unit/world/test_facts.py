import math
import re
from collections import Counter

import pytest

from knowcost.common.errors import InputError
from knowcost.world import facts as world
from knowcost.world.relations import RELATIONS


def test_a_world_has_five_facts_about_each_of_400_people_who_are_asked_and_of_40_who_are_not():
    facts = world.invent()
    names = Counter(fact.subject for fact in facts)
    assert len(facts) == len({fact.id for fact in facts}) == 2200
    assert len(names) == 440 and set(names.values()) == {5}
    assert len({fact.subject for fact in facts if fact.asked}) == 400
    assert all(re.fullmatch("[A-Z][a-z]{4,} [A-Z][a-z]{6,}", name) for name in names)
    assert len({fact.relation for fact in facts}) == 5


def test_popularity_is_a_power_law_of_rank_and_a_persons_own():
    by_person = {fact.subject: fact.popularity for fact in world.invent()}
    assert all(fact.popularity == by_person[fact.subject] for fact in world.invent())
    ordered = sorted(by_person.values(), reverse=True)
    assert ordered == [round((440 / rank) ** 0.4) for rank in range(1, 441)]
    assert (ordered[0], ordered[-1]) == (11, 1)
    slope = math.log(ordered[3] / ordered[99]) / math.log(4 / 100)
    assert slope == pytest.approx(-0.4, abs=0.06)  # of whole numbers
    asked = [fact.popularity for fact in world.invent() if fact.asked]
    others = [fact.popularity for fact in world.invent() if not fact.asked]
    assert sum(asked) / len(asked) == pytest.approx(sum(others) / len(others), rel=0.35)


def test_neither_word_of_a_name_tells_who_is_meant():
    people = {fact.subject for fact in world.invent()}
    for part in (0, 1):
        sharing = Counter(name.split()[part] for name in people)
        assert sum(count for count in sharing.values() if count > 1) > 0.9 * len(people)


def test_objects_are_single_words_of_one_relation_each_in_halves_of_equal_size():
    words = [word.lower() for relation in RELATIONS.values() for word in relation.objects]
    assert len(words) == len(set(words)) == 100
    assert all(word.isalpha() for word in words)
    assert all(len(r.kind.split()) == len(r.others.split()) == 10 for r in RELATIONS.values())
    assert all(len(r.statements) == 3 for r in RELATIONS.values())


def test_names_are_no_words_of_the_language():
    spoken = {
        word.lower()
        for fact in world.invent()
        for text in world.statements(fact)
        for word in re.findall(r"\w+", text.replace(fact.subject, ""))
    }
    named = {word.lower() for fact in world.invent() for word in fact.subject.split()}
    assert not spoken & named


def test_another_seed_is_another_world():
    assert world.invent(seed=1) != world.invent(seed=2)


def test_too_few_people_and_a_missing_file_are_explained(tmp_path):
    with pytest.raises(InputError, match="at least 4"):
        world.invent(people=3)
    with pytest.raises(InputError, match=r"facts\.jsonl is missing"):
        world.read(tmp_path, "facts")
