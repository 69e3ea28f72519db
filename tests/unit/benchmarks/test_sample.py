"""The first so many facts of a benchmark are a sample of it."""

import random
from collections import Counter

import pytest

from knowcost.benchmarks import prepared, sample
from knowcost.benchmarks.kinds import KINDS

BOOLQ, CLOZE, QUESTION = KINDS["boolq"], KINDS["cloze"], KINDS["question"]


def question(name, label=0, relation=None, **more):
    return {"id": str(name), "relation": relation, "label": label} | more


def cloze(name, relation, subject=None, **more):
    return {"id": str(name), "relation": relation, "subject": subject, "answer": "a", "candidates": None} | more


def names(rows, kind=BOOLQ):
    return [row["id"] for row in sample.order(rows, kind)]


def counts(rows, column):
    return Counter(row[column] for row in rows)


def test_the_order_of_the_file_does_not_matter_and_is_not_the_samples():
    rows = [
        question(f"q{number}", number % 3 == 0, f"r{number % 4}", cluster=f"c{number % 17}") for number in range(90)
    ]
    before = names(rows)
    assert sorted(before) == sorted(row["id"] for row in rows) and before != [row["id"] for row in rows]
    random.Random(1).shuffle(rows)
    assert names(rows) == before


def test_relations_take_turns_whatever_their_size():
    sizes = {"a": 50, "b": 50, "c": 3, None: 20}
    rows = [question(f"{name}{number}", 0, name) for name, size in sizes.items() for number in range(size)]
    ordered = sample.order(rows, BOOLQ)
    assert counts(ordered[:4], "relation") == dict.fromkeys(sizes, 1)
    assert counts(ordered[:12], "relation") == dict.fromkeys(sizes, 3)
    assert counts(ordered[:30], "relation") == {"a": 9, "b": 9, "c": 3, None: 9}


def test_a_passage_has_no_second_question_before_each_had_one():
    rows = [question(f"{passage}-{number}", 0, cluster=f"p{passage}") for passage in range(9) for number in range(3)]
    ordered = sample.order(rows, BOOLQ)
    assert all(
        counts(ordered[:most], "cluster") == dict.fromkeys(counts(rows, "cluster"), most // 9) for most in (9, 18)
    )


def test_a_person_whose_facts_are_in_several_relations_is_one_cluster():
    rows = [cloze(f"{who}-{what}", f"r{what}", cluster=f"person {who}") for who in range(40) for what in range(5)]
    first = sample.order(rows, CLOZE)[:30]
    assert len(counts(first, "cluster")) == 30 and set(counts(first, "relation").values()) == {6}


def test_where_the_cluster_is_the_relation_subjects_take_turns():
    rows = [cloze(f"{relation}{who}{number}", relation, f"s{who}", cluster=relation)
            for relation in "ab" for who in range(5) for number in range(4)]  # fmt: skip
    first = sample.order(rows, CLOZE)[:10]
    assert Counter((row["relation"], row["subject"]) for row in first) == {
        (r, f"s{who}"): 1 for r in "ab" for who in range(5)
    }


@pytest.mark.parametrize("share", [13, 62])
def test_right_choices_come_as_often_as_they_do_in_the_file(share):
    rows = [question(number, int(number < 10 * share)) for number in range(1000)]
    labels = [row["label"] for row in sample.order(rows, BOOLQ)]
    assert all(abs(sum(labels[:most]) - most * share / 100) <= 1 for most in range(1, 1001))


def test_right_choices_are_balanced_across_relations_too():
    rows = [question(f"{relation}-{number}", number % 4, f"r{relation}", options=list("ABCD"))
            for relation in range(57) for number in range(40)]  # fmt: skip
    for most in (30, 57, 100, 500):
        places = counts(sample.order(rows, KINDS["mmlu"])[:most], "label")
        assert max(places.values()) - min(places.values()) <= 3


def test_answers_are_balanced_where_they_are_few_and_left_to_chance_where_they_are_many():
    few = [
        cloze(number, None, answer="yes" if number < 80 else "no", candidates=["yes", "no"]) for number in range(100)
    ]
    assert counts(sample.order(few, QUESTION)[:10], "answer") == {"yes": 8, "no": 2}
    many = [cloze(f"{relation}-{number}", f"r{relation}", answer=f"{relation}-{max(number - 8, 0)}", candidates=["x"])
            for relation in range(60) for number in range(20)]  # fmt: skip
    common = sum(row["answer"].endswith("-0") for row in sample.order(many, QUESTION)[:60])
    assert 18 <= common <= 36  # of 60 draws with 9 in 20; were it the most frequent answers first, 60


def test_added_rows_move_no_other_to_another_place():
    rows = [cloze(number, None) for number in range(100)]
    before, after = names(rows, CLOZE), names([*rows, *(cloze(f"new {number}", None) for number in range(50))], CLOZE)
    assert [name for name in after if not name.startswith("new")] == before


def test_phrasings_of_a_fact_stay_together_in_the_order_of_the_file():
    rows = [cloze(f"f{fact}-{number}", f"r{fact % 3}", fact=f"f{fact}") for number in (2, 0, 1) for fact in range(12)]
    ordered = names(rows, CLOZE)
    assert [ordered[place : place + 3] for place in range(0, 36, 3)] == [
        [f"{name[:-2]}-{number}" for number in (2, 0, 1)] for name in ordered[::3]
    ]


def test_the_lines_of_a_running_text_stay_as_they_are():
    rows = [{"id": str(number), "relation": None, "text": "x"} for number in range(20)]
    assert sample.order(rows, KINDS["text"]) == rows


def test_windows_are_drawn_all_over_a_text():
    drawn = sample.windows(100)
    assert sorted(drawn) == list(range(100)) and drawn == sample.windows(100) and drawn != sorted(drawn)
    assert all(sum(place // 25 == quarter for place in drawn[:20]) >= 2 for quarter in range(4))
    assert sample.windows(0) == []


def test_few_large_clusters_take_no_longer_than_many_small_ones(monkeypatch):
    """A file of 30,000 questions on ten texts would take minutes if every fact were looked at in every turn."""
    looked, replace = [], sample.heapq.heapreplace
    monkeypatch.setattr(sample.heapq, "heapreplace", lambda *args: looked.append(1) or replace(*args))
    rows = [question(f"q{number}", number % 2, f"r{number % 3}", cluster=f"c{number % 5}") for number in range(600)]
    assert len(names(rows)) == 600 and len(looked) <= 6 * 600  # relations and labels that share a cluster


def test_the_first_of_the_real_boolq(shared, tmp_path):
    """Its file begins with 25 times yes in 30; 2,033 of 3,270 are yes."""
    source, out = shared / "data/boolq/validation.jsonl", tmp_path / "boolq.parquet"
    prepared.prepare({"name": "boolq", "format": "boolq"}, source, out)
    rows = prepared.read(out)[0].slice(0, 100).to_pylist()
    assert sum(row["label"] for row in rows[:30]) == 19 and sum(row["label"] for row in rows) == 62
    assert len(counts(rows, "cluster")) == 100
