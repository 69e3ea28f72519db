"""Every question beside what the dense model and a variant answered, on a made-up run."""

import numpy as np
import pytest
from helpers import fake_results

from knowcost.aggregate.fact_by_fact import benchmarks, facts
from knowcost.common import parquet, paths, seal
from knowcost.common.errors import InputError

PRUNED = "magnitude-40@attention"
NAMES = ["a", "b", "c", "d"]
RIGHT = {"dense": [1, 1, 0, 0], PRUNED: [1, 0, 1, 0]}


def about(name, kind, **columns):
    return name, kind, {"id": NAMES, "relation": [None] * 4, **columns}


CHOICES = about("odds", "boolq", question=[f"Is it {name}?" for name in NAMES], passage=["."] * 4, label=[1, 1, 1, 1])
GREEDY = about("words", "lambada", text=[f"and so to {name}" for name in NAMES])
NEVER = about("untold", "lambada", text=["?"] * 4, stated_in=["never"] * 4)
TEXT = about("book", "text", text=["..."] * 4)
PUBLISHED = about("odds@published", "cloze_published", subject=[None] * 4, cloze=["[MASK]"] * 4, answer=NAMES)


@pytest.fixture
def run(tmp_path):
    """The folder of a run of one model: every benchmark above, asked of the dense model and of a pruned one."""
    for name, kind, rows in (CHOICES, GREEDY, NEVER, TEXT, PUBLISHED):
        fake_results.write_benchmark(tmp_path / paths.benchmark(name), name, kind, rows)
    for slug, right in RIGHT.items():
        seal.write_json(tmp_path / paths.manifest("m", slug), fake_results.manifest("m", slug, "decoder"))
        for name, kind, rows in (CHOICES, GREEDY, NEVER, TEXT, PUBLISHED):
            said = [answered(kind, *each) for each in zip(rows["id"], right, strict=True)]
            named = {"model": "m", "variant": slug, "benchmark": name, "kind": kind}
            fake_results.write_scores(tmp_path / paths.scores("m", slug, name), said, **named)
    return tmp_path


def answered(kind, name, right):
    row = {"id": name, "correct": bool(right), "logprob": np.log(0.6 if right else 0.3)}
    if kind == "boolq":  # no: 0.4 or 0.7
        return row | {"answer": "yes", "prediction": "yes" if right else "no",
                      "choice_logprobs": [np.log(0.4 if right else 0.7), row["logprob"]]}  # fmt: skip
    return row | {"answer": name, "prediction": name if right else ""}


def test_every_question_stands_beside_both_answers(run):
    found = facts("m", PRUNED, "odds", run)
    assert found["question"].tolist() == ["Is it a?", "Is it b?", "Is it c?", "Is it d?"]
    assert found["verdict"].tolist() == ["kept", "forgotten", "gained", "never known"]
    assert found["dense_prediction"].tolist() == ["yes", "yes", "no", "no"]
    assert found["prediction"].tolist() == ["yes", "no", "yes", "no"]
    assert found["probability"].tolist() == pytest.approx([0.6, 0.3, 0.6, 0.3], abs=1e-6)
    assert found["dense_probability"].tolist() == pytest.approx([0.6, 0.6, 0.3, 0.3], abs=1e-6)
    assert set(found["answer"]) == {"yes"} and set(found["benchmark"]) == {"odds"} and found["rank"].isna().all()


def test_what_a_model_says_instead_is_not_made_up(run):
    found = facts("m", PRUNED, "words", run)
    assert found["question"][1] == "and so to b" and found["prediction"].fillna("?").tolist() == ["a", "?", "c", "?"]


def test_what_asks_for_no_knowledge_is_left_out_unless_it_is_named(run):
    assert set(facts("m", PRUNED, folder=run)["benchmark"]) == {"odds", "words"}
    assert benchmarks("m", PRUNED, run) == {
        "book": "asks for no facts, but for perplexity",
        "odds": "",
        "odds@published": "the same facts, read and counted as published",
        "untold": "facts that no model was ever told",
        "words": "",
    }
    assert len(facts("m", PRUNED, "untold", run)) == len(facts("m", PRUNED, "odds@published", run)) == 4


def test_every_mask_of_a_published_cloze_is_listed(run):
    for slug in RIGHT:
        said = [answered("cloze_published", name, name != "b#2") for name in ("a", "b", "b#2", "c")]
        named = {"model": "m", "variant": slug, "benchmark": "odds@published", "kind": "cloze_published"}
        fake_results.write_scores(run / paths.scores("m", slug, "odds@published"), said, **named)
    found = facts("m", PRUNED, "odds@published", run)
    assert found["id"].tolist() == ["a", "b", "b#2", "c"] and set(found["question"]) == {"[MASK]"}
    assert found["verdict"].tolist() == ["kept", "kept", "never known", "kept"]


def test_only_facts_that_both_were_asked_are_listed(run):
    path = run / paths.scores("m", "dense", "odds")
    parquet.write(path, parquet.read(path)[0].slice(1), parquet.about(path) | {"asked": 3})
    assert facts("m", PRUNED, "odds", run)["id"].tolist() == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (("n", PRUNED), "no model 'n' was asked in this folder; there are: m"),
        (("m", "int8@overall"), "m: variant 'int8@overall' was not asked; there are: dense, magnitude-40@attention"),
        (("m", PRUNED, "sums"), "was not asked benchmark 'sums'; there are: book, odds, odds@published, untold, words"),
        (("m", PRUNED, "book"), "book: asks for no facts, but for perplexity, so there is none to list"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(run, asked, match):
    with pytest.raises(InputError, match=match):
        facts(*asked, folder=run)


def test_nothing_is_held_against_what_is_not_there_or_is_of_other_weights(run, tmp_path_factory):
    with pytest.raises(InputError, match=r"results: no model was asked here yet; run `snakemake`"):
        facts("m", PRUNED, folder=tmp_path_factory.mktemp("empty"))
    files = {"model.safetensors": {"sha256": "01" * 32}}
    seal.write_json(run / paths.manifest("m", PRUNED), fake_results.manifest("m", PRUNED, "decoder", files=files))
    with pytest.raises(InputError, match=rf"{PRUNED}/scores/odds\.parquet: was not asked of what .*manifest\.json"):
        facts("m", PRUNED, "odds", run)
    for path in (run / paths.archive_dir("m", "dense") / "scores").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="m: the dense model was not asked yet"):
        facts("m", PRUNED, folder=run)
