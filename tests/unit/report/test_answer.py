"""The answer's sentences, from tables by hand."""

from math import nan

import pytest
from helpers.answers import cell, data, kept, more, point, row

from knowcost.aggregate.rule import COSTS, EQUAL, GAINS, NOT_RUN, NOTHING, SMALL, UNSURE
from knowcost.report.answer import answer_lines

SURE, NONE = (8.31, 6.08, 10.54), (nan, nan, nan)


def said(*rows, **more):
    return [line.replace("\N{MINUS SIGN}", "-") for line in answer_lines(data(rows, **more))]


def test_one_model_that_ran_much():
    lines = said(
        row("a", "magnitude-40@overall", SURE, knowing=2, worst_benchmark="trex", worst_points=9.9),
        row("a", "magnitude-40@attention", (0.6, 0.2, 1.0), SMALL),
        row("a", "magnitude-40@feed_forward", (5.8, 3.1, 8.5)),
        row("a", "magnitude-20@overall", (0.1, -0.2, 0.4), EQUAL, kept_percent=99.2, kept_least=96.5),
        row("a", "int8@attention", (-0.2, -0.6, 0.2), EQUAL),
        row("a", "int8@feed_forward", (-0.3, -0.7, 0.1), EQUAL),
        row("a", "int8@overall", (2.0, -1.0, 5.0), UNSURE, needed=2012.0),
        row("a", "wanda-2of4@overall", (70.0, 60.0, 80.0)),
        row("a", "magnitude_structured-20@final", (6.0, 5.0, 7.0)),
        row("a", "magnitude-20@final", (-2.0, -3.0, -1.0), GAINS),
        cheapest=[
            kept("a", "int8@attention", 12.0, 99.9, 99.1, level=99),
            kept("a", "magnitude-20@attention+int8@attention", 15.6, 99.2, 96.04),
            kept("a", "magnitude-20@attention+int8@attention", 15.6, 99.2, 96.04, level=90),
        ],
        contrasts=[more("a", "magnitude-40@feed_forward", (-5.2, -8.4, -2.0), GAINS)],
    )
    assert lines == [
        "a (encoder) answers 50.0% right uncompressed. Shown to keep 99% of what it knows: attention in int8 (12% "
        "fewer bytes: 176 of 200 MB); 95%: attention pruned by 20%, then in int8 (16% fewer bytes: 169 of 200 MB); "
        "90%: the same.",
        "The largest loss seen on a: everything pruned 2:4 (Wanda) costs 70.0 points of accuracy (60.0 to 80.0).",
        "Pruning by 40%: everything costs 8.3 points of accuracy (6.1 to 10.5; 9.9 on trex), feed-forward layers 5.8 "
        "(3.1 to 8.5) and attention costs a small but real 0.6 points (0.2 to 1.0).",
        "At that sparsity: feed-forward layers cost 5.2 points (2.0 to 8.4) more than attention.",
        "The highest sparsity shown to keep 95% of what was known: 20% of everything (20% and 40% were tried).",
        "Int8: attention and feed-forward layers are practically equal to the uncompressed model in accuracy and what "
        "everything (-1.0 to 5.0 points) costs is not measured precisely enough (about 2,100 facts would be).",
        "Other methods, at their level nearest to 40%: everything pruned 2:4 (Wanda) costs 70.0 points of accuracy "
        "(60.0 to 80.0).",
        "The final layer alone: 20% of the final layer's rows removed costs 6.0 points of accuracy (5.0 to 7.0) and "
        "the final layer pruned by 20% gains 2.0 points (1.0 to 3.0).",
    ]


def test_scopes_without_everything_and_the_largest_loss_first():
    lines = said(
        row("a", "magnitude-50@feed_forward", (3.0, 2.0, 4.0)),
        row("a", "magnitude-50@attention", (50.0, 45.0, 55.0)),
        cheapest=[kept("a", "", nan, nan, nan)],
    )
    assert lines == [
        "a (encoder) answers 50.0% right uncompressed. No smaller variant is shown to keep 90% of what it knows.",
        "The largest loss seen on a: attention pruned by 50% costs 50.0 points of accuracy (45.0 to 55.0).",
        "Pruning by 50%: attention costs 50.0 points of accuracy (45.0 to 55.0) and feed-forward layers 3.0 (2.0 to "
        "4.0).",
        "The highest sparsity shown to keep 95% of what was known: none of attention (50% was tried).",
    ]


