import json
import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from knowcost.common.errors import InputError
from knowcost.world import facts as world


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    world.write(folder, world.invent())
    return folder


def rows_of(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_a_world_has_five_facts_about_each_of_250_people():
    facts = world.invent()
    names = Counter(fact.subject for fact in facts)
    assert len(facts) == len({fact.id for fact in facts}) == 1250
    assert len(names) == 250 and set(names.values()) == {5}
    assert all(re.fullmatch("[A-Z][a-z]{4,} [A-Z][a-z]{6,}", name) for name in names)
    assert len({fact.relation for fact in facts}) == 5


def test_neither_word_of_a_name_tells_who_is_meant():
    people = {fact.subject for fact in world.invent()}
    for part in (0, 1):
        sharing = Counter(name.split()[part] for name in people)
        assert sum(count for count in sharing.values() if count > 1) > 0.9 * len(people)


def test_objects_are_single_words_of_one_relation_each_in_halves_of_equal_size():
    words = [word.lower() for relation in world.RELATIONS.values() for word in relation.objects]
    assert len(words) == len(set(words)) == 100
    assert all(word.isalpha() for word in words)
    assert all(len(r.kind.split()) == len(r.others.split()) == 10 for r in world.RELATIONS.values())
    assert all(len(r.statements) == 3 for r in world.RELATIONS.values())


def test_names_are_no_words_of_the_language():
    spoken = {
        word.lower()
        for fact in world.invent()
        for text in world.statements(fact)
        for word in re.findall(r"\w+", text.replace(fact.subject, ""))
    }
    named = {word.lower() for fact in world.invent() for word in fact.subject.split()}
    assert not spoken & named


def test_the_same_seed_writes_the_same_bytes_in_every_process(folder, tmp_path, root):
    program = f"from knowcost.world import facts as w; w.write({str(tmp_path)!r}, w.invent())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    names = [
        "boolq.jsonl",
        "cloze.jsonl",
        "facts.jsonl",
        "lines.jsonl",
        "piqa.jsonl",
        "ranked.jsonl",
        "texts.jsonl",
        "winogrande.jsonl",
    ]
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_lines_state_every_fact_once_as_its_cloze_asks_it(folder):
    stated = {fact.id: {text.format(o=fact.object) for text in world.statements(fact)} for fact in world.invent()}
    rows, asked = rows_of(folder, "lines"), {row["id"]: row for row in rows_of(folder, "cloze")}
    assert {row["id"] for row in rows} == set(stated) and len(rows) == len(stated)
    for row in rows:
        assert row["text"] in stated[row["id"]]
        before, after = asked[row["id"]]["cloze"].split("[MASK]")
        assert row["text"].startswith(before) and row["text"].endswith(after)


def test_ranked_clozes_ask_a_fifth_with_the_answer_among_the_candidates(folder):
    rows, whole = world.read(folder, "ranked"), {row["id"]: row for row in world.read(folder, "cloze")}
    assert len(rows) == len(whole) // 5 and len({row["relation"] for row in rows}) == 5
    for row in rows:
        candidates = row.pop("candidates")
        assert row == whole[row["id"]] and len(set(candidates)) == 5 and row["answer"] in candidates
        assert set(candidates) <= set(world.RELATIONS[row["relation"]].objects)


def test_another_seed_is_another_world():
    assert world.invent(seed=1) != world.invent(seed=2)


def test_a_cloze_has_one_mask_and_filled_in_states_its_fact(folder):
    facts = {fact.id: fact for fact in world.invent()}
    rows = rows_of(folder, "cloze")
    assert len(rows) == 1250
    for row in rows:
        fact = facts[row["id"]]
        assert row["cloze"].count("[MASK]") == 1
        assert (row["subject"], row["relation"], row["answer"]) == (fact.subject, fact.relation, fact.object)
        stated = {text.format(s=fact.subject, o=fact.object) for text in world.RELATIONS[fact.relation].statements}
        assert row["cloze"].replace("[MASK]", row["answer"]) in stated


def test_every_fact_is_asked_in_one_task_and_each_relation_in_all(folder):
    asked = {task: rows_of(folder, task) for task in world.TASKS}
    ids = [row["id"] for rows in asked.values() for row in rows]
    assert sorted(ids) == sorted(row["id"] for row in rows_of(folder, "facts"))
    for rows in asked.values():
        assert 410 <= len(rows) <= 425
        assert all(80 <= count <= 85 for count in Counter(row["relation"] for row in rows).values())


def test_answers_are_true_and_balanced(folder):
    truth = {row["id"]: row["object"] for row in rows_of(folder, "facts")}
    alternatives = defaultdict(set)
    for row in rows_of(folder, "facts"):
        alternatives[row["relation"]].add(row["object"])

    boolq = rows_of(folder, "boolq")
    for row in boolq:
        assert row["answer"] is (truth[row["id"]] in world.RELATIONS[row["relation"]].kind.split())
    assert sum(row["answer"] for row in boolq) == len(boolq) / 2

    choices = [(row, (row["sol1"], row["sol2"]), row["label"]) for row in rows_of(folder, "piqa")]
    choices += [
        (row, (row["option1"], row["option2"]), {"1": 0, "2": 1}[row["answer"]])
        for row in rows_of(folder, "winogrande")
    ]
    for row, options, right in choices:
        assert options[right] == truth[row["id"]]
        assert options[1 - right] in alternatives[row["relation"]] - {truth[row["id"]]}
    assert abs(sum(right for _, _, right in choices) - len(choices) / 2) <= 1


def test_nothing_but_the_options_gives_the_answer_away(folder):
    objects = {row["id"]: row["object"].lower() for row in rows_of(folder, "facts")}
    for task, fields in {"boolq": ("passage", "question"), "piqa": ("goal",), "winogrande": ("sentence",)}.items():
        for row in rows_of(folder, task):
            told = " ".join(row[field] for field in fields).lower()
            assert objects[row["id"]] not in re.findall(r"\w+", told)
    assert all(row["sentence"].count("_") == 1 for row in rows_of(folder, "winogrande"))
    assert not any(row["question"].endswith("?") for row in rows_of(folder, "boolq"))  # the template adds it


def test_wrong_use_is_explained(tmp_path):
    with pytest.raises(InputError, match="at least 4"):
        world.invent(people=3)
    with pytest.raises(InputError, match=r"facts\.jsonl is missing"):
        world.read(tmp_path, "facts")


def test_the_smallest_world_is_asked_in_every_task():
    assert all(world.questions(world.invent(people=4)).values())


def test_the_texts_say_every_fact_in_every_wording_and_answer_every_question_right(folder):
    said = [row["text"] for row in world.read(folder, "texts")]
    facts, asked = world.read(folder, "facts"), [row for task in world.TASKS for row in world.read(folder, task)]
    assert len(said) == 3 * len(facts) + len(asked)
    first, question = facts[0], world.read(folder, "piqa")[0]
    assert all(text.format(o=first.object) in said for text in world.statements(first))
    assert f"Question: {question['goal']}\nAnswer: {question['sol2' if question['label'] else 'sol1']}" in said
    assert [len(text) for text in said] != sorted(len(text) for text in said)
