"""The page's words on the paper's findings and on what two variants forgot together."""

import pandas as pd

from knowcost.report import findings


def row(claim, family, verdict, numbers=(None,) * 3, why="", **more):
    names = dict(zip(("estimate", "low", "high"), numbers, strict=True))
    about = {
        "claim": claim,
        "paper": "P" if claim < "z" else "Q",
        "section": "8.1",
        "sentence": f"{claim}.",
        "family": family,
        "contrast": "a than b",
        "unit": "points",
        "verdict": verdict,
        "why": why,
    }
    counts = dict.fromkeys(("facts", "clusters"), 100) | dict.fromkeys(("differing", "models", "benchmarks"), 1)
    weights = dict.fromkeys(("per_weight", "per_weight_low", "per_weight_high", "needed"))
    return about | counts | weights | names | {"left_out": "", "measured": "", "holm_p": 0.0123} | more


FRAME = pd.DataFrame(
    [row("x", "decoder", "holds", (2.34, 1.0, 3.0)), row("x", "encoder", "fails", (-0.456, -0.9, -0.004)),
     row("y", "decoder", "not precise enough", (0.0, -2.5, 2.5), "the interval takes in zero", needed=12345,
         measured="Wanda at 2:4"),
     row("y", "encoder", "not run", why="m int8@final on b"),
     row("yy", "decoder", "not run", why="no variants of this kind were run"),
     row("z", "decoder", "holds in part", (1, 1, 1), per_weight=-1.0, per_weight_low=-2.0, per_weight_high=-0.5)]
)  # fmt: skip


def test_each_finding_has_a_cell_per_family_of_the_run():
    found, other = findings.findings(FRAME)
    assert (found.title, other.title, other.families) == ("P", "Q", ["decoder"])
    assert found.families == ["encoder", "decoder"]
    assert found.counts == "3 verdicts on its findings: holds 1, fails 1, not precise enough 1; 2 more were not run."
    assert other.counts == "1 verdict on its findings: holds in part 1."
    (first,) = found.findings
    assert [(verdict.words, verdict.style, verdict.numbers) for verdict in first.verdicts] == [
        ("✗ fails", "fails", "-0.46 (-0.90 to -0.004)".replace("-", "\N{MINUS SIGN}")),
        ("✓ holds", "holds", "+2.3 (+1.0 to +3.0)"),
    ]  # fmt: skip
    assert other.findings[0].verdicts[0].words == "✓ holds in part"
    assert findings.findings(FRAME.iloc[:0]) == []


def test_a_finding_that_is_decided_on_no_family_is_one_line_that_says_why():
    found, other = findings.findings(FRAME)
    assert [finding.sentence for finding in found.findings] == ["x."]
    why = "not precise enough; 0 (-2.5 to +2.5); measured: Wanda at 2:4; the interval takes in zero; "
    why = why.replace("-", "\N{MINUS SIGN}") + "about 12,345 facts would decide"
    assert found.undecided == [("y.", why), ("yy.", "no variants of this kind were run")]
    assert other.undecided == []
    (nothing,) = findings.findings(FRAME[FRAME["claim"] == "yy"])
    assert (nothing.counts, nothing.findings, nothing.families) == ("None of its findings was run.", [], [])


def test_a_verdict_without_a_number_has_its_reason():
    verdict = findings._verdict(row("x", "encoder", "not precise enough", why="no benchmark bears on it"))
    assert (verdict.words, verdict.numbers, verdict.why) == ("? not precise enough", "", "no benchmark bears on it")


def test_behind_the_verdicts_stands_what_was_run_with_the_effect_per_weight():
    (table,) = findings.contrasts(FRAME)
    texts = [[text for text, _ in cells] for cells in table.rows]
    assert [cells[0] for cells in texts] == ["x", "x", "y", "z"]
    assert texts[0][3:8] == ["points", "holds", "+2.3", "+1.0 to +3.0", "0.012"]
    assert texts[3][8:10] == [text.replace("-", "\N{MINUS SIGN}") for text in ("-1.0", "-2.0 to -0.50")]
    assert all(len(cells) == len(table.columns) for cells in texts)
    assert list(findings.contrasts(FRAME.iloc[:0])) == []


def test_levels_have_a_row_each_with_the_mean_beside_it():
    means = {"mean": 5.0, "mean_low": 4.0, "mean_high": 6.0}
    rows = [row("x", "decoder", verdict, numbers, level=level) | means
            for level, verdict, numbers in ((20, "no difference", (0, -0.5, 0.5)), (40, "holds", (10, 8, 12)),
                                            (None, "holds", (1, 1, 1)))]  # fmt: skip
    (table,) = findings.levels(pd.DataFrame(rows))
    texts = [[text for text, _ in cells] for cells in table.rows]
    assert texts[1] == ["x", "decoder", "a than b", "40%", "holds", "+10.0", "+8.0 to +12.0", "+5.0", "+4.0 to +6.0",
                        "", ""]  # fmt: skip
    assert [cells[3] for cells in texts] == ["20%", "40%"]
    assert all(len(cells) == len(table.columns) for cells in texts)


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
