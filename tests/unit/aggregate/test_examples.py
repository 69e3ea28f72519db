"""The table `examples`: which questions and variants are shown, and how much of a text."""

import pandas as pd
import pytest
from helpers.fake_answers import answer, archive, cell, conversations, stories

from knowcost.aggregate import examples, inputs, tables

SLUGS = [f"magnitude-{level}@overall" for level in (10, 20, 30, 40)]


def kept(values, benchmark="chat"):
    """Rows of `written` that say how much variants keep: {slug: percent}."""
    about = {"model": "m", "benchmark": benchmark, "part": "", "measure": "kept"}
    rows = [about | {"variant": slug, "value": value} for slug, value in values.items()]
    return pd.DataFrame(rows, columns=[*about, "variant", "value"])


def table(root, said, benchmark, keeps):
    """The table of {slug: answers}, where variants keep so much."""
    manifests = [archive(root, "m", slug) for slug in said]
    made = [cell(root, "m", slug, benchmark.stem, rows) for slug, rows in said.items()]
    files, read = inputs.read(made, manifests, [benchmark])
    return examples.examples(read, files.benchmarks, kept(keeps, benchmark.stem))


def test_the_first_of_each_class_beside_the_nearest_the_middle_and_the_farthest(tmp_path):
    asked = {f"q{i}": (category, 2) for i, category in enumerate(["a", "a", "b", "c", "d", "e"])}
    benchmark = conversations(tmp_path, "chat", asked)
    rows = [answer(name, f"{name} {turn}", turn) for name in asked for turn in (1, 2)]
    said = {slug: rows for slug in ("dense", *SLUGS)}
    found = table(tmp_path, said, benchmark, dict(zip(SLUGS, (10.0, 90.0, 30.0, 60.0), strict=True)) | {"dense": 100.0})
    assert list(found.columns) == examples.COLUMNS
    assert list(found["id"].unique()) == ["q0", "q2", "q3", "q4"]  # of the first four classes
    chosen = ["dense", SLUGS[1], SLUGS[2], SLUGS[0]]
    assert list(found["variant"]) == chosen * 8 and list(found["turn"][:8]) == [1] * 4 + [2] * 4
    assert list(found["text"][:8]) == ["q0 1"] * 4 + ["q0 2"] * 4 and set(found["question"]) == {"say"}
    tables.write(found, tmp_path, "examples")  # every column has a type


def test_long_texts_are_cut_and_said_to_be(tmp_path):
    benchmark = stories(tmp_path, "news", {"s1": (None, "high")})
    long = " ".join(["word"] * 400)
    said = {"dense": [answer("s1", long)], SLUGS[0]: [answer("s1", "")]}
    first, second = table(tmp_path, said, benchmark, {SLUGS[0]: 0.0}).to_dict("records")
    assert (first["text"], first["length"]) == (long[: examples.TEXT], 400 * 5 - 1)
    assert (second["text"], second["length"], second["relation"]) == ("", 0, "")
    assert first["question"].endswith("\n\na b c") and first["question_length"] == len(first["question"])


@pytest.mark.parametrize("keeps", [{}, {"dense": 100.0}, {SLUGS[0]: float("nan")}])
def test_without_a_variant_that_is_held_against_dense_there_is_nothing_beside(tmp_path, keeps):
    benchmark = conversations(tmp_path, "chat", {"q": (None, 1)})
    found = table(tmp_path, {"dense": [answer("q", "yes")], SLUGS[0]: [answer("q", "no")]}, benchmark, keeps)
    assert found.empty and list(found.columns) == examples.COLUMNS


def test_a_head_that_is_lost_as_published_is_no_example(tmp_path):
    benchmark, lost = conversations(tmp_path, "chat", {"q": (None, 1)}), "magnitude-40@final+lost@final"
    said = {slug: [answer("q", "yes")] for slug in ("dense", SLUGS[0], lost)}
    found = table(tmp_path, said, benchmark, {SLUGS[0]: 50.0, lost: 1.0})
    assert list(found["variant"]) == ["dense", SLUGS[0]]
