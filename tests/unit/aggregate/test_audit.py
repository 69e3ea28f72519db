import pandas as pd
import pytest

from knowcost.aggregate import audit
from knowcost.report import audit as report_audit


def score(variant, accuracy, model="m", benchmark="boolq", dense=0.9, majority=0.5, half=2.0):
    """A row of drops.scores; half: half of the width of its intervals, in points."""
    lead, drop = 100 * (accuracy - majority), 100 * (dense - accuracy)
    return {
        "family": "decoder",
        "model": model,
        "variant": variant,
        "benchmark": benchmark,
        "n": 100,
        "accuracy": accuracy,
        "dense_accuracy": dense,
        "majority": majority,
        "lead_points": lead,
        "lead_low": lead - half,
        "lead_high": lead + half,
        "drop_points": drop,
        "drop_low": drop - half,
        "drop_high": drop + half,
    }


def test_both_protocols_stand_side_by_side():
    frame = audit.final_layer(
        pd.DataFrame(
            [
                score("dense", 0.9),
                score("magnitude-20@final", 0.88),
                score("magnitude-20@final+lost@final", 0.51),
                score("magnitude_structured-40@final", 0.7),
                score("magnitude_structured-40@final+lost@final", 0.5),
                score("magnitude-40@final+lost@final", 0.5),  # its other half is missing
            ]
        )
    )
    assert frame[["method", "level"]].to_records(index=False).tolist() == [
        ("magnitude", 20),
        ("magnitude_structured", 40),
    ]
    first = frame.iloc[0]
    assert first[["dense", "corrected", "as_published", "majority"]].tolist() == pytest.approx([90, 88, 51, 50])


@pytest.mark.parametrize(
    ("corrected", "lost", "says"),
    [
        (0.88, 0.51, "speaks for an artefact"),
        (0.88, 0.87, "can be seen"),
        (0.52, 0.51, "cannot be told"),
    ],
)
def test_the_words_follow_the_numbers(corrected, lost, says):
    rows = [score("dense", 0.9), score("magnitude-20@final", corrected), score("magnitude-20@final+lost@final", lost)]
    sentences = audit.words(audit.final_layer(pd.DataFrame(rows)))
    assert f"from 90.0% to {100 * corrected:.1f}%" in sentences[0]
    above = f"to {100 * lost:.1f}%, {100 * lost - 50:.1f} points above the majority baseline"
    assert above in sentences[0] and "(one pair of model and benchmark, with its interval" in sentences[0]
    assert says in sentences[-1] and "Of 1 pair of model" in sentences[-1]


def lost(as_published, half=2.0, dense=0.9, corrected=0.9):
    """The audit's last sentence and its first, of models whose lost layer leaves so much."""
    rows = []
    for place, left in enumerate(as_published):
        about = {"model": f"m{place}", "dense": dense, "half": half}
        rows += [score("dense", dense, **about), score("magnitude-20@final", corrected, **about)]
        rows += [score("magnitude-20@final+lost@final", left, **about)]
    sentences = audit.words(audit.final_layer(pd.DataFrame(rows)))
    return sentences[-1], sentences[0]


def test_ten_above_and_seven_below_are_not_at_the_baseline():
    """Their mean, 51.5%, is near 50%, and neither of them is."""
    verdict, first = lost([0.60, 0.43])
    assert "to 51.5% (means over 2 pairs of model and benchmark, each with its interval in the table)." in first
    assert first.endswith("the single pairs lie from 7.0 points below to 10.0 points above the majority baseline.")
    assert "1 are shown to end less than 5 points above it or below it, and 1 to stay above it by more" in verdict
    assert verdict.endswith("That is too little to tell whether the published finding is an artefact.")
    assert "the way of saving that takes most of them there" in lost([0.51, 0.43])[0]


def test_intervals_that_are_wide_bear_no_verdict():
    assert lost([0.51, 0.50], half=10.0)[0].endswith(
        "That is too little to tell whether the published finding is an artefact."
    )
    assert lost([0.51], half=float("nan"))[0].startswith("None of these models is shown")


def test_models_at_chance_have_nothing_that_can_be_lost():
    assert lost([0.5, 0.5], dense=0.51, corrected=0.51)[0].startswith("None of these models is shown to be above")


def test_a_pair_whose_pruned_layer_costs_much_is_no_artefact():
    assert "Both protocols cost most of them much" in lost([0.51, 0.50], corrected=0.6)[0]


def test_whole_rows_have_a_sentence_of_their_own():
    rows = [score("dense", 0.9), score("magnitude_structured-40@final", 0.7)]
    rows += [score("magnitude_structured-40@final+lost@final", 0.55)]
    (alone,) = audit.words(audit.final_layer(pd.DataFrame(rows)))
    assert alone.startswith("Removing 40% of the final layer in whole rows takes decoder models from 90.0% to 70.0%; ")
    assert "scored as the published code did it, to 55.0%, 5.0 points above the majority baseline" in alone
    rows += [score("magnitude-20@final", 0.88), score("magnitude-20@final+lost@final", 0.51)]
    said = audit.words(audit.final_layer(pd.DataFrame(rows)))
    assert said[0] == alone
    assert said[1].startswith("Removing 20% of the weights of the final layer, one by one, takes")
    assert "at 20% of the weights, one by one: as published, 1 are" in said[-1]