def test_int8_of_everything_alone_is_no_statement_on_more():
    lines = said(row("a", "int8@overall", (0.1, -0.3, 0.5), EQUAL))
    assert lines == [
        "a (encoder) answers 50.0% right uncompressed. No smaller variant is shown to keep 90% of what it knows.",
        "The one variant of a is not shown to cost more than the margin.",
        "Int8: everything is practically equal to the uncompressed model in accuracy.",
    ]


def test_two_models_of_which_one_is_at_chance():
    lines = said(
        row("c1", "magnitude-50@overall", (9.3, 4.0, 14.6)),
        row("c2", "magnitude-50@overall", NONE, NOTHING, knowing=0),
        row("c3", "magnitude-50@overall", NONE, UNSURE),
        row("decoder", "magnitude-50@overall", (9.3, 4.0, 14.6)),
    )
    assert lines[0].startswith("c1 (decoder) answers 50.0% right")
    assert "Pruning by 50%: everything costs 9.3 points of accuracy (4.0 to 14.6)." in lines
    assert lines[-2:] == [
        "Nothing can be said of c2 (decoder): uncompressed it is not shown to know anything beyond guessing (trex), so "
        "there is nothing to lose.",
        "Nothing can be said of c3 (decoder): the facts that it was asked all belong together, so no loss has an "
        "interval.",
    ]


def test_clozes_of_ones_own_do_not_hide_a_loss():
    scores = [cell("a"), cell("a", "mine", 0.75, 4), cell("a", "mine", slug="magnitude-40@overall")]
    scores += [cell("a", slug="magnitude-40@overall")]
    fact = {"model": "a", "variant": "magnitude-40@overall", "benchmark": "trex", "drop_low": 20.0, "drop_high": 34.0}
    fact |= {"decision": COSTS, "holm_p": 0.001}
    worst = {"pairs": 2, "knowing": 2, "worst_benchmark": "trex", "worst_points": 27.0}
    mean = row("a", "magnitude-40@overall", (0.8, -9.0, 10.6), UNSURE, needed=9000.0, **worst)
    lines = said(mean, scores=scores, facts=[fact])
    assert (
        "Where the mean shows no cost but a benchmark does: with everything pruned by 40% 27.0 points (20.0 to "
        "34.0) are lost on trex, 0.8 points (-9.0 to 10.6) on average."
    ) in lines
    assert lines[-1] == (
        "Fewer than 50 facts known uncompressed, so of little weight in the means and told by hardly any difference: "
        "mine (3 by a)."
    )
    assert not [line for line in said(mean, facts=[fact | {"holm_p": 0.2}]) if "the mean shows no cost" in line]


def test_where_accuracy_and_probability_disagree():
    fall = {"probability_points": 14.0, "probability_low": 12.1, "probability_high": 15.9}
    lines = said(
        row("a", "magnitude-60@feed_forward", (0.0, -0.3, 0.3), EQUAL, **fall, probability_decision=COSTS),
        row("a", "magnitude-40@feed_forward", (0.0, -0.3, 0.3), EQUAL, **fall, probability_decision=EQUAL),
    )
    assert lines[-1] == (
        "Accuracy shows no cost where the right answer's probability falls: in 1 of 2 variants, most of all with "
        "feed-forward layers pruned by 60%: 0.0 points (-0.3 to 0.3) of accuracy (practically equal) and 14.0 "
        "(12.1 to 15.9) of probability."
    )


def test_only_those_who_were_asked_the_same_stand_beside_each_other():
    slug = "int8@overall"
    scores = [cell("a"), cell("a", slug=slug), cell("b", "boolq"), cell("b", "boolq", slug=slug)]
    scores += [cell("c", "boolq"), cell("c", "boolq", slug=slug)]
    lines = said(row("a", slug, SURE), row("b", slug, SURE), row("c", slug, (0.0, -0.5, 0.5), EQUAL), scores=scores)
    assert lines[6:] == [
        "Not all were asked the same, so their losses do not compare: a about trex; b and c about boolq.",
        "Int8: on a everything costs 8.3 points of accuracy (6.1 to 10.5).",
        "Int8: on b everything costs 8.3 points of accuracy (6.1 to 10.5); on c everything is practically equal to the "
        "uncompressed model in accuracy.",
    ]


