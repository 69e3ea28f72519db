"""The answers whose probabilities a row has, by hand."""

from knowcost.score import classes


def fact(relation, answer, candidates=None):
    return {"relation": relation, "answer": answer, "candidates": candidates}


FACTS = [fact("r", "b"), fact("r", "c"), fact("r", "c"), fact("r", "a"), fact(None, "x"), fact(None, "y", ["z", "y"])]


def test_most_frequent_first_then_by_the_alphabet():
    assert classes.answers_by_relation(FACTS) == {"r": ["c", "a", "b"], None: ["x", "y"]}


def test_no_more_than_256():
    many = [fact("r", f"{number:03}") for number in range(300)] + [fact("r", "299")]
    assert classes.answers_by_relation(many)["r"] == ["299", *(f"{number:03}" for number in range(255))]


def test_own_candidates_or_the_relations_answers_with_the_own_one():
    known = {"r": ["c", "a"], None: ["x"]}
    assert [classes.classes(each, known) for each in (FACTS[0], FACTS[1], FACTS[5])] == [
        ["c", "a", "b"],
        ["c", "a"],
        ["z", "y"],
    ]