def test_the_draws_of_a_lost_layer_are_a_noise_floor():
    rows = [score(f"magnitude-{level}@final", 0.9) for level in (20, 40)]
    rows += [score(f"magnitude-{level}@final+lost@final", a) for level, a in ((20, 0.5), (40, 0.53))]
    rows += [row | {"benchmark": "piqa"} for row in rows[:2]]
    rows += [row | {"benchmark": "piqa", "accuracy": 0.5} for row in rows[2:4]]
    (said,) = [line for line in audit.words(audit.final_layer(pd.DataFrame(rows))) if "drawn at random" in line]
    assert "differs by 1.5 points on average (at most 3.0)" in said


def test_the_report_s_section_says_what_the_tables_hold():
    rows = [score("magnitude-20@final", 0.88), score("magnitude-20@final+lost@final", 0.51)]
    final, published = audit.final_layer(pd.DataFrame(rows)), audit.beside_published(pd.DataFrame(rows))
    made = report_audit.section(final, published)
    assert [text for text, _ in made.tables[0].rows[0]] == [
        *("m", "boolq", "single weights", "100", "20%", "90.0", "88.0", "51.0", "50.0"),
        *("2.0 (0.0 to 4.0)", "1.0 (-1.0 to 3.0)"),
    ]
    assert len(made.tables[0].columns) == 11
    assert report_audit.section(final.head(0), published) is None


def test_nothing_to_audit_says_nothing():
    frame = audit.final_layer(pd.DataFrame([score("dense", 0.9)]))
    assert frame.empty and audit.words(frame) == []


def test_cells_of_the_study_stand_beside_their_printed_values():
    rows = [
        score("dense", 0.3, model="bert-base", benchmark="trex"),  # Table 3 prints 30.27
        score("int8@attention", 0.78, model="flan-t5-base", benchmark="boolq"),  # Table 5 prints 0.7841
        score("magnitude-30@attention", 0.3, model="bert-base", benchmark="trex"),
        score("dense", 0.3, model="mine", benchmark="trex"),
    ]
    frame = audit.beside_published(pd.DataFrame(rows))
    assert frame["published"].tolist() == pytest.approx([30.27, 78.41])
    assert frame["difference"].tolist() == pytest.approx([-0.27, -0.41])


def test_a_missing_cell_keeps_its_printed_value_and_drop():
    """Table 3, BERT-base on T-REx: 30.27, int8 of attention 29.903: 1.2124% less."""
    nan = float("nan")
    rows = [
        score("int8@attention", a, model="bert-base", benchmark=b) for a, b in ((nan, "trex"), (nan, "trex@published"))
    ]
    row = audit.beside_published(pd.DataFrame(rows)).iloc[0]
    assert pd.isna(row[["ours", "as_published", "n_as_published", "difference"]]).all()
    assert row["published"] == pytest.approx(29.903)
    assert row["printed_drop_percent"] == pytest.approx(1.2124, abs=1e-4)
    (table,) = report_audit.section(audit.final_layer(pd.DataFrame(rows)), pd.DataFrame([row])).tables
    assert ("\N{EN DASH}", "number") in table.rows[0]


def test_a_companion_without_a_score_is_no_cell():
    nothing = pd.DataFrame(counted({"dense": 0.8}, {"dense": float("nan")}))
    assert audit.beside_published(nothing).empty
    ours_gone = pd.DataFrame(counted({"dense": float("nan")}, {"dense": 0.6}))
    assert audit.counting_words(audit.beside_published(ours_gone)) == []


def counted(accuracies, as_published):
    """Cells of one model on T-REx with their companions, from {variant: accuracy}."""
    rows = [score(v, a, model="mine", benchmark="trex") for v, a in accuracies.items()]
    return rows + [score(v, a, model="mine", benchmark="trex@published") | {"n": 90} for v, a in as_published.items()]


def test_cells_stand_beside_their_published_count():
    frame = audit.beside_published(pd.DataFrame(counted({"dense": 0.8, "int8@overall": 0.4}, {"dense": 0.6})))
    assert frame["variant"].tolist() == ["dense"]  # the other was not counted as published, and nothing was printed
    row = frame.iloc[0]
    assert row[["n", "ours", "n_as_published", "as_published"]].tolist() == pytest.approx([100, 80, 90, 60])
    assert pd.isna(row["published"]) and pd.isna(row["difference"])


@pytest.mark.parametrize(
    ("lost", "says"), [(0.3, "does not hang on it"), (0.5, "in 1 by more than 5: what is said of these has")]
)
def test_what_the_published_count_means_for_the_findings(lost, says):
    rows = counted({"dense": 0.8, "int8@overall": 0.4}, {"dense": 0.6, "int8@overall": lost})
    first, last = audit.counting_words(audit.beside_published(pd.DataFrame(rows)))
    assert first == "trex of mine: 80.0% of 100 facts; read and counted as published, 60.0% of 90."
    off = abs(50 - 100 * (1 - lost / 0.6))  # half is lost of ours
    assert f"differs by {off:.1f} points" in last and says in last


def test_printed_values_are_held_against_the_published_count_where_there_is_one():
    rows = [score("dense", a, model="bert-base", benchmark=b) for a, b in ((0.4, "trex"), (0.31, "trex@published"))]
    assert audit.beside_published(pd.DataFrame(rows))["difference"].tolist() == pytest.approx([31 - 30.27])
