"""The table `judged`: by hand, beside scipy and a bootstrap, with judges that fail, and files of something else."""

import dataclasses

import numpy as np
import pytest
from helpers import fake_results
from helpers.judged import of, row, simulate, write
from scipy import stats

from knowcost.aggregate import tables
from knowcost.aggregate.clustered import mean
from knowcost.aggregate.job import aggregate
from knowcost.aggregate.judged import judged
from knowcost.aggregate.judgement_rows import unreliable
from knowcost.aggregate.statistics import Bootstrap, interval
from knowcost.common import paths, seal
from knowcost.common.errors import InputError


def table(rows, dense=None, margin=1.0, part=""):
    """The row of `judged` of one variant."""
    found = judged([of(rows), *([of(dense, "dense")] if dense else [])], margin)
    return found[(found["variant"] != "dense") & (found["part"] == part)].iloc[0]


def test_wins_ties_and_losses_by_hand():
    rows = [row(place, verdict) for place, verdict in enumerate(["win"] * 3 + ["tie"] * 4 + ["loss"] * 13)]
    rows.append(row(20, None, first=None, second=None, failed="unparsed"))
    rows.append(row(21, "loss", first=None, second=None, empty=True, length=0))
    found = table(rows)
    counts = ["n", "clusters", "wins", "ties", "losses", "failed", "empty", "swapped", "flipped"]
    assert found[counts].tolist() == [22, 22, 3, 4, 14, 1, 1, 20, 0]
    points = 50.0 * np.array([1] * 3 + [0] * 4 + [-1] * 14)
    assert found["preference"] == pytest.approx(100 * (3 + 2) / 21 - 50) == pytest.approx(points.mean())
    plain = stats.ttest_1samp(points, 0).confidence_interval()
    assert found["low"] == pytest.approx(plain.low) and found["high"] > plain.high  # losses are many: the skew's side
    assert found["decision"] == "costs" and np.isnan(found["score"])


def test_turns_of_a_question_are_one_cluster():
    """Each question twice over: as many answers, the interval of single ones, but for degrees of freedom."""
    verdicts = ["win", "tie", "loss", "loss", "loss", "tie"] * 5
    once = table([row(place, verdict) for place, verdict in enumerate(verdicts)])
    twice = table([row(place, verdict, turn=turn) for place, verdict in enumerate(verdicts) for turn in (1, 2)])
    assert (twice["n"], twice["clusters"]) == (60, 30)
    assert twice[["preference", "low", "high"]].tolist() == pytest.approx(once[["preference", "low", "high"]].tolist())


def test_what_failed_counts_for_both_sides():
    """Of 40 texts 6 win, the 34 others failed: had all of these been lost, 85% would be."""
    rows = [row(place, "win") for place in range(6)]
    rows += [row(place, None, first=None, second=None, failed="too_long") for place in range(6, 40)]
    found = table(rows)
    assert (found["preference"], found["wins"], found["failed"]) == (50, 6, 34)
    lost = stats.ttest_1samp([50.0] * 6 + [-50.0] * 34, 0).confidence_interval()
    assert found["least"] == pytest.approx(lost.low) and found["most"] == 50  # no interval leaves the range
    assert found["low"] > 0 and found["decision"] == "not precise enough"


def test_nothing_that_was_judged_is_no_decision():
    found = table([row(place, None, first=None, second=None, failed="unparsed") for place in range(8)])
    assert np.isnan(found["preference"]) and (found["decision"], found["failed"]) == ("not precise enough", 8)


def test_one_order_decides_nothing():
    """A judge that takes the first would say so of any text."""
    rows = [row(place, "loss", first=None, against="reference") for place in range(30)]
    found = table(rows)
    assert (found["preference"], found["swapped"], found["decision"]) == (-50, 0, "")


def test_ties_alone_are_equality_only_of_a_judge_that_sees_the_texts():
    """500 ties leave half a point; a judge that always takes the first gives as many, and they say nothing."""
    t = stats.t.ppf(0.975, 499)
    agreed = table([row(place) for place in range(500)])
    assert (agreed["decision"], agreed["preference"]) == ("practically equal", 0)
    assert agreed["high"] == pytest.approx(50 * t**2 / (500 + t**2))
    swayed = table([row(place, first="win", second="loss") for place in range(500)])
    assert (swayed["decision"], swayed["flipped"], swayed["high"]) == ("not precise enough", 500, agreed["high"])


