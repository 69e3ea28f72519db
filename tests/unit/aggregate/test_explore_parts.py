"""The layout of the explorer's parts, byte by byte."""

import gzip
import json

import numpy as np
from helpers import explored

from knowcost.aggregate.explore import parts

NAN = float("nan")


def test_the_part_of_a_benchmark_is_its_length_then_json():
    data = gzip.decompress(
        parts.of_benchmark(parts.Texts(["a", "b", "c"], ["q?"] * 3, ["x", "y", "é"], ["r", None, "r"]))
    )
    length = int.from_bytes(data[:4], "little")
    assert len(data) == 4 + length
    assert json.loads(data[4:]) == {
        "ids": ["a", "b", "c"], "questions": ["q?", "q?", "q?"], "answers": ["x", "y", "é"],
        "relations": ["r"], "relation": [0, -1, 0],
    }  # fmt: skip


def test_the_part_of_a_model_has_a_bit_per_fact_and_what_changed():
    right = np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 0], bool)
    after = np.array([0, 1, 0, 1, 0, 0, 0, 0, 1, 0], bool)
    answers = np.array([f"a{place}" for place in range(10)], object)
    words = np.array(["a0", "a1", "x", None, "y", "x", "x", "", "A8", "z"], object)
    dense = parts.Said(0, right, np.arange(10), words, np.array([1, 1, 7, NAN, 4, 5, 6, 7, 1, 9.0]))
    other = parts.Said(3, after, np.array([0, 3]), np.array(["w", "a3"], object), np.array([2.0, 1.0]))
    header, raw = explored.read(parts.of_model(np.arange(10, 20), answers, [dense, other], "rank"))
    assert list(raw) == [0b11, 0b1, 0b1010, 0b1]
    assert header["facts"] == list(range(10, 20))
    assert (header["variants"], header["measure"]) == ([0, 3], "rank")
    assert header["words"] == ["x", "y", "", "A8", "z", "w"]
    assert header["said"][0] == {
        "rows": [0] + [1] * 9, "words": [-1, -1, 0, -2, 1, 0, 0, 2, 3, 4], "values": [1, 1, 7, None, 4, 5, 6, 7, 1, 9],
    }  # fmt: skip
    assert header["said"][1] == {"rows": [0, 3], "words": [5, -1], "values": [2, 1]}


def test_probabilities_have_three_digits_and_what_has_no_measure_none():
    said = [parts.Said(0, np.ones(3, bool), np.arange(3), np.array(["a"] * 3, object), np.array([0.12345, NAN, 1e-9]))]
    answers = np.array(["a"] * 3, object)
    header, _ = explored.read(parts.of_model(None, answers, said, "probability"))
    assert header["facts"] is None
    assert header["said"][0]["values"] == [0.123, None, 0.0]
    header, _ = explored.read(parts.of_model(None, answers, said, None))
    assert header["said"][0]["values"] == [None] * 3


def test_texts_are_fit_for_the_eyes_and_nothing_else_of_them_changes():
    texts = parts.Texts(["</script>"], ["a\u202eb\0\n<b>"], ["'\"&"], [None])
    header, _ = explored.read(parts.of_benchmark(texts))
    assert header["ids"] == ["</script>"]
    assert header["questions"] == [r"a\u202eb\x00" + "\n<b>"]
    assert header["answers"] == ["'\"&"]


def test_made_up_data_of_the_same_seed_are_the_same_bytes():
    assert explored.made_up(20, 3, models=2, benchmarks=2) == explored.made_up(20, 3, models=2, benchmarks=2)


def test_a_reader_finds_the_verdicts_that_were_written():
    index, made = explored.made_up(101, 4, forgotten=0.3)
    header, raw = explored.read(made[index["models"][0]["asked"][0]["part"]])
    right = explored.bits(header, raw, 101)
    for place, said in zip(header["variants"], header["said"], strict=True):
        changed = np.cumsum(said["rows"])
        assert changed.tolist() == (
            list(range(101)) if place == 0 else np.flatnonzero(right[place] ^ right[0]).tolist()
        )
        words = np.array(said["words"])
        assert np.array_equal(words == parts.RIGHT, right[place][changed])
