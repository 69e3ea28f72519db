"""ARC, SciQ, HellaSwag and MMLU: official files, the hub's form and what is refused."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.benchmark_files import jsonl, prepare

from knowcost.common.errors import InputError

ARC = {
    "id": "q1",
    "question": "Which is  hot?",
    "choices": {"text": ["ice", "fire"], "label": ["1", "2"]},
    "answerKey": "2",
}
SCIQ = {
    "question": "q",
    "support": "",
    "distractor1": "a",
    "distractor2": "b",
    "distractor3": "c",
    "correct_answer": "d",
}
HELLASWAG = {"ind": 3, "activity_label": "L", "ctx_a": "A.", "ctx_b": "", "endings": ["w", "x", "y"], "label": "2"}


def test_arc_as_on_the_hub_and_as_in_earlier_harnesses(tmp_path):
    pq.write_table(pa.Table.from_pylist([ARC]), tmp_path / "hub.parquet")
    rows, about = prepare("arc", tmp_path / "hub.parquet", tmp_path / "out.parquet")
    assert rows == [
        {"id": "q1", "relation": None, "question": "Which is  hot?", "options": ["ice", "fire"], "label": 1}
    ]
    assert about["kind"] == "arc"
    older = {"id": "q1", "query": "Question: Which is  hot?\nAnswer:", "choices": ["ice", "fire"], "gold": 1}
    assert prepare("arc", jsonl(tmp_path / "a.jsonl", older), tmp_path / "out.parquet")[0] == rows


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"answerKey": "3"}, r"a\.jsonl:1: 'answerKey' must be one of the labels \['1', '2'\], found '3'"),
        ({"choices": {"text": ["ice", "fire"], "label": ["1", "2", "3"]}}, "'label' must name each of the 2 choices"),
        ({"choices": {"text": ["ice", "fire"], "label": ["2", "2"]}}, "'label' must name each of the 2 choices"),
        ({"choices": ["ice", "fire"]}, r"a\.jsonl:1: 'choices' must hold named values, found \['ice', 'fire'\]"),
        ({"choices": {"label": ["1", "2"]}}, "'text' must be a list of non-empty texts, found no such key"),
        ({"choices": {"text": ["ice"], "label": ["2"]}}, "2 to 5 answers"),
        ({"choices": {"text": ["ice", " "], "label": ["1", "2"]}}, "list of non-empty texts"),
    ],
)
def test_arc_that_cannot_be_read(tmp_path, more, match):
    with pytest.raises(InputError, match=match):
        prepare("arc", jsonl(tmp_path / "a.jsonl", {**ARC, **more}), tmp_path / "out.parquet")


def test_sciq_takes_csv_and_empty_support(tmp_path):
    (tmp_path / "s.csv").write_text(",".join(SCIQ) + "\n" + ",".join(SCIQ.values()) + "\n")
    rows, _ = prepare("sciq", tmp_path / "s.csv", tmp_path / "out.parquet")
    assert rows == [{"id": "0", "relation": None, **SCIQ}]


def test_hellaswag_numbers_its_rows_and_hides_no_label(tmp_path):
    source = jsonl(tmp_path / "h.jsonl", HELLASWAG, {**HELLASWAG, "ctx_b": "then", "label": 0})
    rows, _ = prepare("hellaswag", source, tmp_path / "out.parquet")  # `ind` occurs more than once in the official file
    assert [(row["id"], row["ctx_b"], row["label"]) for row in rows] == [("0", "", 2), ("1", "then", 0)]
    with pytest.raises(InputError, match="found ''; a split without labels"):
        prepare("hellaswag", jsonl(tmp_path / "h.jsonl", {**HELLASWAG, "label": ""}), tmp_path / "out.parquet")


def official(folder, **subjects):
    """MMLU's folder; subjects: {subject: (test rows, dev rows)} of CSV lines."""
    for place, split in enumerate(("test", "dev")):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for name, rows in subjects.items():
            (folder / split / f"{name}_{split}.csv").write_text("".join(f"{row}\n" for row in rows[place]))
    return folder


LINE = "{},1,2,3,4,{}"


def test_mmlu_of_the_folder_and_of_the_hub(tmp_path):
    source = official(
        tmp_path / "m",
        law=([LINE.format("l0", "A"), LINE.format("l1", "D"), LINE.format('"l2, or ""x"""', "B")], []),
        art=([LINE.format("a0", "C"), LINE.format("a1", "C")], []),
    )
    rows, about = prepare("mmlu", source, tmp_path / "out.parquet")
    assert [row["id"] for row in rows] == ["art-0", "art-1", "law-0", "law-1", "law-2"]
    assert rows[4] == {"id": "law-2", "relation": "law", "examples": "", "question": 'l2, or "x"',
                       "options": ["1", "2", "3", "4"], "label": 1}  # fmt: skip
    assert list(about["source_sha256"]) == ["test/art_test.csv", "test/law_test.csv"]
    hub = [
        {"question": r["question"], "subject": r["relation"], "choices": r["options"], "answer": r["label"]}
        for r in rows
    ]
    pq.write_table(pa.Table.from_pylist(hub), tmp_path / "hub.parquet")
    assert prepare("mmlu", tmp_path / "hub.parquet", tmp_path / "out.parquet")[0] == rows


