import json
import logging
from collections import Counter

import pytest
from helpers.benchmark_files import prepare

from knowcost.common.errors import InputError


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def lama(tmp_path):
    """A LAMA of a few rows in the official layout."""
    lines(
        tmp_path / "relations.jsonl",
        {"relation": "P19", "template": "[X] was born in [Y] ."},
        {"relation": "P1923", "template": "[Y] participated in the [X] ."},
    )
    lines(
        tmp_path / "TREx" / "P19.jsonl",
        {"uuid": "u1", "sub_label": "Ada [Y]", "obj_label": "London", "sub_uri": "Q1", "evidences": []},
        {"uuid": "u2", "sub_label": "Bo", "obj_label": "Lund"},
        {"uuid": "u3", "sub_label": "Bo", "obj_label": "Lund"},
    )
    return tmp_path


def test_trex_fills_the_template_and_keeps_namesakes(lama, caplog):
    caplog.set_level(logging.INFO)
    rows, metadata = prepare("lama_trex", lama, lama / "out.parquet")
    assert rows[0] == {
        "id": "u1",
        "relation": "P19",
        "subject": "Ada [Y]",
        "cloze": "Ada [Y] was born in [MASK] .",
        "answer": "London",
        "candidates": None,
    }
    assert [r["id"] for r in rows] == ["u1", "u2", "u3"]
    assert "1 facts repeat the sentence and answer" in caplog.text
    assert "1 of 2 relations have no file" in caplog.text and "P1923" in caplog.text
    assert sorted(metadata["source_sha256"]) == ["TREx/P19.jsonl", "relations.jsonl"]


def test_folder_as_the_zip_unpacks(lama, tmp_path_factory):
    outer = tmp_path_factory.mktemp("zip")
    (outer / "data").symlink_to(lama)
    rows, metadata = prepare("lama_trex", outer, outer / "out.parquet")
    assert len(rows) == 3 and "data/relations.jsonl" in metadata["source_sha256"]


def test_relation_file_without_template(lama):
    lines(lama / "TREx" / "P20.jsonl", {"uuid": "u9", "sub_label": "Ada", "obj_label": "Rome"})
    with pytest.raises(InputError, match=r"P20\.jsonl.*no template for relation P20"):
        prepare("lama_trex", lama, lama / "out.parquet")


def test_template_without_its_marks(lama):
    lines(lama / "relations.jsonl", {"relation": "P19", "template": "[X] was born ."})
    with pytest.raises(InputError, match=r"relations\.jsonl:1: a template needs \[X\] and \[Y\]"):
        prepare("lama_trex", lama, lama / "out.parquet")


@pytest.mark.parametrize("format", ["lama_trex", "lama_google_re", "lama_squad", "lama_conceptnet"])
def test_wrong_folder_says_what_is_expected(tmp_path, format):
    with pytest.raises(InputError, match=r"expected a folder with .*/ in it.*data\.zip"):
        prepare(format, tmp_path, tmp_path / "out.parquet")


@pytest.mark.parametrize("format", ["lama_trex", "lama_trex_published"])
def test_a_relation_without_a_fact_and_a_second_template_are_named(lama, format):
    (lama / "TREx" / "P1923.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"P1923\.jsonl: no fact in it"):
        prepare(format, lama, lama / "out.parquet")
    with open(lama / "relations.jsonl", "a") as f:
        f.write('{"relation": "P19", "template": "[X] is from [Y] ."}\n')
    with pytest.raises(InputError, match=r"relations\.jsonl:3: a second template for 'P19'"):
        prepare(format, lama, lama / "out.parquet")


def conceptnet(uuid, *sentences, answer="bed", **more):
    return {
        "uuid": uuid,
        "pred": "AtLocation",
        "obj_label": answer,
        "masked_sentences": list(sentences),
        "sub": "pillow",
        **more,
    }


def test_conceptnet_reasons_and_ids(tmp_path):
    lines(
        tmp_path / "ConceptNet" / "test.jsonl",
        conceptnet("a", "A pillow is on the [MASK].", "Also [MASK]."),
        conceptnet("b", "No mask.", "But [MASK] here."),
        conceptnet("c", "[MASK] and [MASK]."),
        conceptnet("d", "A [MASK].", answer=None),
        conceptnet("e", "In [MASK].", sub_label="label"),
        conceptnet("e", "In [MASK].", sub_label="label"),
        conceptnet("e", "In [MASK].", answer="box"),
        conceptnet("e", "On [MASK].", pred="UsedFor"),
    )
    rows, metadata = prepare("lama_conceptnet", tmp_path, tmp_path / "out.parquet")
    assert metadata["dropped"] == {"no_mask": 1, "several_masks": 1, "no_answer": 1, "duplicate": 1}
    assert [r["id"] for r in rows] == ["a", "e:UsedFor", "e:AtLocation:0", "e:AtLocation:1"]
    assert [r["subject"] for r in rows] == ["pillow", "pillow", "label", "pillow"]
    assert rows[0]["cloze"] == "A pillow is on the [MASK]." and rows[0]["relation"] == "AtLocation"


def test_missing_key_names_file_and_line(tmp_path):
    lines(
        tmp_path / "Squad" / "test.jsonl",
        {"id": "q", "obj_label": "gold", "masked_sentences": ["The [MASK] one."]},
        {"id": "r", "obj_label": "gold"},
    )
    with pytest.raises(InputError, match=r"test\.jsonl:2: 'masked_sentences' must be a list"):
        prepare("lama_squad", tmp_path, tmp_path / "out.parquet")


def test_shared_trex(shared, tmp_path):
    rows, metadata = prepare("lama_trex", shared / "data" / "lama", tmp_path / "out.parquet")
    assert len(rows) == metadata["rows"] == 22881
    assert metadata["dropped"] == {} and len(metadata["source_sha256"]) == 29
    assert len({r["relation"] for r in rows}) == 28 and len({r["id"] for r in rows}) == 22881
    assert all(r["cloze"].count("[MASK]") == 1 and "[X]" not in r["cloze"] for r in rows)
    assert 22881 - len({(r["relation"], r["subject"], r["answer"]) for r in rows}) == 14  # namesakes


def test_shared_google_re_accounts_for_every_row(shared, tmp_path):
    rows, metadata = prepare("lama_google_re", shared / "data" / "lama", tmp_path / "out.parquet")
    assert len(rows) == 4743  # what the README of models/minilm-lama measured
    assert len(rows) + sum(metadata["dropped"].values()) == 5528
    # counted with grep: 534 of the first sentences have no mask, 251 have two or more
    assert metadata["dropped"] == {"no_mask": 534, "several_masks": 251}
    assert set(Counter(r["relation"] for r in rows)) == {"date_of_birth", "place_of_birth", "place_of_death"}


def test_shared_squad(shared, tmp_path):
    rows, metadata = prepare("lama_squad", shared / "data" / "lama", tmp_path / "out.parquet")
    assert len(rows) == 302 and metadata["dropped"] == {"several_masks": 3}
    # 305 sentences hold 308 masks, as the published accuracies (multiples of 1/308) say: 302 + 3 * 2
    assert rows[0]["id"] == "56be4db0acb8001400a502f0_0" and rows[0]["relation"] is None
