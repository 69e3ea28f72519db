"""LAMA read as published, and LAMA with candidates for all families."""

import json
from collections import Counter

import pytest
from helpers.benchmark_files import prepare

from knowcost.benchmarks import formats
from knowcost.common.errors import InputError


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def born(uuid, subject, place, relation="place_of_birth"):
    sentence = f"{subject} saw the light in [MASK]."
    return {"uuid": uuid, "pred": f"/people/person/{relation}", "sub_label": subject, "obj_label": place} | {
        "masked_sentences": [sentence]
    }


def test_google_re_by_template_each_sentence_once(tmp_path):
    rows = [
        born("a", "Ada", "London"),
        born("b", "Bo", "Lund"),
        born("c", "Bo", "Oslo"),
        born("d", "Bo", "Rome", "date_of_birth"),
    ]
    lines(tmp_path / "Google_RE" / "x.jsonl", *rows)
    found, about = prepare("lama_google_re_published", tmp_path, tmp_path / "out.parquet")
    assert [(row["id"], row["cloze"], row["answer"]) for row in found] == [
        ("a", "Ada was born in [MASK] .", "London"),
        ("b", "Bo was born in [MASK] .", "Lund"),
        ("d", "Bo (born [MASK]).", "Rome"),
    ]
    assert about["kind"] == "cloze_published" and about["dropped"] == {"same_sentence": 1}


def test_a_sentence_without_a_mask_is_no_fact_but_still_stands_for_its_repetitions(tmp_path):
    squad = [("a", "no blank"), ("b", "[MASK] and [MASK]"), ("c", "[MASK] and [MASK]"), ("d", "no blank")]
    lines(tmp_path / "Squad" / "t.jsonl", *({"id": i, "masked_sentences": [s], "obj_label": "x"} for i, s in squad))
    found, about = prepare("lama_squad_published", tmp_path, tmp_path / "out.parquet")
    assert [row["id"] for row in found] == ["b"] and about["dropped"] == {"no_mask": 1, "same_sentence": 2}


@pytest.mark.parametrize(("format", "masks"), [("google_re", 5510), ("squad", 308)])
def test_the_denominators_of_the_published_table(shared, tmp_path, format, masks):
    rows, _ = prepare(f"lama_{format}_published", shared / "data" / "lama", tmp_path / "out.parquet")
    assert sum(row["cloze"].count("[MASK]") for row in rows) == masks


def test_companions_follow_the_benchmarks_that_the_published_code_read():
    rows = {"trex": {"name": "trex", "format": "lama_trex", "families": "encoder"}, "piqa": {"format": "piqa"}}
    made = formats.with_companions(rows)
    assert list(made) == ["trex", "trex@published", "piqa"]
    assert [formats.is_published(name) for name in made] == [False, True, False]
    assert formats.companion("trex") == "trex@published"
    assert made["trex@published"] == {"name": "trex@published", "format": "lama_trex_published", "families": "encoder"}


@pytest.fixture
def trex(tmp_path):
    lines(
        tmp_path / "relations.jsonl",
        {"relation": "P19", "template": "[X] was born in [Y] ."},
        {"relation": "P30", "template": "[X] is located in [Y] with friends ."},
        {"relation": "P31", "template": "[X] is a [Y]"},
    )
    people = [{"uuid": f"u{i}", "sub_label": f"S{i}", "obj_label": f"O{i % 70}"} for i in range(140)]
    lines(tmp_path / "TREx" / "P19.jsonl", *people)
    lines(tmp_path / "TREx" / "P30.jsonl", {"uuid": "v", "sub_label": "Ada", "obj_label": "Rome"})
    lines(tmp_path / "TREx" / "P31.jsonl", {"uuid": "w", "sub_label": "Ada", "obj_label": "cat"})
    return tmp_path


def test_ranked_facts_have_candidates_of_their_relation(trex):
    rows, about = prepare("lama_trex_ranked", trex, trex / "out.parquet")
    assert about["dropped"] == {"mask_not_last": 1, "no_choice": 1} and about["kind"] == "cloze"
    assert len(rows) == 140 and all(len(row["candidates"]) == len(set(row["candidates"])) == 50 for row in rows)
    assert all(row["answer"] in row["candidates"] for row in rows)
    drawn = Counter(word for row in rows for word in row["candidates"])
    assert len(drawn) == 70 and max(drawn.values()) < 2 * min(drawn.values())  # every object is drawn about as often


def test_the_same_file_gives_the_same_choices(trex):
    first, _ = prepare("lama_trex_ranked", trex, trex / "one.parquet")
    second, _ = prepare("lama_trex_ranked", trex, trex / "two.parquet")
    assert first == second


def test_an_unknown_reading_is_refused(tmp_path):
    with pytest.raises(InputError, match="lama_trex_ranked"):
        prepare("lama_trex_sorted", tmp_path, tmp_path / "out.parquet")
