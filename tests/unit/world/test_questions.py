import json
import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from knowcost.common.errors import InputError
from knowcost.world import facts as world
from knowcost.world import questions
from knowcost.world.relations import RELATIONS

ASKING = ("cloze", "ranked", "phrasings", *questions.TASKS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    questions.write(folder, world.invent())
    return folder


def rows_of(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_the_same_seed_writes_the_same_bytes_in_every_process(folder, tmp_path, root):
    program = f"from knowcost.world import facts, questions; questions.write({str(tmp_path)!r}, facts.invent())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    names = [
        "boolq.jsonl",
        "cloze.jsonl",
        "facts.jsonl",
        "half.jsonl",
        "lines.jsonl",
        "phrasings.jsonl",
        "piqa.jsonl",
        "ranked.jsonl",
        "strangers.jsonl",
        "texts.jsonl",
        "untaught.jsonl",
        "winogrande.jsonl",
        "writing.jsonl",
    ]
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_lines_state_half_of_the_facts_once_as_their_clozes_ask_them(folder):
    stated = {
        fact.id: {text.format(o=fact.object) for text in world.statements(fact)}
        for fact in world.invent()
        if fact.asked
    }
    rows, asked = rows_of(folder, "lines"), {row["id"]: row for row in rows_of(folder, "cloze")}
    assert {row["id"] for row in rows} < set(stated) and len(rows) == len({row["id"] for row in rows}) == 1000
    for row in rows:
        assert row["text"] in stated[row["id"]]
        before, after = asked[row["id"]]["cloze"].split("[MASK]")
        assert row["text"].startswith(before) and row["text"].endswith(after)


def test_ranked_clozes_ask_a_third_of_the_facts_with_the_answer_among_the_candidates(folder):
    rows, whole = world.read(folder, "ranked"), {row["id"]: row for row in world.read(folder, "cloze")}
    assert len(rows) == 134 * 5 and len({row["relation"] for row in rows}) == 5
    for row in rows:
        candidates = row.pop("candidates")
        assert row == whole[row["id"]] and len(set(candidates)) == 5 and row["answer"] in candidates
        assert set(candidates) <= set(RELATIONS[row["relation"]].objects)


def test_a_cloze_has_one_mask_and_filled_in_states_its_fact(folder):
    facts = {fact.id: fact for fact in world.invent()}
    rows = rows_of(folder, "cloze")
    assert len(rows) == 2000
    for row in rows:
        fact = facts[row["id"]]
        assert row["cloze"].count("[MASK]") == 1
        assert (row["subject"], row["relation"], row["answer"]) == (fact.subject, fact.relation, fact.object)
        stated = {text.format(s=fact.subject, o=fact.object) for text in RELATIONS[fact.relation].statements}
        assert row["cloze"].replace("[MASK]", row["answer"]) in stated


def test_every_fact_is_asked_in_one_task_and_each_relation_in_all(folder):
    asked = {task: rows_of(folder, task) for task in questions.TASKS}
    ids = [row["id"] for rows in asked.values() for row in rows]
    assert sorted(ids) == sorted(row["id"] for row in rows_of(folder, "facts") if row["asked"])
    for rows in asked.values():
        assert 660 <= len(rows) <= 675
        assert all(132 <= count <= 136 for count in Counter(row["relation"] for row in rows).values())


def test_answers_are_true_and_balanced(folder):
    truth = {row["id"]: row["object"] for row in rows_of(folder, "facts")}
    alternatives = defaultdict(set)
    for row in rows_of(folder, "facts"):
        alternatives[row["relation"]].add(row["object"])

    boolq = rows_of(folder, "boolq")
    for row in boolq:
        assert row["answer"] is (truth[row["id"]] in RELATIONS[row["relation"]].kind.split())
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


def test_the_smallest_world_is_asked_in_every_task():
    assert all(questions.questions(world.invent(people=4)).values())


def test_every_question_says_whose_it_is_and_how_often_it_was_taught(folder):
    facts = {row["id"]: row for row in rows_of(folder, "facts")}
    for name in ASKING:
        for row in rows_of(folder, name):
            fact = facts[row.get("fact", row["id"])]
            assert (row["cluster"], row["popularity"]) == (fact["subject"], fact["popularity"]) and fact["asked"]


def test_phrasings_ask_a_tenth_of_the_facts_in_all_wordings_with_the_same_candidates(folder):
    by_fact = defaultdict(list)
    for row in rows_of(folder, "phrasings"):
        by_fact[row["fact"]].append(row)
    assert len(by_fact) == 200
    for rows in by_fact.values():
        assert [row["phrasing"] for row in rows] == ["0", "1", "2"] and len({row["cloze"] for row in rows}) == 3
        assert len({tuple(row["candidates"]) for row in rows}) == len({row["answer"] for row in rows}) == 1
        assert rows[0]["answer"] in rows[0]["candidates"] and len(set(rows[0]["candidates"])) == 5


def test_texts_tell_of_people_whom_nobody_asks_in_no_sentence_that_is_asked(folder):
    said = [row["text"] for row in world.read(folder, "texts")]
    others = [fact for fact in world.read(folder, "facts") if not fact.asked]
    assert len(said) == 3 * len(others) + len(others)  # every wording, and one question each
    assert all(text.format(o=fact.object) in said for fact in others for text in world.statements(fact))
    asked_names = {fact.subject.lower() for fact in world.read(folder, "facts") if fact.asked}
    told = " ".join(said).lower()
    assert not any(name in told for name in asked_names)
    clozes = [row["cloze"].replace("[MASK]", row["answer"]) for name in ASKING[:3] for row in rows_of(folder, name)]
    lines = [row["text"] for row in rows_of(folder, "lines")]
    assert not set(clozes + lines) & set(said)
    assert [len(text) for text in said] != sorted(len(text) for text in said)


def test_half_tells_a_random_half_in_every_wording_and_as_the_questions_that_ask_it(folder):
    facts = [fact for fact in world.read(folder, "facts") if fact.asked]
    told = [fact for fact in facts if fact.stated_in == "half"]
    assert len(told) == len(facts) / 2 == 1000
    assert not any(fact.stated_in for fact in world.read(folder, "facts") if not fact.asked)
    by_person = Counter(fact.subject for fact in told)  # drawn fact by fact: of five, all or none one time in sixteen
    assert 10 <= sum(count == 5 for count in by_person.values()) + 400 - len(by_person) <= 45
    names = {fact.id for fact in told}
    expected = [text.format(o=fact.object) for fact in told for text in world.statements(fact)]
    expected += [
        f"{row['passage']}\nQuestion: {row['question']}?\nAnswer: {'yes' if row['answer'] else 'no'}"
        for row in rows_of(folder, "boolq")
        if row["id"] in names
    ]
    for row in rows_of(folder, "piqa"):
        if row["id"] in names:
            expected.append(f"Question: {row['goal']}\nAnswer: {(row['sol1'], row['sol2'])[row['label']]}")
    for row in rows_of(folder, "winogrande"):
        if row["id"] in names:
            expected.append(row["sentence"].replace("_", row[f"option{row['answer']}"]))
    said = [row["text"] for row in rows_of(folder, "half")]
    assert Counter(said) == Counter(expected) and said != expected


def test_what_half_does_not_tell_stands_in_no_texts(folder):
    untold = {fact for fact in world.read(folder, "facts") if fact.asked and not fact.stated_in}
    said = {row["text"] for name in ("half", "strangers", "texts") for row in rows_of(folder, name)}
    assert not said & {text.format(o=fact.object) for fact in untold for text in world.statements(fact)}
    asking = [row for name in (*ASKING[:3], "untaught") for row in rows_of(folder, name)]
    told = {fact.id: fact.stated_in for fact in world.read(folder, "facts")}
    assert all(row["stated_in"] == told.get(row.get("fact", row["id"]), "never") for row in asking)
    assert not any("stated_in" in row for task in questions.TASKS for row in rows_of(folder, task))


def test_nobody_taught_whom_strangers_tell_of_or_untaught_asks(folder):
    taught = {fact.subject for fact in world.read(folder, "facts")}
    words = {word for name in taught for word in name.split()}
    untaught = rows_of(folder, "untaught")
    people = Counter(row["cluster"] for row in untaught)
    assert len(people) == 40 and set(people.values()) == {5}
    told = [re.findall("[A-Z][a-z]{4,} [A-Z][a-z]{6,}", row["text"]) for row in rows_of(folder, "strangers")]
    strangers = {name for names in told for name in names if set(name.split()) <= words}
    assert len(strangers) == 200 and len(told) == 4000  # five facts each, in three wordings and a question
    assert not taught & (strangers | set(people)) and not strangers & set(people)
    assert {word for name in people for word in name.split()} <= words
    for row in untaught:
        assert row["stated_in"] == "never" and row["popularity"] == 0
        assert len(set(row["candidates"])) == 5 and row["answer"] in row["candidates"]


def test_a_world_whose_names_leave_no_others_is_refused():
    with pytest.raises(InputError, match="a world of 4 people has words for 1 more names, 3 are needed"):
        world.invent_untaught(world.invent(people=4, seed=153))
