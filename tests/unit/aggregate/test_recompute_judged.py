"""What judges say is what the formulas of docs/statistics.md give, computed from the rows without knowcost."""

import runpy

import numpy as np
import pytest
from helpers.groups import group
from helpers.judged import of, row, simulate, write

from knowcost.aggregate import judged_claims, tables, verdicts
from knowcost.aggregate.judged import judged
from knowcost.aggregate.judges import judges
from knowcost.papers.claim import JUDGED
from knowcost.papers.llm_kick.claims import CLAIMS

WORSE = {"dense": 0, "wanda-25@overall": 0.1, "wanda-35@overall": 1, "sparsegpt-2of4@overall": 0.7, "int8@overall": 0}


def stories(seed, worse):
    """Scores of two criteria of stories of two sizes; some are empty, some judgements fail."""
    random = np.random.default_rng(seed)
    for place in range(24):
        other = [float(each) for each in random.integers(6, 11, 2)]
        own = [max(1.0, each - 3 * worse * random.random()) for each in other]
        said = "tie" if own == other else "loss"
        more = {"rubric": "kick_summary", "relation": ("small", "large")[place % 2], "length": 20 + place}
        made = row(place, said, scores=own, other_scores=other, **more)
        if place in (3, 4):
            made |= {"empty": True, "first": None, "second": None, "scores": None, "other_scores": None}
            made |= {"length": 0} if place == 3 else {"other_length": 0, "verdict": "win"}
        if place == 5:
            made |= {"verdict": None, "second": None, "failed": "unparsed"}
        yield made
        yield row(place, against="alone", first=None, second=None, verdict=None, scores=own, other_scores=other,
                  rubric="summary_single", relation=more["relation"])  # fmt: skip


def conversations(seed, worse):
    """What two judges say, the second with noise of its own, some of it garbage."""
    yield from simulate(seed, n=20, worse=worse, unparsed=0.02, first=0.2)
    yield from (each | {"judge": "k"} for each in simulate(seed, n=20, worse=worse, noise=2))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run; its claims are those on judged texts."""
    folder, made = tmp_path_factory.mktemp("run"), []
    asked = (("m", "summary", stories), ("m", "conversation", conversations), ("n", "conversation", conversations))
    for seed, (model, kind, texts) in enumerate(asked):
        for place, (slug, worse) in enumerate(WORSE.items()):
            rows = list(texts(10 * seed + place, worse))
            write(folder, rows, model, slug, kind, kind=kind)
            made.append(of(rows, slug, kind, kind, model))
    claims = [claim for claim in CLAIMS if claim.about == JUDGED]
    texts = {JUDGED: judged_claims.of_judgements(made)}
    found, _ = verdicts.verdicts([group(dict.fromkeys(WORSE, "10"), family="decoder")], claims, 1.0, {}, texts)
    for name, frame in {"judged": judged(made, 1.0), "judges": judges(made), "claims": found}.items():
        tables.write(frame, folder / "results/tables", name)
    return folder / "results"


def test_tables_are_recomputed_to_the_last_digits(run, root, monkeypatch, capsys):
    monkeypatch.syspath_prepend(root / "perf")
    found = runpy.run_path(str(root / "perf/recompute_judged.py"))["main"](run)
    said = capsys.readouterr().out
    assert found == 0, said
    seen = {tuple(line.split()[:2]) for line in said.splitlines()}
    columns = ("preference", "low", "least", "most", "decision", "score", "score_low", "other_score", "failed")
    assert {("judged", column) for column in columns} <= seen
    columns = ("first_low", "flipped_high", "longer_wins", "length_correlation", "kappa", "null_tie")
    assert {("judges", column) for column in columns} <= seen
    assert {("claims", column) for column in ("estimate", "low", "high", "p")} <= seen
