"""BEAR and ParaRel in their published layouts, with rows of our own."""

import json

import pytest
from helpers.benchmark_files import jsonl, prepare_whole

from knowcost.benchmarks.loaders.templates import checked, filled
from knowcost.common.errors import InputError

COLOURS = {
    "templates": ["[X] is [Y].", "[Y] is the colour of [X].", "[X] is [Y]."],
    "answer_space_labels": ["red", "green", "blue"],
    "answer_space_ids": ["Q1", "Q2", "Q3"],
}


def fact(number, subject, answer, **more):
    return {
        "sub_id": f"S{number}",
        "sub_label": subject,
        "sub_aliases": ["x"],
        "obj_id": "Q1",
        "obj_label": answer,
    } | more


@pytest.fixture
def bear(tmp_path):
    """A BEAR of two relations: P1 of two facts, P2 of one."""
    (tmp_path / "BEAR").mkdir()
    jsonl(tmp_path / "BEAR" / "P1.jsonl", fact(1, "Blood", "red", answer_idx=0), fact(2, "Grass", "green"))
    jsonl(tmp_path / "BEAR" / "P2.jsonl", fact(1, "Blood", "wet"))
    metadata = {"P1": COLOURS, "P2": {"templates": ["[X] feels [Y] ."], "answer_space_labels": ["wet", "dry"]}}
    (tmp_path / "BEAR" / "metadata_relations.json").write_text(json.dumps(metadata | {"P3": COLOURS}))
    return tmp_path / "BEAR"


def belonging(rows):
    return [(row["id"], row["fact"], row["phrasing"], row["cluster"]) for row in rows]


def test_bear_asks_every_fact_in_every_template_among_its_answer_space(bear):
    rows, about = prepare_whole("bear", bear, bear / "out.parquet")
    assert belonging(rows) == [
        ("P1-S1-Q1-0", "P1-S1-Q1", "[X] is [Y].", "Blood"),
        ("P1-S1-Q1-1", "P1-S1-Q1", "[Y] is the colour of [X].", "Blood"),
        ("P1-S2-Q1-0", "P1-S2-Q1", "[X] is [Y].", "Grass"),
        ("P1-S2-Q1-1", "P1-S2-Q1", "[Y] is the colour of [X].", "Grass"),
        ("P2-S1-Q1-0", "P2-S1-Q1", "[X] feels [Y] .", "Blood"),
    ]
    assert [row["cloze"] for row in rows[:2]] == ["Blood is [MASK].", "[MASK] is the colour of Blood."]
    assert rows[4]["cloze"] == "Blood feels [MASK] ."
    assert rows[0]["answer"] == "red" and rows[0]["candidates"] == ["blue", "green", "red"]
    assert rows[4]["relation"] == "P2" and rows[4]["candidates"] == ["dry", "wet"]
    assert about["kind"] == "cloze" and about["dropped"] == {"same_template": 2}  # P1's first template stands twice
    assert sorted(about["source_sha256"]) == ["P1.jsonl", "P2.jsonl", "metadata_relations.json"]


def test_bear_from_the_folder_above_or_one_relation(bear, tmp_path):
    whole, _ = prepare_whole("bear", bear, tmp_path / "out.parquet")
    assert prepare_whole("bear", tmp_path, tmp_path / "out.parquet")[0] == whole
    rows, about = prepare_whole("bear", bear / "P1.jsonl", tmp_path / "out.parquet")
    assert rows == [row for row in whole if row["relation"] == "P1"]
    assert sorted(about["source_sha256"]) == ["P1.jsonl", "metadata_relations.json"]


def test_ten_relations_are_clusters(tmp_path):
    names = [f"P{i}" for i in range(10)]
    for name in names:
        jsonl(tmp_path / f"{name}.jsonl", fact(1, "Blood", "red"))
    (tmp_path / "metadata_relations.json").write_text(json.dumps(dict.fromkeys(names, COLOURS)))
    rows, _ = prepare_whole("bear", tmp_path, tmp_path / "out.parquet")
    assert [row["cluster"] for row in rows] == [name for name in names for _ in range(2)]


def test_without_an_answer_space_the_objects_are_it_and_what_cannot_be_asked_is_counted(bear):
    metadata = {"P1": {"templates": ["[X] is [Y]."]}, "P2": {"templates": ["[X] feels [Y] ."]}}
    (bear / "metadata_relations.json").write_text(json.dumps(metadata))
    again, masked = fact(2, "Grass", "green"), fact(3, "A [MASK]", "red")
    jsonl(bear / "P1.jsonl", fact(1, "Blood", "red"), again, again, masked)
    rows, about = prepare_whole("bear", bear, bear / "out.parquet")
    assert [(row["subject"], row["candidates"]) for row in rows] == [
        ("Blood", ["green", "red"]),
        ("Grass", ["green", "red"]),
    ]
    assert about["dropped"] == {"duplicate": 1, "no_choice": 1, "several_masks": 1}


def test_of_many_answers_sixty_are_drawn_for_a_fact_and_all_its_phrasings(bear):
    many = [f"c{i:03}" for i in range(100)]
    metadata = {"P1": COLOURS | {"answer_space_labels": ["red", "green", *many]}, "P2": COLOURS}
    (bear / "metadata_relations.json").write_text(json.dumps(metadata))
    (bear / "P2.jsonl").unlink()
    blood, again, grass, _ = prepare_whole("bear", bear, bear / "out.parquet")[0]
    assert blood["candidates"] == again["candidates"] != grass["candidates"]
    assert len(set(blood["candidates"])) == 60 and "red" in blood["candidates"]


