"""What `knowcost facts` prints."""

import csv

import pandas as pd
import pytest

from knowcost.__main__ import main
from knowcost.aggregate import fact_by_fact

ROWS = [
    ("sums", "1", "What is 1 + 1, asked \n at length and in a roundabout way?", "2", "2", "2", "kept"),
    ("sums", "2", "=2+2", "4", "4", "5\x1b[2J", "forgotten"),
    ("words", "3", "and so to", "bed", None, "bed", "gained"),
    ("words", "4", "to be or", "not", None, "", "never known"),
]
NAMES = ["benchmark", "id", "question", "answer", "dense_prediction", "prediction", "verdict"]


@pytest.fixture(autouse=True)
def made(monkeypatch):
    frame = pd.DataFrame(ROWS, columns=NAMES).astype(object)
    monkeypatch.setattr(fact_by_fact, "facts", lambda model, variant, benchmark: frame)
    monkeypatch.setattr(fact_by_fact, "benchmarks", lambda model, variant: {"sums": "", "words": "", "book": "a book"})
    monkeypatch.setenv("COLUMNS", "60")


def said(capsys, *options):
    assert main(["facts", "m", "int8@overall", *options]) == 0
    return capsys.readouterr().out.splitlines()


def test_questions_beside_both_answers_and_counts_at_the_end(capsys):
    lines = said(capsys)
    assert lines[:8] == [
        "sums 1, kept: What is 1 + 1, asked at length and in a rou...",
        "    right: 2",
        "    dense: 2",
        "    int8@overall: 2",
        "sums 2, forgotten: =2+2",
        "    right: 4",
        "    dense: 4",
        "    int8@overall: 5\\x1b[2J",
    ]
    assert "    dense: (something else)" in lines and "    int8@overall: (nothing)" in lines
    assert lines[-4:] == [
        "sums: 2 facts: 1 kept, 1 forgotten, 0 gained, 0 never known",
        "words: 2 facts: 0 kept, 0 forgotten, 1 gained, 1 never known",
        "all: 4 facts: 1 kept, 1 forgotten, 1 gained, 1 never known",
        "Left out: book (a book)",
    ]
    assert max(map(len, lines)) == 60


@pytest.mark.parametrize(("option", "name"), [("--forgotten", "2"), ("--gained", "3")])
def test_one_verdict_is_listed_and_all_are_counted(capsys, option, name):
    lines = said(capsys, option)
    assert len(lines) == 4 + 4 and lines[0].split(",")[0].endswith(f" {name}") and lines[-2].startswith("all: 4 facts")


def test_csv_has_every_column_in_full_and_nothing_that_a_spreadsheet_computes(capsys):
    rows = list(csv.reader(said(capsys, "--csv", "--forgotten")))
    assert rows == [NAMES, ["sums", "2", "'=2+2", "4", "4", "5\\x1b[2J", "forgotten"]]