def test_a_large_family_is_spoken_of_as_one():
    models = [row(f"c{place}", "int8@overall", SURE) for place in range(4)]
    lines = said(*models, row("decoder", "int8@overall", (7.0, 6.0, 8.0)), contrasts=[])
    assert len(lines) == 9 and lines[8] == "Int8: everything costs 7.0 points of accuracy (6.0 to 8.0)."


@pytest.mark.parametrize(
    ("kept_least", "words"),
    [
        ((96, 95.5, 40), "40% of everything (20%, 40% and 60% were tried)"),
        ((96, 94, 99), "20% of everything (20%, 40% and 60% were tried; 40% keeps 97.0%, at least 94.0%, which is not "
         "precise enough)"),
        ((96, 96, 95), "60% of everything (20%, 40% and 60% were tried)"),
    ],
)  # fmt: skip
def test_the_highest_sparsity_is_one_that_was_tried_and_shown(kept_least, words):
    rows = [
        row("a", f"magnitude-{level}@overall", SURE, kept_percent=97.0 if low > 90 else 50.0, kept_least=low)
        for level, low in zip((20, 40, 60), kept_least, strict=True)
    ]
    assert f"The highest sparsity shown to keep 95% of what was known: {words}." in said(*rows)


def test_a_difference_between_halves_takes_an_interval_of_its_own():
    rows = [row("a", "magnitude-40@attention", SURE), row("a", "magnitude-40@feed_forward", (9.0, 6.0, 12.0))]
    slug = "magnitude-40@feed_forward"
    unsure = said(*rows, contrasts=[more("a", slug, (0.7, -2.0, 3.4), UNSURE)])
    assert not [line for line in unsure if "more than" in line]
    other = said(*rows, contrasts=[more("a", slug, (5.0, 2.0, 8.0), COSTS)])
    assert "At that sparsity: attention costs 5.0 points (2.0 to 8.0) more than feed-forward layers." in other


@pytest.mark.parametrize(("sign", "decision"), [(1, COSTS), (-1, GAINS)])
def test_a_difference_that_is_the_other_way_round_per_weight_is_said_to_be(sign, decision):
    rows = [row("a", "magnitude-40@attention", SURE), row("a", "magnitude-40@feed_forward", (9.0, 6.0, 12.0))]
    loss = sorted((5.0 * sign, 2.0 * sign, 8.0 * sign), key=lambda value: (abs(value) != 5, value))
    contrast = more("a", "magnitude-40@feed_forward", loss, decision)
    for per_weight, words in ((-sign, ", but less per weight removed."), (sign, "."), (float("nan"), ".")):
        ends = {"per_weight": per_weight, "per_weight_low": per_weight - 0.5, "per_weight_high": per_weight + 0.5}
        (line,) = [line for line in said(*rows, contrasts=[contrast | ends]) if "more than" in line]
        assert line.endswith(("attention" if sign < 0 else "feed-forward layers") + words)


def test_the_papers_grouping_where_there_are_two():
    lines = said(row("a", "int8@attention", SURE), row("a", "int8@canonical.attention", (9.0, 8.0, 10.0)))
    assert lines[2:] == ["Int8: attention costs 8.3 points of accuracy (6.1 to 10.5)."]


def test_more_losses_than_are_told_one_by_one_are_counted():
    parts = ("overall", "attention", "feed_forward", "self_attention", "cross_attention")
    lines = said(*(row("b", f"int8@{scope}", (9.0 - place, 1.5, 20.0)) for place, scope in enumerate(parts)))
    assert lines[2] == (
        "Int8: everything costs 9.0 points of accuracy (1.5 to 20.0), attention 8.0 (1.5 to 20.0), feed-forward layers "
        "7.0 (1.5 to 20.0) and 2 others less."
    )


