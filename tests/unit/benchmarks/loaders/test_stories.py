"""CNN/DailyMail."""

import pytest
from helpers.benchmark_files import clusters, jsonl, prepare

from knowcost.common.errors import InputError

STORY = {"id": "a1", "article": "(CNN) It rains. It pours.", "highlights": 'Rain falls .\nMen say: "It pours"\nWhy?'}


def test_a_story_and_its_highlights(tmp_path):
    rows, about = prepare("cnn_dailymail", jsonl(tmp_path / "s.jsonl", STORY), tmp_path / "out.parquet")
    (row,) = rows
    assert (row["id"], row["story"], row["highlights"]) == ("a1", STORY["article"], STORY["highlights"])
    assert about["kind"] == "summary" and about["new_tokens"] == 256


def test_the_published_end_is_what_the_published_code_leaves_of_the_highlights(tmp_path):
    """generate_question.py of LLM-KICK: all lines of the original release's file, stripped, joined by nothing."""
    released = '(CNN) It rains.\n\nIt pours.\n\n@highlight\n\nRain falls\n\n@highlight\n\nMen say: "It pours"\n'
    released += "\n@highlight\n\nWhy?"
    left = "".join(line.strip() for line in released.splitlines())
    source = jsonl(tmp_path / "s.jsonl", STORY)
    rows, about = prepare("cnn_dailymail_published", source, tmp_path / "out.parquet")
    assert rows[0]["published_end"] == left.removeprefix("(CNN) It rains.It pours.")
    assert rows[0]["story"] == STORY["article"] and about["kind"] == "summary_published"


def test_a_story_that_is_there_twice_is_one_draw(tmp_path):
    twice = [STORY, {**STORY, "id": "b"}, {**STORY, "id": "c", "article": "Another."}]
    found = clusters("cnn_dailymail", jsonl(tmp_path / "s.jsonl", *twice), tmp_path / "out.parquet")
    assert found["a1"] == found["b"] != found["c"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"article": " "}, "'article' must be a non-empty text, found ' '"),
        ({"highlights": None}, "'highlights' must be a non-empty text, found None"),
    ],
)
def test_what_is_missing_is_named(tmp_path, change, problem):
    with pytest.raises(InputError, match=rf"s\.jsonl:2: {problem}"):
        prepare("cnn_dailymail", jsonl(tmp_path / "s.jsonl", STORY, STORY | change), tmp_path / "out.parquet")


def test_the_real_stories(shared, tmp_path):
    source = shared / "data/cnn_dailymail/test-sample.jsonl"
    rows, _ = prepare("cnn_dailymail_published", source, tmp_path / "out.parquet")
    counts = [len(row["story"].split()) for row in rows]
    assert len(rows) == 200 and (min(counts), max(counts)) == (102, 1497)
    assert [sum(row["relation"] == size for row in rows) for size in ("small", "medium", "large")] == [
        66,
        67,
        67,
    ]  # ranks 66 and 133 begin
    assert all(row["published_end"].startswith("@highlight") for row in rows)
    first = {row["id"]: row for row in rows}["f001ec5c4704938247d27a44948eebb37ae98d01"]
    assert first["published_end"].endswith("could open the door to war crimes investigations against Israelis")