def test_scores_by_hand():
    """Two criteria; of the empty text the score is 0, and the other's 7, the mean of those that were judged."""
    pairs = [((8, 6), (9, 7)), ((5, 5), (6, 6)), ((4, 6), (7, 7))]
    rows = [row(place, "loss", scores=own, other_scores=other) for place, (own, other) in enumerate(pairs)]
    rows.append(row(3, "loss", first=None, second=None, empty=True, length=0))
    rows.append(row(4, None, scores=(1, 1), other_scores=(9, 9), failed="unparsed"))
    found = table(rows)
    assert (found["scored"], found["score"], found["other_score"]) == (4, (7 + 5 + 5 + 0) / 4, 7)
    change = np.array([-1.0, -1, -2, -7])
    assert found["score_change"] == pytest.approx(change.mean())
    t = stats.t.ppf(0.975, 3)
    plain, floor = stats.ttest_1samp(change, 0).confidence_interval(), 7 * t**2 / (4 + t**2)
    assert found["score_high"] == pytest.approx(max(plain.high, change.mean() + floor))


def test_texts_judged_alone_are_held_against_the_dense_models():
    """Of question 24 the dense model's text was not judged; that of 25 is empty, and so is what was written to 26."""
    alone = {"against": "alone", "first": None, "second": None, "verdict": None}
    mine = [row(place, scores=[score], other_scores=[9.0], **alone) for place, score in enumerate([6.0, 7, 5, 6] * 6)]
    odd = [row(24, scores=[1.0], **alone), row(25, scores=[8.0], other_length=0, **alone),
           row(26, other_scores=[9.0], empty=True, length=0, **alone)]  # fmt: skip
    found = table(mine + odd)
    assert (found["n"], found["scored"], found["score"]) == (27, 26, pytest.approx((24 * 6 + 8 + 0) / 26))
    assert found["other_score"] == pytest.approx((24 * 9 + 0 + 9) / 26)
    assert np.isnan(found["wins"]) and np.isnan(found["preference"])
    assert table(mine)["score_change"] == pytest.approx(-3) and table(mine)["decision"] == "costs"
    failed = [row(place, failed="unparsed", **alone) for place in range(24, 30)]
    assert table(mine + failed)["decision"] == "not precise enough"
    own = judged([of([each | {"other_scores": None} for each in mine], "dense")], 1.0).iloc[0]
    assert (own["score"], own["decision"]) == (6, "") and np.isnan(own["score_change"])


def test_parts_are_relations_and_what_is_asked_alike_stands_together():
    rows = [
        row(place, "win" if place < 3 else "loss", relation="small" if place < 3 else "large") for place in range(6)
    ]
    rows += [each | {"judge": "k", "verdict": "tie"} for each in rows]
    found = judged([of(rows)], 1.0)
    assert found[["judge", "part", "wins", "losses"]].to_numpy().tolist() == [
        ["j", "", 3, 3], ["j", "small", 3, 0], ["j", "large", 0, 3],
        ["k", "", 0, 0], ["k", "small", 0, 0], ["k", "large", 0, 0],
    ]  # fmt: skip


def test_a_winner_is_not_called_by_a_judge_that_takes_the_first():
    """Whatever the texts are, its verdicts flip; the fair judge calls what is worse."""
    rows = {name: simulate(1, worse=0.5, **more) for name, more in {"fair": {}, "first": {"first": 5}}.items()}
    found = {name: table(each) for name, each in rows.items()}
    assert found["fair"]["decision"] == "costs" and found["first"]["decision"] == "not precise enough"
    assert (found["first"]["wins"], found["first"]["losses"], found["first"]["flipped"]) == (0, 0, 160)
    assert not unreliable(of(rows["fair"]).rows)
    assert unreliable(of(rows["first"]).rows) == "160 of 160 verdicts depend on which text stands first"
    assert unreliable(of(simulate(1, unparsed=0.5)).rows).endswith("of 160 judgements failed")


def test_a_bootstrap_over_questions_gives_the_same_interval():
    """docs/statistics.md: the jackknife's ends are within half a point of the percentile bootstrap's, of eleven."""
    rows = of(simulate(3, n=120, worse=0.3)).rows
    facts = rows[["cluster"]].assign(id=np.arange(len(rows)))
    (drawn,) = Bootstrap(facts, "chat").means([(facts["id"], rows[["preference"]].to_numpy(), np.ones(len(rows)))])
    low, high = interval(drawn)[:, 0]
    found = table(simulate(3, n=120, worse=0.3))
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=0.5), pytest.approx(high, abs=0.5))
    assert 10 < high - low < 13


