import pandas as pd
import pytest

from knowcost import audit, report_audit


def score(variant, accuracy, model="m", benchmark="boolq", dense=0.9, majority=0.5):
    return {
        "family": "decoder",
        "model": model,
        "variant": variant,
        "benchmark": benchmark,
        "n": 100,
        "accuracy": accuracy,
        "dense_accuracy": dense,
        "majority": majority,
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
    [(0.88, 0.51, "is an artefact"), (0.88, 0.87, "cannot be seen"), (0.52, 0.51, "cannot be told")],
)
def test_the_words_follow_the_numbers(corrected, lost, says):
    rows = [score("magnitude-20@final", corrected), score("magnitude-20@final+lost@final", lost)]
    sentences = audit.words(audit.final_layer(pd.DataFrame(rows)))
    assert f"from 90.0% to {100 * corrected:.1f}%" in sentences[0]
    assert f"to {100 * lost:.1f}% (majority baseline 50.0%)" in sentences[0]
    assert says in sentences[-1]


def test_the_report_s_section_says_what_the_tables_hold():
    rows = [score("magnitude-20@final", 0.88), score("magnitude-20@final+lost@final", 0.51)]
    final, published = audit.final_layer(pd.DataFrame(rows)), audit.beside_published(pd.DataFrame(rows))
    made = report_audit.section(final, published)
    assert [text for text, _ in made["tables"][0]["rows"][0]] == [
        *("m", "boolq", "single weights", "100", "20%", "90.0", "88.0", "51.0", "50.0")
    ]
    assert len(made["tables"][0]["columns"]) == 9
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
