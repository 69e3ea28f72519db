from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.benchmark_files import jsonl, prepare, prepare_whole

from knowcost.common.errors import InputError

BOOLQ = {"question": "is it", "passage": "It is. ", "answer": True}
PIQA = {"goal": "dresser", "sol1": "replace drawer ", "sol2": "finish  drawer"}
WINOGRANDE = {"sentence": "Ann saw Eve so _ ran.", "option1": "Ann", "option2": "Eve", "answer": "2"}


def test_boolq_official_and_hub_agree(tmp_path):
    rows = [BOOLQ, {**BOOLQ, "answer": False, "title": "ignored"}]
    official, _ = prepare("boolq", jsonl(tmp_path / "dev.jsonl", *rows), tmp_path / "out.parquet")
    hub = [
        {"question": r["question"], "passage": r["passage"], "idx": i, "label": int(r["answer"])}
        for i, r in enumerate(rows)
    ]
    pq.write_table(pa.Table.from_pylist(hub), tmp_path / "hub.parquet")
    assert prepare("boolq", tmp_path / "hub.parquet", tmp_path / "out.parquet")[0] == official
    assert official == [
        {"id": "0", "relation": None, "question": "is it", "passage": "It is. ", "label": 1},
        {"id": "1", "relation": None, "question": "is it", "passage": "It is. ", "label": 0},
    ]


def test_own_ids_and_relations_are_kept(tmp_path):
    source = jsonl(tmp_path / "w.jsonl", {**BOOLQ, "id": "fact-1", "relation": "born_in"})
    row = prepare("boolq", source, tmp_path / "out.parquet")[0][0]
    assert (row["id"], row["relation"]) == ("fact-1", "born_in")
    source = jsonl(tmp_path / "w.jsonl", {**WINOGRANDE, "qID": "3QHITW-2"})
    assert prepare("winogrande", source, tmp_path / "out.parquet")[0][0]["id"] == "3QHITW-2"


def test_labels_as_csv_has_them(tmp_path):
    (tmp_path / "b.CSV").write_text("question,passage,answer\nq,p,True\nq,p,false\nq,p,1\n")
    assert [row["label"] for row in prepare("boolq", tmp_path / "b.CSV", tmp_path / "out.parquet")[0]] == [1, 0, 1]
    (tmp_path / "p.tsv").write_text("goal\tsol1\tsol2\tlabel\ng\ta\tb\t1\n")
    assert prepare("piqa", tmp_path / "p.tsv", tmp_path / "out.parquet")[0][0]["label"] == 1


@pytest.mark.parametrize("answer", [2, -1, 1.0, "yes", "", None, [True], {}])
def test_an_answer_that_is_neither_yes_nor_no(tmp_path, answer):
    source = jsonl(tmp_path / "b.jsonl", BOOLQ, {**BOOLQ, "answer": answer})
    with pytest.raises(InputError, match=r"b\.jsonl:2: 'answer' must be 0 or 1, found"):
        prepare("boolq", source, tmp_path / "out.parquet")


def test_hidden_labels_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"t\.jsonl:2: 'label' must be 0 or 1.*found -1.*test"):
        prepare("boolq", jsonl(tmp_path / "t.jsonl", BOOLQ, {**BOOLQ, "label": -1}), tmp_path / "out.parquet")
    with pytest.raises(InputError, match=r"t\.jsonl:1: 'answer' must be 0 or 1.*found None"):
        prepare("boolq", jsonl(tmp_path / "t.jsonl", {**BOOLQ, "answer": None}), tmp_path / "out.parquet")
    with pytest.raises(InputError, match=r"t\.jsonl:1: 'answer' must be a non-empty text"):
        prepare("winogrande", jsonl(tmp_path / "t.jsonl", {**WINOGRANDE, "answer": ""}), tmp_path / "out.parquet")


