"""The section on recoveries: sentences that follow the table's word, from rows by hand."""

from math import nan

import pandas as pd
import pytest

from knowcost.aggregate import recovered as aggregated
from knowcost.aggregate import relearned, rule
from knowcost.aggregate import relearning as words
from knowcost.report import recovered
from knowcost.report.table import MINUS

BITS = "gptq-3bit@overall"


def trial(decision, recovery="lora-r4", texts="main or half", taught=50.0, **more):
    """A row of `relearned`."""
    row = {"family": "decoder", "model": "m", "compressed": BITS, "recovery": recovery, "texts": texts}
    row |= {"told_by": "half", "lost": 300, "untold": 160, "untold_returned": 56, "told": 140, "told_returned": 119}
    row |= {"never": 250, "never_right": 25}
    row |= {"chance_by": "facts never told", "decision": decision}
    shares = {"untold": 35.0, "told": 85.0, "chance": 10.0, "displaced": 27.8, "forgotten": 72.2}
    for name, value in shares.items():
        row |= {f"{name}_percent": value, f"{name}_low": value - 8, f"{name}_high": value + 9}
    return row | {"taught_points": taught, "taught_low": taught - 9, "taught_high": taught + 9} | more


def gained(recovery, points, decision, net=nan, benchmark=""):
    """A row of `recovered`."""
    row = {"family": "decoder", "model": "m", "compressed": BITS, "variant": f"{BITS}^{recovery}", "recovery": recovery}
    row |= {"benchmark": benchmark, "n": 1000, "known": 900, "lost": 300, "returned": 90, "harmed": 12}
    row |= {"decision": decision, "net_decision": decision if net == net else "", "chance_by": "guessing"}
    numbers = {"regained_points": points, "drop_points": 20.0, "control_points": points - net, "net_points": net}
    for name, value in (numbers | {"returned_percent": 30.0, "chance_percent": 10.0}).items():
        row |= {name: value, f"{name.split('_')[0]}_low": value - 1, f"{name.split('_')[0]}_high": value + 1}
    return row


def data(of_test=(), of_gain=()):
    return {
        "relearned": pd.DataFrame(of_test, columns=relearned.COLUMNS),
        "recovered": pd.DataFrame(of_gain, columns=aggregated.COLUMNS),
        "recovered_overlap": pd.DataFrame(columns=aggregated.OVERLAP),
    }


def test_without_recoveries_there_is_no_section():
    assert recovered.section(data()) is None
    assert not list(recovered.headline(data()["relearned"])) and not list(recovered.gains(**frames()))


def frames(of_test=(), of_gain=()):
    made = data(of_test, of_gain)
    return {"recovered": made["recovered"], "relearned": made["relearned"]}


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (
            words.BOTH,
            f"27.8% (19.8 to 36.8) were only displaced, {recovered.UNTOLD}, and 72.2% (64.2 to 81.2) did not "
            "come back, and count as forgotten",
        ),
        (words.DISPLACED, f"displaced, {recovered.UNTOLD}; that any of the rest were forgotten is not shown"),
        (
            words.FORGOTTEN,
            "72.2% (64.2 to 81.2) did not come back, and count as forgotten; that any were only displaced is not shown",
        ),
        (
            words.UNTAUGHT,
            "none is shown to be displaced, and none to be forgotten: the recovery is not shown",
        ),
        (words.UNSURE, "the share that was only displaced is not measured precisely enough: 27.8% (19.8 to 36.8)"),
    ],
)
def test_the_verdict_follows_the_tables_word(decision, said):
    (line,) = recovered.headline(data([trial(decision)])["relearned"])
    assert said in line and line.startswith(
        "Forgotten, or only displaced? Of the facts that m lost with everything in 3 bit (GPTQ), "
    )
    (verdict,) = recovered.verdicts(data([trial(decision)])["relearned"])
    assert said in verdict and "Of 160 lost facts that no text states 56 are right again (35.0%; 10.0% by" in verdict
    assert (
        "250 facts never told" in verdict
        and "come back more often than the others, by 50.0 points (41.0 to 59.0)" in verdict
    )


def test_what_is_told_may_come_back_less_often():
    (said,) = recovered.verdicts(data([trial(words.UNTAUGHT, taught=-5.0)])["relearned"])
    assert f"come back less often than the others, by 5.0 points ({MINUS}4.0 to 14.0)" in said


def test_the_headline_takes_the_recovery_that_teaches_best_and_says_so():
    rows = [trial(words.BOTH, "prompt-50", taught=10.0), trial(words.FORGOTTEN, taught=60.0)]
    (line,) = recovered.headline(data(rows)["relearned"])
    assert (
        "(seen with LoRA r4, of 2 recoveries the best at bringing back what it is told)" in line
        and "prompt" not in line
    )
    rows = [trial(words.BOTH), trial(words.UNSURE, "prompt-50", taught=nan)]  # of which that is not known
    assert "seen with LoRA r4" in next(recovered.headline(data(rows)["relearned"]))


