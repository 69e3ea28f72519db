"""Judges with a fault each, asked over HTTP by the judge's own job: both tables show what they are."""

from pathlib import Path

import pytest
from helpers import judging
from helpers.judge_server import JudgeServer

from knowcost.aggregate import judgement_rows
from knowcost.aggregate.inputs import Files
from knowcost.aggregate.judged import judged
from knowcost.aggregate.judges import judges
from knowcost.common import paths, seal
from knowcost.judge import job

QUESTIONS = 8


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{mode of a judge: (its row of `judged`, its row of `judges`)}; the variant's odd answers are longer."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-a-key-of-this-test")
        for mode in ("fair", "prefers_first", "prefers_longer", "garbage"):
            patch.chdir(tmp_path_factory.mktemp(mode))
            made[mode] = _tables(mode, patch)
    return made


def _tables(mode, patch):
    here = Path.cwd()
    judging.chat(here, QUESTIONS, 1)
    at = [(f"q{place}", 1) for place in range(QUESTIONS)]
    dense = {each: f"dense {each[0]} and so" for each in at}
    ours = {each: f"ours {each[0]}" + " and so on" * (place % 2) for place, each in enumerate(at)}
    cells = [judging.cell(here, dense, "dense", again=dense), judging.cell(here, ours)]
    with JudgeServer(mode, score=lambda text, _: 3 if text.startswith("ours") else 7) as judge:
        patch.setenv("OPENAI_BASE_URL", judge.url)
        job.judge(cells, judging.JUDGE)
    files = Files({"m": "decoder"}, {}, {}, {}, {}, {cell: seal.check(cell) for cell in cells})
    said, _ = judgement_rows.read([paths.judgements("m", slug, "chat") for slug in ("dense", judging.VARIANT)], files)
    return judged(said, 1.0).set_index(["variant", "part"]).loc[(judging.VARIANT, "")], judges(said).iloc[0]


def test_a_fair_judge_calls_what_is_worse(found):
    table, beside = found["fair"]
    assert table[["wins", "ties", "losses", "failed", "flipped"]].tolist() == [0, 0, 8, 0, 0]
    assert table["decision"] == "costs" and beside["first_preferred"] == 50
    assert beside[["null_n", "null_tie", "null_flipped", "unparsed"]].tolist() == [8, 8, 0, 0]
    assert beside["answered_by"] == "judge-2026"


def test_one_that_takes_the_first_calls_no_winner(found):
    table, beside = found["prefers_first"]
    assert table[["wins", "ties", "losses", "flipped"]].tolist() == [0, 8, 0, 8]
    assert table["decision"] == "not precise enough"
    assert beside[["flipped_percent", "first_preferred", "null_flipped"]].tolist() == [100, 100, 8]


def test_one_that_takes_the_longer_shows_it(found):
    table, beside = found["prefers_longer"]
    assert table[["wins", "losses", "decision"]].tolist() == [4, 4, "not precise enough"]
    assert beside["longer_wins"] == 100 and beside["length_correlation"] == pytest.approx(1)
    assert beside["first_preferred"] == 50


def test_garbage_is_counted_and_decides_nothing(found):
    table, beside = found["garbage"]
    assert table[["failed", "wins", "ties", "losses"]].tolist() == [8, 0, 0, 0]
    assert table["decision"] == "not precise enough" and beside[["unparsed", "swapped"]].tolist() == [8, 0]
