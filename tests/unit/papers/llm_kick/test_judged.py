"""LLM-KICK's results on judged texts: verdicts by hand and beside scipy, and what bears none."""

import numpy as np
import pytest
from helpers.groups import group
from helpers.judged import of, row, simulate
from scipy import stats

from knowcost.aggregate import judged_claims, verdicts
from knowcost.papers.claim import JUDGED
from knowcost.papers.llm_kick.claims import CLAIMS

WANDA, PATTERN, INT8 = "wanda-50@overall", "wanda-2of4@overall", "int8@overall"
STEPS = [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]  # no skew: the interval is that of the t test
ASK = {"conversation": "mt_bench_pair", "summary": "kick_summary"}


def scored(own, dense=10.0, variant=WANDA, kind="summary", relation="small", **more):
    """Texts that a judge gives these scores, beside dense ones of `dense`."""
    rows = [row(place, "tie", rubric=ASK[kind], scores=[score], other_scores=[dense], relation=relation, **more)
            for place, score in enumerate(own)]  # fmt: skip
    return of(rows, variant, kind=kind, benchmark=kind)


def said(words, variant=WANDA, kind="conversation", **more):
    """Texts of which a judge says so: "wtl" is a win, a tie, a loss."""
    names = {"w": "win", "t": "tie", "l": "loss"}
    return of([row(place, names[word], **more) for place, word in enumerate(words)], variant, kind=kind, benchmark=kind)


def decided(claim, *cells):
    """The verdict on a claim of a run that asked one benchmark besides."""
    chosen = [each for each in CLAIMS if each.id == f"kick_{claim}"]
    asked = group({"dense": "10", INT8: "10"}, family="decoder")
    rows, _ = verdicts.verdicts([asked], chosen, 1.0, {}, {JUDGED: judged_claims.of_judgements(cells)})
    return rows.iloc[0]


def test_a_match_of_scores_is_in_percent_of_the_dense_models():
    """9.8 of 10 is 3 percent within the tolerance of 5; of 12 stories that bears nothing."""
    own = 9.8 + 0.1 * np.array(STEPS * 50)
    row = decided("summaries", scored(own), scored([10.0] * 300, variant=INT8))
    assert (row["verdict"], row["estimate"], row["facts"]) == ("holds", pytest.approx(3), 300)
    assert row["contrast"] == "Wanda by 50% matches" and row["unit"].startswith("percent of the dense model's score to")
    few = decided("summaries", scored(own[:12]), scored([10.0] * 300, variant=INT8))
    t = stats.t.ppf(0.975, 11)  # what twelve have not shown: a text that loses all of its score
    assert few["estimate"] - few["low"] == pytest.approx(100 * t**2 / (12 + t**2)) and few["verdict"] != "holds"


def test_falling_short_beside_a_t_test():
    """2 of 10 with a wide spread, at 2:4: 75 percent beyond the tolerance."""
    own = 2.0 + np.array(STEPS * 5)
    row = decided("summaries_patterns", scored(own, variant=PATTERN))
    plain = stats.ttest_1samp(95 - 10 * own, 0).confidence_interval()
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(75))
    t = stats.t.ppf(0.975, 29)
    assert row["high"] - 75 == pytest.approx(max(plain.high - 75, 100 * t**2 / (30 + t**2)))
    assert decided("conversations_patterns", scored(own, variant=PATTERN))["verdict"] == "not run"


@pytest.mark.parametrize(
    ("words", "estimate", "verdict"),
    [
        ("t" * 100, -5, "fails"),
        ("w" * 20 + "l" * 80, 100 * (0.95 * 0.8 - 0.2) / 0.5, "holds"),
        ("t" * 48 + "l" * 2, 100 * (0.95 * 0.52 - 0.48) / 0.5, "not precise enough"),
    ],
)
def test_a_verdict_shares_out_a_point(words, estimate, verdict):
    """What never matches at N:M: all ties are as good as the dense model, 5 percent within the tolerance."""
    row = decided("conversations_patterns", said(words, PATTERN))
    assert (row["verdict"], row["estimate"]) == (verdict, pytest.approx(estimate))


def test_conversations_match_to_a_quarter_and_no_further():
    quarter, third, far = (f"wanda-{level}@overall" for level in (25, 35, 60))
    row = decided("conversations", said("t" * 90, quarter), said("l" * 90, third), said("w" * 90, far))
    assert (row["verdict"], row["contrast"]) == ("holds", "Wanda by 25% matches")
    row = decided("conversations", said("t" * 90, quarter), said("t" * 90, third))
    assert (row["verdict"], row["contrast"]) == ("fails", "Wanda by 35% does not match")
    row = decided("conversations", said("l" * 90, quarter), said("l" * 90, third))
    assert (row["verdict"], row["contrast"]) == ("fails", "Wanda by 25% matches")
    assert decided("conversations", said("t" * 90, quarter))["verdict"] == "not run"