@pytest.mark.parametrize(
    ("relation", "rows", "message"),
    [
        (None, None, r"metadata_relations\.json: expected an object with 'P1', whose facts are in P1\.jsonl"),
        ({"answer_space_labels": ["red"]}, None, r"json, P1: 'templates' must be a list of non-empty texts"),
        (
            COLOURS | {"templates": ["[X] is."]},
            None,
            r"json, P1: a template needs \[X\] and \[Y\] once each, found '\[X\] ",
        ),
        (COLOURS | {"answer_space_labels": "red"}, None, r"json, P1: 'answer_space_labels' must be a list"),
        (
            COLOURS,
            [fact(1, "Sky", "pink")],
            r"P1\.jsonl:1: the answer 'pink' is not in the answer space of P1, \['red', ",
        ),
        (COLOURS, [fact(1, "", "red")], r"P1\.jsonl:1: 'sub_label' must be a non-empty text, found ''"),
        (COLOURS, [{"sub_label": "a", "obj_label": "red"}], r"P1\.jsonl:1: 'sub_id' must be .* found no such key"),
        (COLOURS, [], r"P1\.jsonl: no fact in it"),
    ],
)
def test_what_is_wrong_with_a_bear_is_said(bear, relation, rows, message):
    (bear / "P2.jsonl").unlink()
    (bear / "metadata_relations.json").write_text(json.dumps({"P1": relation} if relation else ["P1"]))
    if rows is not None:
        jsonl(bear / "P1.jsonl", *rows)
    with pytest.raises(InputError, match=message):
        prepare_whole("bear", bear, bear / "out.parquet")


def test_a_folder_that_is_no_bear(bear, tmp_path):
    (bear / "metadata_relations.json").unlink()
    for source in (bear, tmp_path):
        with pytest.raises(InputError, match=r"expected metadata_relations\.json and <relation>\.jsonl in this folder"):
            prepare_whole("bear", source, tmp_path / "out.parquet")
    with pytest.raises(InputError, match=r"P1\.jsonl: expected metadata_relations\.json beside it"):
        prepare_whole("bear", bear / "P1.jsonl", tmp_path / "out.parquet")


@pytest.fixture
def pararel(tmp_path):
    """A ParaRel of one relation; P2 has no patterns, P3 no facts."""
    facts, patterns = tmp_path / "data" / "trex_lms_vocab", tmp_path / "data" / "pattern_data" / "graphs_json"
    facts.mkdir(parents=True)
    patterns.mkdir(parents=True)
    people = [("u1", "Ada", "actor"), ("u2", "Bo", "judge")]
    people = [{"uuid": name, "sub_label": who, "obj_label": what} for name, who, what in people]
    said = ["[X] is a [Y] .", "[X] works as [Y].", "[X], an [Y]."]
    for name in ("P1", "P2"):
        jsonl(facts / f"{name}.jsonl", *people)
    for name in ("P1", "P3"):
        jsonl(patterns / f"{name}.jsonl", *({"pattern": each, "lemma": "x", "tense": "past"} for each in said))
    return tmp_path


def test_pararel_asks_every_pattern_that_the_article_allows(pararel):
    rows, about = prepare_whole("pararel", pararel, pararel / "out.parquet")
    assert [(row["id"], row["cloze"], row["answer"]) for row in rows] == [
        ("P1-u1-1", "Ada works as [MASK].", "actor"),
        ("P1-u1-2", "Ada, an [MASK].", "actor"),
        ("P1-u2-0", "Bo is a [MASK] .", "judge"),
        ("P1-u2-1", "Bo works as [MASK].", "judge"),
    ]
    assert {tuple(row["candidates"]) for row in rows} == {("actor", "judge")}
    assert belonging(rows)[0] == ("P1-u1-1", "P1-u1", "[X] works as [Y].", "Ada")
    assert about["dropped"] == {"article": 2}
    assert sorted(about["source_sha256"]) == ["data/pattern_data/graphs_json/P1.jsonl", "data/trex_lms_vocab/P1.jsonl"]
    assert prepare_whole("pararel", pararel / "data", pararel / "out.parquet")[0] == rows


def test_what_is_wrong_with_a_pararel_is_said(pararel):
    patterns = pararel / "data" / "pattern_data" / "graphs_json" / "P1.jsonl"
    for rows, message in (
        ([{"pattern": "[X] is."}], r"P1\.jsonl:1: a template needs \[X\] and \[Y\] once each"),
        ([{"lemma": "be"}], r"P1\.jsonl:1: 'pattern' must be a non-empty text, found no such key"),
        ([], r"P1\.jsonl: no pattern in it"),
    ):
        jsonl(patterns, *rows)
        with pytest.raises(InputError, match=message):
            prepare_whole("pararel", pararel, pararel / "out.parquet")
    patterns.unlink()
    with pytest.raises(InputError, match=r"expected trex_lms_vocab/<relation>\.jsonl and pattern_data/graphs_json/"):
        prepare_whole("pararel", pararel, pararel / "out.parquet")


def test_a_subject_may_hold_the_marks():
    assert filled(checked("here", "[Y] is by [X]."), "[Y] and [X]") == "[MASK] is by [Y] and [X]."
