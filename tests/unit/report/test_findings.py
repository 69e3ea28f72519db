"""The page's words on the paper's findings and on what two variants forgot together."""

import pandas as pd
import pytest

from knowcost.report import findings


def row(claim, family, verdict, numbers=(None,) * 3, differing=50, missing=""):
    names = dict(zip(("estimate", "low", "high"), numbers, strict=True))
    about = {
        "claim": claim,
        "paper": "P" if claim < "z" else "Q",
        "section": "8.1",
        "sentence": f"{claim}.",
        "family": family,
        "contrast": "a than b",
    }
    return about | {"verdict": verdict, "facts": 100, "differing": differing, "models": 1, "missing": missing} | names


def test_each_finding_has_a_cell_per_family_of_the_run():
    frame = pd.DataFrame(
        [row("x", "decoder", "holds", (2.34, 1.0, 3.0)), row("x", "encoder", "fails", (-0.456, -0.9, -0.004)),
         row("y", "decoder", "undecided", (0.0, -0.25, 0.25)), row("z", "decoder", "holds", (1, 1, 1))]
    )  # fmt: skip
    found, other = findings.findings(frame)
    assert (found.title, other.title, other.families) == ("P", "Q", ["decoder"])
    assert found.families == ["encoder", "decoder"]
    assert found.counts == {"holds": 1, "fails": 1, "undecided": 1}
    first, second = found.findings
    assert [(verdict.verdict, verdict.numbers) for verdict in first.verdicts] == [
        ("fails", "-0.46 (-0.90 to -0.004)".replace("-", "\N{MINUS SIGN}")), ("holds", "+2.3 (+1.0 to +3.0)"),
    ]  # fmt: skip
    assert second.verdicts[0] is None
    assert second.verdicts[1].why == "the interval takes in zero"
    assert findings.findings(frame.iloc[:0]) == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"missing": "m int8@final on b"}, "missing: m int8@final on b"),
        ({"missing": "no variants of this kind were run"}, "no variants of this kind were run"),
        ({"numbers": (0, 0, 0), "differing": 0}, "no fact makes a difference"),
        ({"numbers": (1, 0.5, 2), "differing": 1}, "only 1 fact makes a difference"),
        ({"numbers": (1, 0.5, 2), "differing": 5}, "only 5 facts make a difference"),
        ({"numbers": (1, -0.5, 2), "differing": 6}, "the interval takes in zero"),
    ],
)
def test_why_a_finding_is_undecided(more, why):
    verdict = findings._verdict(row("x", "encoder", "undecided", **more))
    assert verdict.why == why
    assert bool(verdict.numbers) == (bool(more.get("numbers")) and bool(more["differing"]))


def test_overlap_is_summed_over_models_and_benchmarks():
    names = ["family", "model", "kind", "a", "b", "forgotten_a", "forgotten_b", "both", "expected"]
    a, b = "magnitude-40@attention", "magnitude-40@feed_forward"
    frame = pd.DataFrame(
        [("encoder", "m", "scopes", a, b, 10, 20, 6, 2.0), ("encoder", "n", "scopes", a, b, 5, 5, 3, 1.0),
         ("encoder", "m", "levels", a, b, 9, 9, 9, 9.0), ("decoder", "o", "scopes", a, b, 90, 9, 9, 1.0)],
        columns=names,
    )  # fmt: skip
    (table,) = findings.overlap(frame)  # of the decoder one forgot too few: no table
    (cells,) = table.rows
    texts = [text for text, _ in cells]
    assert texts == ["magnitude pruning", "40%", "attention", "feed-forward", "15", "25", "9", "3.0", "3.0"]
    assert len(texts) == len(table.columns)
