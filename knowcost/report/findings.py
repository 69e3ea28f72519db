"""The report's part on the papers' findings, and on whether variants forget the same facts."""

import pandas as pd

from knowcost.aggregate import tables
from knowcost.aggregate.statistics import FEWEST_RELATIONS, ROUNDS
from knowcost.aggregate.verdicts import FEWEST_FACTS
from knowcost.compress.registry import name_of
from knowcost.papers.claim import CLOSE
from knowcost.spec.families import LABELS

VERDICTS = {"holds": "✓ holds", "fails": "✗ fails", "undecided": "? undecided"}
PAIRS = [("overall", "attention"), ("overall", "feed_forward"), ("attention", "feed_forward"),
         ("self_attention", "cross_attention"), ("encoder_attention", "decoder_attention")]  # fmt: skip
FEWEST = 10  # forgotten facts, below which "times chance" is a number about one or two of them


def findings(claims):
    """The claims as a list of dicts, one per paper: paper, families (of this run that it speaks of), counts {verdict:
    how many}, rows [{sentence, section, cells: [{verdict, words, numbers, why}]}]; a cell is None where the paper's
    finding does not speak of the family."""
    return [{"paper": paper, **_findings(rows)} for paper, rows in claims.groupby("paper", sort=False)]


def _findings(claims):
    families = [name for name in ("encoder", "encoder_decoder", "decoder") if name in set(claims["family"])]
    rows = []
    for _, of_claim in claims.groupby("claim", sort=False):
        by_family = {row["family"]: _cell(row) for row in of_claim.to_dict("records")}
        first = of_claim.iloc[0]
        cells = [by_family.get(family) for family in families]
        rows.append({"sentence": first["sentence"], "section": first["section"], "cells": cells})
    counts = {name: int((claims["verdict"] == name).sum()) for name in VERDICTS}
    return {"families": [name.replace("_", "-") for name in families], "rows": rows, "counts": counts}


def _cell(row):
    numbers = why = ""
    if not pd.isna(row["estimate"]) and row["differing"]:
        numbers = f"{_signed(row['estimate'])} ({_signed(row['low'])} to {_signed(row['high'])})"
    if row["verdict"] == "undecided":
        why = _why(row)
    return {"verdict": row["verdict"], "words": VERDICTS[row["verdict"]], "numbers": numbers, "why": why}


def _why(row):
    if row["missing"]:
        return row["missing"] if row["missing"].startswith("no ") else f"missing: {row['missing']}"
    if not row["differing"]:
        return "no fact makes a difference"
    if row["differing"] < FEWEST_FACTS:
        count = f"{row['differing']:.0f} fact{'s' * (row['differing'] > 1)}"
        return f"only {count} make{'s' * (row['differing'] == 1)} a difference"
    return "the interval takes in zero"


def contrasts(claims):
    """A folded table: what each verdict compared, in points, on how many facts."""
    if claims.empty:
        return
    columns = [("finding", False), ("family", False), ("compared", False), ("verdict", False), ("points", True),
               ("95% interval", True), ("facts", True), ("of which differ", True), ("models", True)]  # fmt: skip
    rows = []
    for row in claims.to_dict("records"):
        cell = _cell(row)
        points, _, interval = cell["numbers"].partition(" ")
        texts = [row["claim"].replace("_", " "), row["family"].replace("_", "-"), row["contrast"] or row["missing"]]
        numbers = [points, interval.strip("()"), *(_whole(row[name]) for name in ("facts", "differing", "models"))]
        rows.append([(text, "") for text in [*texts, row["verdict"]]] + [(text, "number") for text in numbers])
    note = "Of several comparisons behind one verdict, the one that speaks most against the finding."
    yield {"title": "Behind the verdicts", "note": note, "folded": True, "columns": columns, "rows": rows}