def test_nothing_but_dense_models():
    lines = answer_lines(data([], scores=[cell("a")]))
    assert lines == [
        "Only dense models were asked so far: there is nothing to compare yet.",
        "Nothing can be said of a (encoder): only uncompressed so far.",
    ]


def test_recoveries_alone_show_no_loss():
    scores = [cell("a"), cell("a", slug="dense^lora-r4"), cell("b"), cell("b", slug="magnitude-50@overall^lora-r4")]
    slugs = ("dense^lora-r4", "magnitude-50@overall^lora-r4")
    lines = said(*(row(model, slug, NONE, NOT_RUN) for model, slug in zip("ab", slugs, strict=True)), scores=scores)
    assert lines[-1].startswith("Nothing can be said of a (encoder) and b (encoder-decoder): ")
    assert lines[-1].endswith(": only uncompressed and recovered so far, never compressed alone, so no loss is seen.")


def test_bad_input_is_a_sentence_and_no_claim():
    slug = "magnitude-50@overall"
    scores = [
        cell("a"),
        cell("a", slug=slug),
        cell("b", slug=slug, dense_accuracy=nan),
        cell("c"),
        cell("c", slug=slug),
    ]
    one_cluster = row("a", slug, (100.0, nan, nan), UNSURE, kept_percent=0.0, kept_least=nan)
    lines = said(one_cluster, row("b", slug, NONE, NOT_RUN), row("c", slug, NONE, NOT_RUN), scores=scores)
    assert lines == [
        "a (encoder) answers 50.0% right uncompressed. No smaller variant is shown to keep 90% of what it knows.",
        "The one variant of a is not shown to cost more than the margin; 1 not measured precisely enough (facts that "
        "all belong together bear no interval).",
        "Pruning by 50%: what everything costs is not measured precisely enough (facts that all belong together bear "
        "no interval).",
        "The highest sparsity shown to keep 95% of what was known: none of everything (50% was tried).",
        "Nothing can be said of b (encoder-decoder): the uncompressed model was not asked, so there is nothing to "
        "compare with.",
        "Nothing can be said of c (decoder): each of its variants misses benchmarks that its family was asked.",
    ]


def test_benchmarks_on_which_a_model_guesses_are_counted():
    lines = said(row("a", "int8@overall", SURE, pairs=3, knowing=1))
    assert "Not shown to know anything beyond guessing, so in no mean: a on 2 of its 3 benchmarks." in lines


def test_the_largest_loss_says_what_it_is_of_the_lead():
    lead = {"lead_lost_percent": 98.4, "lead_lost_low": 79.8, "lead_lost_high": 117.0}
    lines = said(row("c", "magnitude-50@overall", (5.0, 4.0, 6.0), leads=1, **lead))
    assert (
        "The largest loss seen on c: everything pruned by 50% costs 5.0 points of accuracy (4.0 to 6.0), which is "
        "98.4% (79.8 to 117.0) of its lead over the baseline."
    ) in lines
    lines = said(row("c", "magnitude-50@overall", (5.0, 4.0, 6.0), knowing=2, leads=1, **lead))
    assert "baseline" not in lines[1]  # its mean is over another benchmark, too


def test_what_is_kept_may_be_what_anyone_guesses():
    """A two-choice task that falls from 52 to 50% keeps 96% of the right answers and nothing that was known."""
    small = kept("c", "int8@overall", 59.0, 96.2, 95.6)
    (line, *_) = said(row("c", "int8@overall", (2.0, 1.7, 2.3)), cheapest=[small | {"lead_lost_percent": 99.1}])
    assert "everything in int8 (59% fewer bytes: 82.0 of 200 MB, but 99.1% of its lead over the baseline lost)" in line
    (line, *_) = said(row("c", "int8@overall", (2.0, 1.7, 2.3)), cheapest=[small | {"lead_lost_percent": 4.2}])
    assert "everything in int8 (59% fewer bytes: 82.0 of 200 MB);" in line


