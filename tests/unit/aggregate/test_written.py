"""The table `written`: means and changes by hand, intervals beside scipy's t test; what does not belong together."""

import numpy as np
import pytest
from helpers.fake_answers import answer, archive, cell, conversations, stories
from scipy import stats

from knowcost.aggregate import answers, inputs, tables, written
from knowcost.common.errors import InputError

SLUG, BROUGHT = "magnitude-40@overall", "brought-awq"
MANY = {f"q{i}": ("humanities" if i % 2 else "stem", 1) for i in range(8)}


def table(root, cells, benchmark, margin=1.0):
    """{(variant, part, measure): row} from {variant: rows}, of one model and one benchmark."""
    manifests = [archive(root, "m", slug) for slug in cells]
    made = [cell(root, "m", slug, benchmark.stem, rows) for slug, rows in cells.items()]
    files, read = inputs.read(made, manifests, [benchmark])
    frame = written.written(answers.gather(read, files), margin)
    tables.write(frame, root, "written")
    return {(row["variant"], row["part"], row["measure"]): row for row in frame.to_dict("records")}


def numbered(lengths, repeat=1, **more):
    """An answer per question of so many different tokens, written out so many times."""
    return [answer(id, " ".join([f"w{i}" for i in range(n)] * repeat), **more)
            for id, n in zip(MANY, lengths, strict=True)]  # fmt: skip


def test_two_stories_by_hand(tmp_path):
    benchmark = stories(tmp_path, "news", {"s1": ("small", "the cat sat on the mat"), "s2": ("large", "dogs bark")})
    dense = [answer("s1", "the cat sat", again="the cat ran"), answer("s2", "dogs bark at cats", again="dogs bark")]
    pruned = [answer("s1", "the the the the..."), answer("s2", "")]
    found = table(tmp_path, {"dense": dense, SLUG: pruned}, benchmark)
    expected = {  # pruned, dense, of all that both have a value of
        "unique_tokens": (1 / 2, 7 / 2),
        "unique_same_length": (1 / 2, 3 / 2),  # of three tokens and of none
        "distinct_1": (25, 100),
        "distinct_2": (100 / 3, 100),
        "repeated": (0, np.nan),  # the dense model's three tokens are no stretch of four
        "loops": (0, 0),
        "tokens": (4 / 2, 7 / 2),
        "empty": (50, 0),
        "unfinished": (50, 0),
        "rouge1": ((100 * 2 * 2 / (6 + 4) + 0) / 2, (100 * 2 * 3 / (6 + 3) + 100 * 2 * 2 / (2 + 4)) / 2),
        "rouge2": (0, (100 * 2 * 2 / (5 + 2) + 100 * 2 * 1 / (1 + 3)) / 2),
        "rougeL": ((100 * 2 * 2 / (6 + 4) + 0) / 2, (100 * 2 * 3 / (6 + 3) + 100 * 2 * 2 / (2 + 4)) / 2),
    }  # fmt: skip
    for name, (value, before) in expected.items():
        row = found[SLUG, "", name]
        assert (row["value"], row["dense"]) == pytest.approx((value, before), nan_ok=True), name
        assert row["change"] == pytest.approx(value - before, nan_ok=True), name
        assert row["n"] == {"distinct_1": 1, "distinct_2": 1, "repeated": 1}.get(name, 2), name
    kept = found[SLUG, "", "kept"]
    assert (kept["value"], found[SLUG, "", "same"]["value"]) == (pytest.approx(100 * 2 * 1 / (3 + 4) / 2), 0)
    again = {name: found["dense", "", name] for name in (*expected, "kept", "same")}
    assert (again["tokens"]["value"], again["tokens"]["dense"], again["tokens"]["change"]) == (3.5, 3.5, -1)
    assert again["kept"]["value"] == pytest.approx((100 * 2 * 2 / (3 + 3) + 100 * 2 * 2 / (4 + 2)) / 2)
    assert again["same"]["value"] == 0 and again["empty"]["change"] == 0
    assert (kept["low"], kept["high"]) == (0, 100)  # which is all that two stories leave open
    assert kept["dense"] == again["kept"]["value"] and np.isnan(kept["change"])  # what to read it beside
    assert found[SLUG, "large", "empty"]["value"] == 100 and found[SLUG, "small", "rougeL"]["value"] == 40
    assert np.isnan(found[SLUG, "large", "empty"]["low"])  # one question has no interval


def test_pairs_have_the_interval_of_a_t_test_and_a_decision(tmp_path):
    lost = np.array([1, 2, 3, 4, 36, 37, 38, 39])  # as far below their mean as above it
    before, after = 1 + lost, np.ones(8, int)
    dense, pruned = numbered(before), numbered(after)
    found = table(tmp_path, {"dense": dense, SLUG: pruned}, conversations(tmp_path, "chat", MANY))
    low, high = stats.ttest_1samp(after - before, 0).confidence_interval()
    for name in ("unique_tokens", "tokens"):
        row = found[SLUG, "", name]
        assert (row["change"], row["low"], row["high"]) == pytest.approx((-20, low, high)), name
        assert (row["n"], row["clusters"]) == (8, 8)
    assert (found[SLUG, "", "unique_tokens"]["decision"], found[SLUG, "", "tokens"]["decision"]) == ("costs", "")
    assert found[SLUG, "", "unique_same_length"]["change"] == 0  # shorter, and as many in as many tokens
    assert found[SLUG, "stem", "tokens"]["change"] == -np.mean([1, 3, 36, 38])
    assert np.isnan(found[SLUG, "", "rouge1"]["value"]) and found[SLUG, "", "rouge1"]["decision"] == ""