def test_mmlu_with_five_solved_examples(tmp_path):
    dev = [LINE.format(f" d{i} ", "ABCDA"[i]) for i in range(5)]
    source = official(tmp_path / "m", law=([LINE.format("q", "A")], [*dev, LINE.format("d5", "A")]))
    (row,), about = prepare("mmlu_5shot", source, tmp_path / "out.parquet")
    assert (
        row["examples"].startswith("d0\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: A\n\nd1\nA. 1") and "d5" not in row["examples"]
    )
    assert row["examples"].endswith("Answer: A\n\n") and len(about["source_sha256"]) == 2
    few = official(tmp_path / "few", law=([LINE.format("q", "A")], dev[:4]))
    with pytest.raises(InputError, match="expected 5 examples of law"):
        prepare("mmlu_5shot", few, tmp_path / "out.parquet")
    with pytest.raises(InputError, match="the examples are in the dev split"):
        prepare("mmlu_5shot", few / "test/law_test.csv", tmp_path / "out.parquet")


def test_mmlu_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"law_test\.csv:2: expected a question, four answers and one of A to D"):
        prepare(
            "mmlu", official(tmp_path / "m", law=([LINE.format("q", "A"), "x,1,2,3,E"], [])), tmp_path / "out.parquet"
        )
    with pytest.raises(InputError, match=r"expected test/<subject>_test\.csv"):
        prepare("mmlu", tmp_path, tmp_path / "out.parquet")
    hidden = {"question": "q", "subject": "law", "choices": list("abcd"), "answer": -1}
    with pytest.raises(InputError, match=r"h\.jsonl:1: 'answer' must be 0, 1, 2 or 3, found -1"):
        prepare("mmlu", jsonl(tmp_path / "h.jsonl", hidden), tmp_path / "out.parquet")
    for choices in (["a", "b", "c", None], list("abc"), "abcd", ["a", "b", "c", " "]):
        with pytest.raises(InputError, match=r"h\.jsonl:1: .*choices"):
            prepare("mmlu", jsonl(tmp_path / "h.jsonl", hidden | {"choices": choices}), tmp_path / "out.parquet")
    (tmp_path / "m/test/law_test.csv").write_text("")
    with pytest.raises(InputError, match=r"law_test\.csv: no question in it"):
        prepare("mmlu", tmp_path / "m", tmp_path / "out.parquet")


@pytest.mark.parametrize("row", ["q,1,2,3,4,", "q,1,2,3,4,AB", "q,1,2,3,4,a", "q,1,,3,4,A", ",1,2,3,4,A", "q,1,2,3,A"])
def test_mmlu_row_without_an_answer_of_four(tmp_path, row):
    source = official(tmp_path / "m", law=([LINE.format("first", "B"), row], []))
    with pytest.raises(InputError, match=r"law_test\.csv:2: expected a question, four answers and one of A to D"):
        prepare("mmlu", source, tmp_path / "out.parquet")


def test_mmlu_with_a_byte_order_mark_and_blanks_behind_the_letter(tmp_path):
    source = official(tmp_path / "m", law=(["\ufeff" + LINE.format("Größe?", "C "), " "], []))
    (row,), _ = prepare("mmlu", source, tmp_path / "out.parquet")
    assert (row["question"], row["label"]) == ("Größe?", 2)


def test_an_answer_that_is_offered_twice_is_asked_and_said(tmp_path, caplog):
    rows, _ = prepare(
        "arc",
        jsonl(
            tmp_path / "a.jsonl", ARC, ARC | {"id": "q2", "choices": {"text": ["fire", "fire "], "label": ["1", "2"]}}
        ),
        tmp_path / "out.parquet",
    )
    assert len(rows) == 2 and "1 facts offer the right answer twice" in caplog.text


def test_the_real_files(shared, tmp_path):
    data, out = shared / "data", tmp_path / "out.parquet"
    assert len(prepare("arc", data / "arc/ARC-Easy-Test.jsonl", out)[0]) == 2376
    assert len(prepare("arc", data / "arc/ARC-Challenge-Test.jsonl", out)[0]) == 1172
    assert len(prepare("sciq", data / "sciq/validation.jsonl", out)[0]) == 1000
    labels = Counter(row["label"] for row in prepare("hellaswag", data / "hellaswag/validation.jsonl.gz", out)[0])
    assert sum(labels.values()) == 10042 and set(labels) == {0, 1, 2, 3}
    rows, _ = prepare("mmlu_5shot", data / "mmlu", out)
    assert len(rows) == 14042 and len({row["relation"] for row in rows}) == 57
    assert json.dumps(rows[0]["examples"]).count("Answer:") == 5