def test_no_loss_of_accuracy_does_not_hide_a_fall_of_probability():
    fall = {"probability_points": 14.0, "probability_decision": COSTS}
    equal = (0.0, -0.3, 0.3)
    lines = said(row("a", "magnitude-60@overall", equal, EQUAL, **fall), row("a", "int8@overall", equal, EQUAL))
    assert "2 are practically equal to it; the right answer's probability falls by more than that in 1." in lines[1]
    (_, line, *_) = said(row("a", "int8@overall", equal, EQUAL, **fall))
    assert "cost more than the margin; the right answer's probability falls by more than that." in line


def test_a_benchmark_of_one_cluster_is_named_and_not_called_small():
    scores = [
        cell("a"),
        cell("a", "one", 0.4, 50),
        cell("a", slug="int8@overall"),
        cell("a", "one", slug="int8@overall"),
    ]
    fact = {"model": "a", "variant": "int8@overall", "benchmark": "one", "clusters": 1}
    lines = said(row("a", "int8@overall", SURE), scores=scores, facts=[fact])
    assert lines[-1] == "In no mean, since all of its facts belong together: one."


SMALLER = [point("a", "dense", 2e9), point("a", "int8@overall", 1e9), point("a-small", "dense", 0.5e9, 96.0, "a"),
           point("a-tiny", "dense", 0.25e9, 80.0, "a"), point("a-large", "dense", 3e9, 99.5, "a")]  # fmt: skip


def test_a_smaller_dense_model_of_the_series_wins_where_it_is_shown_to_keep_as_much():
    """Of the others one is smaller and keeps too little, one keeps enough and is larger."""
    rows = [row("a", "int8@overall", SURE)]
    int8 = [kept("a", "int8@overall", 50.0, 99.9, 99.5, level) for level in (99, 95, 90)]
    (line, *_) = said(*rows, cheapest=int8, front=SMALLER)
    assert line == (
        "a (encoder) answers 50.0% right uncompressed. Shown to keep 99% of what it knows: everything in int8 (50% "
        "fewer bytes: 1.00 of 2.00 GB); 95%: the smaller dense model a-small (75% fewer bytes: 0.500 of 2.00 GB); 90%: "
        "the same. At 95% and 90% no variant is shown to keep as much in as few bytes."
    )
    (line, *_) = said(*rows, cheapest=[kept("a", "", nan, nan, nan, level) for level in (99, 95, 90)], front=SMALLER)
    assert "99% of what it knows: no smaller variant; 95%: the smaller dense model a-small (75%" in line
    others = [each | {"reference": "a-large"} for each in SMALLER]  # held against a larger one, not against a
    (line, *_) = said(*rows, cheapest=int8, front=others)
    assert line.endswith("everything in int8 (50% fewer bytes: 1.00 of 2.00 GB); 95%: the same; 90%: the same.")


def test_variants_that_are_as_small_are_named_and_bytes_that_are_not_known_are_not():
    both = [
        kept("a", "gptq-4bit@overall", 70.0, 97.0, 95.5, level) | {"as_small": "rtn-4bit@overall"} for level in (95, 90)
    ]
    (line, *_) = said(row("a", "int8@overall", SURE), cheapest=both)
    four = "everything in 4 bit (GPTQ), or as small everything in 4 bit (round to nearest)"
    assert f"no smaller variant; 95%: {four} (70% fewer bytes: 60.0 of 200 MB); 90%: the same." in line
    (line, *_) = said(row("a", "int8@overall", SURE), cheapest=both, front=[])
    assert f"95%: {four}; 90%: the same." in line


def test_recovered_variants_are_no_loss_of_compression_and_may_be_the_smallest():
    bits = "gptq-3bit@overall"
    lines = said(
        row("a", bits, SURE),
        row("a", f"{bits}^prefix-26", (40.0, 35.0, 45.0)),
        row("a", "dense^prefix-26", (50.0, 45.0, 55.0)),
        cheapest=[kept("a", f"{bits}^lora-r4", 74.0, 99.2, 96.04)],
    )
    told = "everything in 3 bit (GPTQ), recovered by LoRA r4 (74% fewer bytes: 52.0 of 200 MB, base and adapter)"
    assert told in lines[0]
    assert lines[1].startswith("The largest loss seen on a: everything in 3 bit (GPTQ) costs 8.3 points")
    assert not any("prefix" in line for line in lines)