def test_what_no_answer_has_shown_may_still_be_there(tmp_path):
    """Equal answers to eight questions: t^2 / (8 + t^2) of all that a measure may lose."""
    rows = numbered([20] * 8)
    found = table(tmp_path, {"dense": rows, SLUG: rows}, conversations(tmp_path, "chat", MANY), margin=60)
    t = stats.t.ppf(0.975, 7)
    share = t**2 / (8 + t**2)
    for name, most in {"unique_tokens": 20, "distinct_1": 100, "loops": 100}.items():
        row = found[SLUG, "", name]
        assert (row["change"], row["low"], row["high"]) == pytest.approx((0, -share * most, share * most)), name
        assert row["decision"] == "practically equal"
    kept = found[SLUG, "", "kept"]
    assert (kept["value"], kept["change"]) == (100, pytest.approx(np.nan, nan_ok=True))
    assert (kept["low"], kept["high"]) == pytest.approx((100 - share * 100, 100))


def test_loops_cost(tmp_path):
    dense, pruned = numbered([20] * 8), numbered([20] * 8, repeat=3)
    found = table(tmp_path, {"dense": dense, SLUG: pruned}, conversations(tmp_path, "chat", MANY))
    row = found[SLUG, "", "loops"]
    assert (row["value"], row["dense"], row["decision"]) == (100, 0, "costs")
    assert found[SLUG, "", "repeated"]["change"] == pytest.approx(100 * 37 / 57)  # 57 stretches, 20 of them new


def test_no_interval_is_narrower_than_what_moves_by_itself(tmp_path):
    """Once more the dense model writes 4 tokens more, 4 times, and as many less: 1.96 x the root of 8 x 16, by 8."""
    again = np.array([24, 16] * 4)
    dense = [answer(row["id"], row["text"], again=" ".join(f"w{i}" for i in range(n)))
             for row, n in zip(numbered([20] * 8), again, strict=True)]  # fmt: skip
    pruned = numbered([19, 20, 20, 20, 20, 20, 20, 20])
    found = table(tmp_path, {"dense": dense, SLUG: pruned}, conversations(tmp_path, "chat", MANY))
    row = found[SLUG, "", "tokens"]
    floor = 1.96 * np.sqrt(8 * 16) / 8
    t = stats.t.ppf(0.975, 7)
    unseen = 20 * t**2 / (8 + t**2)
    assert row["noise"] == pytest.approx(floor, rel=1e-4) and row["high"] - row["change"] == pytest.approx(unseen)
    assert found["dense", "", "tokens"]["change"] == 0 and found["dense", "", "same"]["value"] == 0
    int8 = table(tmp_path, {"dense": dense, "int8@overall": pruned}, tmp_path / "resources/benchmarks/chat.parquet")
    assert np.isnan(int8["int8@overall", "", "tokens"]["noise"])  # which moves more, and was not asked twice


def test_turns_of_a_question_are_one_cluster(tmp_path):
    chat = conversations(tmp_path, "chat", {"q1": ("a", 2), "q2": ("a", 2)})
    rows = {slug: [answer(id, " ".join("abcde"[:length]), turn=turn)
                   for (id, turn), length in zip([("q1", 1), ("q1", 2), ("q2", 1), ("q2", 2)], lengths, strict=True)]
            for slug, lengths in {"dense": (5, 5, 5, 5), SLUG: (1, 2, 3, 4)}.items()}  # fmt: skip
    found = table(tmp_path, rows, chat)
    row = found[SLUG, "", "unique_tokens"]
    assert (row["n"], row["clusters"], row["change"]) == (4, 2, -2.5)
    assert {part for _, part, _ in found} == {""}  # one category is all


def test_without_the_dense_model_there_are_values_alone(tmp_path):
    found = table(tmp_path, {SLUG: numbered([9] * 8)}, conversations(tmp_path, "chat", MANY))
    row = found[SLUG, "", "unique_tokens"]
    assert (row["value"], row["n"]) == (9, 8) and np.isnan([row["dense"], row["change"], row["low"]]).all()


def test_other_questions_or_prompts_are_refused(tmp_path):
    chat = conversations(tmp_path, "chat", MANY)
    rows = numbered([9] * 8)
    with pytest.raises(InputError, match=rf"{SLUG}/scores/chat.parquet: these are not answers to the questions of"):
        table(tmp_path, {"dense": rows, SLUG: rows[1:]}, chat)
    files = [archive(tmp_path, "m", each) for each in ("dense", SLUG)]
    cells = [cell(tmp_path, "m", "dense", "chat", rows), cell(tmp_path, "m", SLUG, "chat", rows, prompts_sha256="cd")]
    found, read = inputs.read(cells, files, [chat])
    with pytest.raises(InputError, match=rf"{SLUG}/scores/chat.parquet: was not asked with the prompts of"):
        answers.gather(read, found)


def test_a_version_with_a_chat_template_of_its_own_has_values_alone(tmp_path):
    chat, rows = conversations(tmp_path, "chat", MANY), numbered([9] * 8)
    files = [archive(tmp_path, "m", each) for each in ("dense", BROUGHT)]
    cells = [
        cell(tmp_path, "m", "dense", "chat", rows),
        cell(tmp_path, "m", BROUGHT, "chat", rows, prompts_sha256="cd", truncated=3),
    ]
    found, read = inputs.read(cells, files, [chat])
    frame = written.written(answers.gather(read, found), 1.0).set_index(["variant", "part", "measure"])
    row = frame.loc[BROUGHT, "", "unique_tokens"]
    assert (
        (row["value"], row["truncated"]) == (9, 3)
        and np.isnan([row["dense"], row["change"]]).all()
        and row["decision"] == ""
    )