def test_long_stories_lose_more():
    """Long ones 6 of 10, short ones 9; those between count nothing."""
    rows = []
    for name, score in (("small", 9.0), ("medium", 1.0), ("large", 6.0)):
        rows += [row(f"{name}{place}", scores=[score + 0.5 * step], other_scores=[10.0], relation=name)
                 for place, step in enumerate(STEPS * 10)]  # fmt: skip
    found = decided("long_stories", of(rows, kind="summary"))
    assert (found["verdict"], found["estimate"], found["facts"]) == ("holds", pytest.approx(30), 120)
    assert found["contrast"] == "Wanda by up to 50% (mean of 1 levels)"
    only = [each for each in rows if each["relation"] != "small"]
    assert decided("long_stories", of(only, kind="summary"))["missing"] == "no text of this kind was judged"


def test_bits_against_pruning_are_paired_by_question():
    """Pruning is 2 of 10 below 8 bits in every story, whatever the story: no interval but what none has shown."""
    stories = np.array([5.0, 6, 7, 8] * 20)
    row = decided("summaries_bits", scored(stories, variant=INT8), scored(stories - 2))
    t = stats.t.ppf(0.975, 79)
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(20))
    assert row["high"] - 20 == pytest.approx(100 * t**2 / (80 + t**2))
    assert decided("summaries_bits", scored(stories, variant=INT8))["missing"] == "no variants of this kind were run"


def test_the_dense_model_is_what_it_scores_beside_each_variant():
    """Beside a bad text the dense one has 10, beside a good one 8: both variants have half of it."""
    row = decided("summaries_patterns", scored([5.0] * 40, 10.0, PATTERN), scored([4.0] * 40, 8.0, INT8))
    assert row["estimate"] == pytest.approx(95 - 50)


def test_models_benchmarks_and_rubrics_count_alike():
    """Model m: 6 of 10, and 3 of 5 by a second rubric; model n: 8 of 10."""
    both = [row(place, rubric=rubric, scores=[score], other_scores=[full], turn=turn)
            for place in range(30)
            for turn, (rubric, score, full) in enumerate([("a", 6.0, 10.0), ("b", 3.0, 5.0)])]  # fmt: skip
    cells = [of(both, PATTERN, kind="summary"), of(both[::2], PATTERN, kind="summary", model="n")]
    cells[1].rows["score"] = cells[1].rows["score"] + 2
    found = decided("summaries_patterns", *cells)
    assert (found["estimate"], found["models"], found["clusters"]) == (pytest.approx(95 - 70), 2, 30)


def test_turns_are_no_questions_of_their_own():
    rows = [row(place, "win" if place < 10 else "loss") for place in range(40)]
    one = of(rows, PATTERN)
    twice = of([each | {"turn": turn} for each in rows for turn in (1, 2)], PATTERN)
    numbers = ["estimate", "low", "high", "clusters", "facts"]
    assert decided("conversations_patterns", twice)[numbers].tolist() == pytest.approx(
        decided("conversations_patterns", one)[numbers].tolist()
    )


def test_what_a_swayed_judge_says_bears_no_match():
    """It says of everything that it is as good as the dense model's."""
    cells = [of(simulate(1, worse=1, first=5), f"wanda-{level}@overall", kind="conversation") for level in (25, 35)]
    found = decided("conversations", *cells)
    assert found["verdict"] == "not precise enough"
    assert found["why"].startswith("no benchmark bears on it: m wanda-25@overall on chat: 160 of 160 verdicts depend")
    garbage = of(simulate(1, unparsed=0.5), PATTERN)
    assert "judgements failed" in decided("conversations_patterns", garbage)["left_out"]


def test_references_second_judges_and_the_published_way_are_no_pairs_of_it():
    rows = [row(place, "loss") for place in range(40)]
    others = [each | {"verdict": "win", **more} for each in rows for more in ({"judge": "k"}, {"against": "reference"})]
    published = of(rows, PATTERN, kind="conversation", benchmark="chat@published")
    found = decided("conversations_patterns", of(rows + others, PATTERN), published)
    assert (found["estimate"], found["benchmarks"]) == (pytest.approx(190), 1)


def test_without_a_judge_they_are_not_run():
    for claim in (each for each in CLAIMS if each.about == JUDGED):
        found = decided(claim.id.removeprefix("kick_"))
        assert (found["verdict"], found["missing"] != "") == ("not run", True)