def test_each_training_is_told_by_itself_and_the_headline_tells_the_one_without_the_answers():
    alone = trial(words.FORGOTTEN, texts="main", displaced_percent=4.0, displaced_low=-6.0, displaced_high=14.0)
    frame = pd.DataFrame(
        [trial(words.BOTH), alone, trial(words.BOTH, texts="half"), trial(words.BOTH, "lora-r2", "main")]
    )
    [headline], [verdict] = recovered.headline(frame), recovered.verdicts(frame)
    main = "4.0% (0.0 to 14.0) by training on the main texts alone"
    assert headline.endswith(f"(seen with LoRA r4; {main}).")
    both = f"{main} and 27.8% (19.8 to 36.8) by training on “half” alone"
    assert verdict.endswith(f" Of the two trainings: {both}.")


def test_what_was_not_run_has_no_verdict_and_other_texts_are_a_control():
    rows = [trial(words.NOT_RUN, texts="main")]
    assert not recovered.verdicts(data(rows)["relearned"])
    rows = [trial(words.BOTH), trial(words.BOTH, texts="main"), trial(words.BOTH, texts="strangers")]
    (line,) = recovered.controls(data(rows)["relearned"])
    assert line.startswith("As a control, displaced by training on “strangers” instead, which state none of it: 27.8%")
    assert line.count("LoRA r4") == 1


def test_gains_and_harm_beside_the_control_and_not_of_texts_that_tell():
    rows = [gained("lora-r4~strangers", 9.0, rule.GAINS), gained("lora-r4", 8.0, rule.GAINS, net=6.0),
            gained("lora-r4~half", 30.0, rule.GAINS, net=28.0),
            gained("prefix-26", -5.0, rule.COSTS), gained("lora-r4", 99.0, rule.GAINS, benchmark="b")]  # fmt: skip
    said = list(recovered.gains(**frames([trial(words.BOTH)], rows)))
    assert said == [
        "Recovery on m: with everything in 3 bit (GPTQ), LoRA r4 brings back 8.0 points (7.0 to 9.0) of "
        "accuracy, 6.0 points (5.0 to 7.0) more than it adds to the dense model.",
        "1 of 2 recoveries of m harms: with everything in 3 bit (GPTQ), prefix 26 takes 5.0 points (4.0 to 6.0) of "
        "accuracy.",
    ]
    (none,) = recovered.gains(**frames([], [gained("lora-r4", 0.2, rule.EQUAL)]))
    assert none == "Recovery on m: none of 1 is shown to bring back more than the margin."


def test_what_helps_the_dense_model_more_is_said_to_be_less():
    (said,) = recovered.gains(**frames([], [gained("lora-r4", 3.0, rule.GAINS, net=-2.0)]))
    assert said.endswith("of accuracy, 2.0 points (1.0 to 3.0) less than it adds to the dense model.")


def test_of_several_that_harm_the_worst_is_named():
    rows = [gained("prefix-26", -5.0, rule.COSTS), gained("prefix-50", -9.0, rule.COSTS)]
    said = list(recovered.gains(**frames([], rows)))
    assert said[1].startswith(
        "2 of 2 recoveries of m harm, most of all with everything in 3 bit (GPTQ), prefix 50 takes"
    )


def test_texts_that_tell_are_no_gain_where_they_are_all_that_was_run():
    of_test = [trial(words.NOT_RUN, texts="half")]
    rows = [gained("lora-r4~half", 30.0, rule.GAINS), gained("prompt-50", 0.2, rule.EQUAL)]
    said = list(recovered.gains(**frames(of_test, rows)))
    assert said == ["Recovery on m: none of 1 is shown to bring back more than the margin."]
    assert not list(recovered.controls(data(of_test)["relearned"]))


def test_shares_are_cut_at_all_and_nothing_and_one_fact_is_one():
    more = {"forgotten_percent": 102.0, "forgotten_high": 109.0, "untold": 1, "untold_returned": 1}
    (said,) = recovered.verdicts(data([trial(words.FORGOTTEN, **more)])["relearned"])
    assert "100.0% (64.2 to 100.0) did not come back" in said
    assert "Of 1 lost fact that no text states 1 is right again" in said


def test_tables_of_a_model_stand_open_and_those_of_a_benchmark_are_folded():
    rows = [gained("lora-r4", 8.0, rule.GAINS), gained("lora-r4", 9.0, rule.GAINS, benchmark="b")]
    made = recovered.section(data([trial(words.BOTH)], rows))
    assert [(table.title, table.folded) for table in made.tables] == [
        ("Forgotten, or displaced: m", False), ("What recoveries bring back: m", False),
        ("What recoveries bring back: m on b", True),
    ]  # fmt: skip
    for table in made.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert recovered.TEST in made.words and recovered.LIMITS in made.words
    assert made.title == "Forgotten or displaced?" and "“half” state some of what is asked" in made.tables[1].note
    untested = recovered.section(data([], rows))
    assert untested.title == "What recoveries bring back" and recovered.TEST not in untested.words
    assert "brackets" not in untested.tables[0].note
