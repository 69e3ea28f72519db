"""docs/files.md beside the schemas of the files, and its examples run. (Beside the files themselves: tests/e2e.)"""

import csv
import re

import pytest
from helpers import explained, explored, fake_results

from knowcost.__main__ import main
from knowcost.aggregate.fact_by_fact import COLUMNS
from knowcost.benchmarks.kinds import ACCURACY, COMMON, KINDS, PERPLEXITY, SIMILARITY, WRITING
from knowcost.judge.rows import JUDGED
from knowcost.recover.training import CURVE
from knowcost.score.measures import MEASURES

PUT_TOGETHER = {"tokenizer_differs", "configuration_differs"}  # names that no line of code holds in full
ITSELF = "what a file says of itself"
SCORES = {ACCURACY: "facts", PERPLEXITY: "windows of texts", SIMILARITY: "layers", WRITING: "answers that are texts"}
SCHEMAS = {
    "The frame of `fact_by_fact.facts`": COLUMNS,
    "Prepared benchmarks: columns of all kinds": COMMON,
    "Prepared benchmarks: columns of a kind": {name for kind in KINDS.values() for name in kind.columns},
    "Judgements": JUDGED.names,
    "Training of a recovery": CURVE.names,
} | {
    f"Scores: {SCORES[name]}": [*each.schema.names, "place", *each.repeated.values()] for name, each in MEASURES.items()
}


@pytest.fixture(scope="module")
def told(root):
    return explained.names(root / "docs/files.md")


@pytest.mark.parametrize("title", SCHEMAS)
def test_every_column_is_explained_and_no_other(told, title):
    assert told[title] == set(SCHEMAS[title])


def test_every_kind_has_its_columns_on_the_page(root):
    section = (root / "docs/files.md").read_text().split("\n## Prepared benchmarks: kinds\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (`.*`) \|$", section, re.M))
    assert {name: re.findall("`(.*?)`", row) for name, row in rows.items()} == {
        name: [f"{column}: {kind}" for column, kind in each.columns.items()] for name, each in KINDS.items()
    }


def test_what_files_say_of_themselves_is_something_that_the_package_writes(root, told):
    """A key that is explained and that nothing writes any more; those that are written: tests/e2e."""
    code = "".join(path.read_text() for path in (root / "knowcost").rglob("*.py"))
    keys = {title: names for title, names in told.items() if title.endswith((ITSELF, ".json`"))}
    assert len(keys) == 9
    for title, names in keys.items():
        assert not {name for name in names if f'"{name}"' not in code} - PUT_TOGETHER, title


def test_every_key_of_the_explorer_s_facts_is_explained_and_no_other(told):
    index, parts = explored.made_up(9, 2)
    assert told["The explorer's facts: `index.json`"] == {*index, "parts"}
    assert told["The explorer's facts: parts"] == {key for part in parts for key in explored.read(part)[0]}


def test_the_ten_lines_list_what_knowcost_facts_lists(root, tmp_path, monkeypatch, capsys):
    fake_results.make(tmp_path, {"m": "decoder"}, facts=40, levels=(40,), benchmarks={
        "trades": ("question", ("decoder",), 0.7)
    })  # fmt: skip
    monkeypatch.chdir(tmp_path)
    about, lines, *_ = re.findall(r"^```python\n(.*?)^```$", (root / "docs/files.md").read_text(), re.M | re.S)
    assert len(lines.splitlines()) == 10
    place = ("m", "magnitude_structured-40@final", "trades")
    names = dict(zip(("smollm2", "magnitude-50@overall", "sciq"), place, strict=True))
    for name, ours in names.items():
        about, lines = about.replace(name, ours), lines.replace(f'"{name}"', f'"{ours}"')
    made = {}
    exec(about, made)
    assert (made["about"]["model"], made["about"]["asked"]) == ("m", 40)
    exec(lines, made)
    assert "answer1" in capsys.readouterr().out
    assert main(["facts", *place[:2], "--benchmark", place[2], "--forgotten", "--csv"]) == 0
    listed = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    columns = {"id": "id", "question": "question", "answer": "answer", "prediction_dense": "dense_prediction"}
    assert len(listed) > 3
    for ours, theirs in columns.items():
        assert made["forgotten"][ours].tolist() == [row[theirs] for row in listed]