def test_intervals_hold_the_truth():
    """Of 1,000 runs with 80 questions of two turns; wins and losses are those of helpers.judged's fair judge."""
    random = np.random.default_rng(0)
    question = np.repeat(random.normal(-0.3, 1, (81_000, 1)), 2, axis=1) + random.normal(0, 0.5, (81_000, 2))
    looks = question[..., None] + 0.5 * random.normal(size=(81_000, 2, 2))
    points = 50.0 * ((looks > 0.5).all(axis=-1).astype(int) - (looks < -0.5).all(axis=-1))
    runs = points[:80_000].reshape(1000, 160).T
    found = mean(runs, np.repeat(np.arange(80), 2), flip=50)
    held = (found.low <= points.mean()) & (points.mean() <= found.high)
    assert 0.94 <= held.mean() <= 0.97


FACTS = [{"id": str(place), "relation": None, "correct": True, "logprob": -1.0} for place in range(2)]


def run(tmp_path, **about):
    """A run with one variant judged: what `aggregate` takes."""
    questions = {"id": ["0", "1"], "relation": ["r"] * 2, "question": ["?"] * 2, "answer": ["x", "y"]}
    questions["candidates"] = [["x", "y"]] * 2
    benchmark = fake_results.write_benchmark(tmp_path / paths.benchmark("chat"), "chat", "question", questions)
    cells, manifests, said = [], [], []
    for slug in ("dense", "int8@overall"):
        manifests.append(tmp_path / paths.manifest("m", slug))
        seal.write_json(manifests[-1], fake_results.manifest("m", slug, "decoder"))
        cells.append(cell(tmp_path, slug))
    rows = [row(place, "loss" if place else "win") for place in range(12)]
    said = [write(tmp_path, rows, variant=slug, **about) for slug in ("dense", "int8@overall")]
    return [cells, manifests, [benchmark], tmp_path / "tables", fake_results.SETTINGS, said]


def cell(tmp_path, slug, **more):
    """The path of a cell of two facts."""
    about = {"model": "m", "variant": slug, "benchmark": "chat", "kind": "question"} | more
    return fake_results.write_scores(tmp_path / paths.scores("m", slug, "chat"), FACTS, **about)


def test_a_run_has_both_tables_and_says_what_they_were_made_from(tmp_path):
    inputs = run(tmp_path)
    aggregate(*inputs)
    found = tables.read(tmp_path / "tables")
    assert found["judged"]["variant"].tolist() == ["dense", "int8@overall"]
    assert found["judged"]["losses"].tolist() == [11, 11] and found["judged"]["decision"].tolist() == ["", "costs"]
    assert found["judges"][["n", "null_n", "null_loss"]].to_numpy().tolist() == [[12, 12, 11]]
    assert {str(path) for path in inputs[-1]} <= tables.made_from(tmp_path / "tables").keys()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"version": "0"}, "judged by another version of knowcost"),
        ({"digests": {}}, "was judged before .*chat.parquet was made as it is now"),
    ],
)
def test_judgements_of_something_else_are_refused(tmp_path, about, words):
    with pytest.raises(InputError, match=words):
        aggregate(*run(tmp_path, **about))


def test_judgements_of_a_cell_that_is_not_there_are_refused(tmp_path):
    *others, said = run(tmp_path)
    lost = write(tmp_path, [row(0)], variant="wanda-50@overall")
    with pytest.raises(InputError, match=r"judgements of .*wanda-50@overall/scores/chat\.parquet, which is not of"):
        aggregate(*others, [*said, lost])


def test_a_cell_that_was_written_anew_is_judged_anew(tmp_path):
    inputs = run(tmp_path)
    cell(tmp_path, "dense", dropped={"too long": 1})
    with pytest.raises(InputError, match="was judged before"):
        aggregate(*inputs)


def test_a_file_in_another_ones_place_is_refused(tmp_path):
    *others, (dense, said) = run(tmp_path)
    for path in (dense, seal.beside(dense)):
        said.with_name(path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="says it is of m, dense, chat; delete"):
        aggregate(*others, [dense, said])


def test_what_moves_one_row_moves_its_table():
    """Every column of numbers of a row is of that row's judgements: another cell's change none."""
    one, other = of(simulate(1)), of(simulate(2), "wanda-60@overall")
    alone, both = judged([one], 1.0), judged([one, other], 1.0)
    assert alone.equals(both[both["variant"] == one.variant].reset_index(drop=True))
    assert judged([dataclasses.replace(one, model="n")], 1.0)["preference"].tolist() == alone["preference"].tolist()