@pytest.mark.parametrize("name", ["valid", "dev"])
def test_piqa_labels_lie_beside_it(tmp_path, name):
    jsonl(tmp_path / f"{name}.jsonl", PIQA, PIQA)
    (tmp_path / f"{name}-labels.lst").write_text("1\n0\n")
    for source in (tmp_path, tmp_path / f"{name}.jsonl"):
        rows, metadata = prepare("piqa", source, tmp_path / "out.parquet")
        assert [r["label"] for r in rows] == [1, 0]
        assert sorted(metadata["source_sha256"]) == [f"{name}-labels.lst", f"{name}.jsonl"]
    # lm-eval scores the text as it stands: spaces must survive
    assert rows[0] == {"id": "0", "relation": None, **PIQA, "label": 1}


def test_piqa_with_labels_in_the_rows(tmp_path):
    rows, metadata = prepare("piqa", jsonl(tmp_path / "p.jsonl", {**PIQA, "label": 1}), tmp_path / "out.parquet")
    assert rows[0]["label"] == 1 and list(metadata["source_sha256"]) == ["p.jsonl"]


def test_piqa_labels_missing_or_of_another_file(tmp_path):
    source = jsonl(tmp_path / "valid.jsonl", PIQA, PIQA)
    with pytest.raises(InputError, match=r"no column 'label', and no valid-labels\.lst beside it"):
        prepare("piqa", source, tmp_path / "out.parquet")
    (tmp_path / "valid-labels.lst").write_text("1\n")
    with pytest.raises(InputError, match="expected 2 lines of 0 or 1"):
        prepare("piqa", source, tmp_path / "out.parquet")
    (tmp_path / "valid-labels.lst").write_text("1\n\n2\n")
    with pytest.raises(InputError, match=r"valid-labels\.lst:3: expected 0 or 1, found '2'"):
        prepare("piqa", source, tmp_path / "out.parquet")
    jsonl(source, PIQA, {**PIQA, "label": 1})
    with pytest.raises(InputError, match=r"valid\.jsonl: row '0' has no 'label', but others have"):
        prepare("piqa", source, tmp_path / "out.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected valid\.jsonl or dev\.jsonl"):
        prepare("piqa", tmp_path / "empty", tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentence": "Ann ran."}, "exactly one _"),
        ({"sentence": "_ and _."}, "exactly one _"),
        ({"answer": "3"}, "1 or 2"),
    ],
)
def test_winogrande_wrong_row(tmp_path, change, message):
    with pytest.raises(InputError, match=r"w\.jsonl:1: .*" + message):
        prepare("winogrande", jsonl(tmp_path / "w.jsonl", {**WINOGRANDE, **change}), tmp_path / "out.parquet")


# counts of rows and of right answers, by `grep -c` on the official files
@pytest.mark.parametrize(
    ("format", "source", "key", "counts"),
    [
        ("boolq", "boolq/validation.jsonl", "label", {1: 2033, 0: 1237}),
        ("piqa", "piqa", "label", {1: 928, 0: 910}),
        ("winogrande", "winogrande/winogrande_xl-validation.jsonl", "answer", {"1": 628, "2": 639}),
    ],
)
def test_shared_counts(shared, tmp_path, format, source, key, counts):
    rows, metadata = prepare(format, shared / "data" / source, tmp_path / "out.parquet")
    assert Counter(r[key] for r in rows) == counts
    assert len(rows) == metadata["rows"] == {"boolq": 3270, "piqa": 1838, "winogrande": 1267}[format]
    assert [r["id"] for r in rows] == [str(i) for i in range(len(rows))]


def test_which_texts_tell_a_fact_is_kept(tmp_path):
    row = {**PIQA, "label": 0}
    rows, _ = prepare_whole("piqa", jsonl(tmp_path / "p.jsonl", row | {"stated_in": "half"}, row), tmp_path / "out")
    assert [row["stated_in"] for row in rows] == ["half", None]