def overlap(frame):
    """Per family a folded table: how many facts two scopes forgot together, summed over models and benchmarks."""
    slugs = [*frame["a"], *frame["b"]]
    what = {slug: tables.describe(slug) for slug in dict.fromkeys(slugs)}
    for family, rows in frame[frame["kind"] == "scopes"].groupby("family", sort=False):
        made = []
        for (a, b), cells in rows.groupby(["a", "b"], sort=False):
            scopes = (what[a]["scope"], what[b]["scope"])
            if scopes in PAIRS and what[a]["grouping"] == "paper" and _enough(cells):
                made.append(_pair(a, scopes, what[a], cells))
        if made:
            words = [("method", False), ("level", True), ("first", False), ("second", False)]
            numbers = ("first forgot", "second forgot", "both", "by chance", "times chance")
            columns = words + [(name, True) for name in numbers]
            note = (
                "Facts that the dense model knew and both variants forgot, summed over models and benchmarks, and how "
                "many two unrelated sets of these sizes would share; pairs of which one forgot fewer than "
                f"{FEWEST} are left out. All pairs, also of levels and methods, by model "
                "and with exact p values: results/tables/overlap.csv."
            )
            title = f"Are they the same facts? {family.replace('_', '-').capitalize()} models"
            yield {"title": title, "note": note, "folded": True, "columns": columns, "rows": made}


def _enough(cells):
    return cells[["forgotten_a", "forgotten_b"]].sum().min() >= FEWEST


def _pair(slug, scopes, what, cells):
    sums = cells[["forgotten_a", "forgotten_b", "both", "expected"]].sum()
    counts = [f"{value:,.0f}" for value in sums.iloc[:3]]
    chance = [f"{sums['expected']:,.1f}", f"{sums['both'] / sums['expected']:,.1f}"]
    texts = [
        (name_of(what["method"]), ""),
        (what["strength"], "number"),
        *((LABELS[scope], "") for scope in scopes),
    ]
    return texts + [(text, "number") for text in counts + chance]


def noise(frame):
    """A folded table of the noise floors, and how often it took facts to tell two passes over one model apart."""
    if frame.empty:
        return
    columns = [(name, False) for name in ("model", "variant", "benchmark")]
    columns += [(name, True) for name in ("facts", "differing", "points moved", "floor (points)")]
    rows = []
    for row in frame.to_dict("records"):
        texts = [(row[name], "") for name in ("model", "variant", "benchmark")]
        numbers = [
            _whole(row["n"]),
            _whole(row["differing"]),
            f"{row['moved_points']:.2f}",
            f"{row['noise_points']:.2f}",
        ]
        rows.append(texts + [(text, "number") for text in numbers])
    note = (
        "The same model asked again in batches of half the size: facts whose answer differed, how far the accuracy "
        "moved, and the floor that follows (1.96 standard deviations of what such facts could move). Float models take "
        "the dense model's floor, models with an int8 step the highest of the quantized ones. A drop that is not above "
        "its floor is reported as none."
    )
    yield {"title": "The noise floor", "note": note, "folded": True, "columns": columns, "rows": rows}


def how_asked(frame):
    """A folded table of batch plans, and of int8 engines and activation scales."""
    columns = [(name.replace("_", " "), name == "cells") for name in frame.columns]
    rows = [
        [
            (_whole(value) if name == "cells" else value, "number" if name == "cells" else "")
            for name, value in row.items()
        ]
        for row in frame.to_dict("records")
    ]
    note = "Dynamic int8 depends on what is asked together, unless its activations have a scale per sentence."
    yield {"title": "How they were asked", "note": note, "folded": True, "columns": columns, "rows": rows}


def settings(facts):
    """What the methods text says: rounds, and which benchmarks were resampled by relation and by fact."""
    by = {unit: sorted(rows["benchmark"].unique()) for unit, rows in facts.groupby("resampled")}
    return {"rounds": ROUNDS, "relations": FEWEST_RELATIONS, "fewest": FEWEST_FACTS, "close": CLOSE, "by": by,
            "significant": int((facts["holm_p"] < 0.05).sum()), "compared": len(facts)}  # fmt: skip


def _signed(value):
    """+12.3, +0.45, -0.004 or 0: small differences keep their digits, and what is not zero does not look like it."""
    if abs(value) < 0.0005:  # the tables' last digit
        return "0"
    form = "+.1f" if abs(value) >= 0.995 else "+.2f" if abs(value) >= 0.005 else "+.3f"
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def _whole(value):
    return "" if pd.isna(value) else f"{value:,.0f}"
