"""The report's part on the papers' findings, on whether variants forget the same facts, and on how facts were asked."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate import FEWEST_FACTS, ROUNDS, tables
from knowcost.compress.registry import name_of
from knowcost.papers.claim import CLOSE
from knowcost.report.table import Cell, Column, Table, columns, number, row, signed, whole
from knowcost.spec.families import FAMILIES, LABELS
from knowcost.spec.variants import GROUPINGS

VERDICTS = {"holds": "✓ holds", "fails": "✗ fails", "undecided": "? undecided"}
PAIRS = [("overall", "attention"), ("overall", "feed_forward"), ("attention", "feed_forward"),
         ("self_attention", "cross_attention"), ("encoder_attention", "decoder_attention")]  # fmt: skip
FEWEST = 10  # forgotten facts, below which "times chance" is a number about one or two of them


@dataclass(frozen=True)
class Verdict:
    """What this run says of a finding on a family: one of VERDICTS, its words, the difference with its interval in
    words, and why it is undecided."""

    verdict: str
    words: str
    numbers: str
    why: str


@dataclass(frozen=True)
class Finding:
    """A sentence of a paper, its section, and a verdict per family; None where it does not speak of the family."""

    sentence: str
    section: str
    verdicts: list[Verdict | None]


@dataclass(frozen=True)
class Paper:
    """A paper's findings; families: those of this run that it speaks of, in words; counts: {verdict: how many}."""

    title: str
    families: list[str]
    findings: list[Finding]
    counts: dict[str, int]


def findings(claims: pd.DataFrame) -> list[Paper]:
    """The table of claims, paper by paper."""
    return [_paper(str(title), rows) for title, rows in claims.groupby("paper", sort=False)]


def _paper(title: str, claims: pd.DataFrame) -> Paper:
    families = [name for name in FAMILIES if name in set(claims["family"])]
    made = []
    for _, of_claim in claims.groupby("claim", sort=False):
        by_family = {claim["family"]: _verdict(claim) for claim in of_claim.to_dict("records")}
        first = of_claim.iloc[0]
        verdicts = [by_family.get(family) for family in families]
        made.append(Finding(first["sentence"], first["section"], verdicts))
    counts = {name: int((claims["verdict"] == name).sum()) for name in VERDICTS}
    return Paper(title, [LABELS[name] for name in families], made, counts)


def _verdict(claim: Mapping[Hashable, Any]) -> Verdict:
    points, interval = _points(claim)
    why = _why(claim) if claim["verdict"] == "undecided" else ""
    return Verdict(claim["verdict"], VERDICTS[claim["verdict"]], f"{points} ({interval})" if points else "", why)


def _points(claim: Mapping[Hashable, Any]) -> tuple[str, str]:
    """The difference and its interval as text, both empty where no fact makes a difference."""
    if pd.isna(claim["estimate"]) or not claim["differing"]:
        return "", ""
    return signed(claim["estimate"]), f"{signed(claim['low'])} to {signed(claim['high'])}"


def _why(claim: Mapping[Hashable, Any]) -> str:
    if claim["missing"]:
        return claim["missing"] if claim["missing"].startswith("no ") else f"missing: {claim['missing']}"
    if not claim["differing"]:
        return "no fact makes a difference"
    if claim["differing"] < FEWEST_FACTS:
        count = f"{whole(claim['differing'])} fact{'s' * (claim['differing'] > 1)}"
        return f"only {count} make{'s' * (claim['differing'] == 1)} a difference"
    return "the interval takes in zero"


def contrasts(claims: pd.DataFrame) -> Iterator[Table]:
    """A folded table: what each verdict compared, in points, on how many facts."""
    if claims.empty:
        return
    rows = []
    for claim in claims.to_dict("records"):
        name, compared = claim["claim"].replace("_", " "), claim["contrast"] or claim["missing"]
        counts = [whole(claim[count]) for count in ("facts", "differing", "models")]
        rows.append(row([name, LABELS[claim["family"]], compared, claim["verdict"]], [*_points(claim), *counts]))
    heads = columns(
        ["finding", "family", "compared", "verdict"], ["points", "95% interval", "facts", "of which differ", "models"]
    )
    note = "Of several comparisons behind one verdict, the one that speaks most against the finding."
    yield Table("Behind the verdicts", note, heads, rows, folded=True)


def overlap(frame: pd.DataFrame) -> Iterator[Table]:
    """Per family a folded table: how many facts two scopes forgot together, summed over models and benchmarks."""
    note = (
        "Facts that the dense model knew and both variants forgot, summed over models and benchmarks, and how "
        "many two unrelated sets of these sizes would share; pairs of which one forgot fewer than "
        f"{FEWEST} are left out. All pairs, also of levels and methods, by model "
        "and with exact p values: results/tables/overlap.csv."
    )
    heads = [Column("method"), Column("level", True), Column("first"), Column("second")]
    heads += columns([], ["first forgot", "second forgot", "both", "by chance", "times chance"])
    for family, rows in frame[frame["kind"] == "scopes"].groupby("family", sort=False):
        made = list(_pairs(rows))
        if made:
            title = f"Are they the same facts? {LABELS[str(family)].capitalize()} models"
            yield Table(title, note, heads, made, folded=True)


def _pairs(frame: pd.DataFrame) -> Iterator[list[Cell]]:
    """A row for each two variants whose scopes are one of PAIRS and that forgot enough."""
    for (a, b), cells in frame.groupby(["a", "b"], sort=False):
        first, second = tables.describe(str(a)), tables.describe(str(b))
        scopes = (first["scope"], second["scope"])
        sums = cells[["forgotten_a", "forgotten_b", "both", "expected"]].sum()
        enough = sums[["forgotten_a", "forgotten_b"]].min() >= FEWEST
        if scopes in PAIRS and first["grouping"] == GROUPINGS[0] and enough:
            counts = [whole(sums[name]) for name in ("forgotten_a", "forgotten_b", "both")]
            chance = [number(sums["expected"]), number(sums["both"] / sums["expected"])]
            level = Cell(first["strength"], "number")
            yield [Cell(name_of(first["method"])), level, *row([LABELS[name] for name in scopes], counts + chance)]


def noise(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table of the noise floors, and how often it took facts to tell two passes over one model apart."""
    if frame.empty:
        return
    texts = ["model", "variant", "benchmark"]
    rows = [
        row(
            [cell[name] for name in texts],
            [whole(cell["n"]), whole(cell["differing"])]
            + [number(cell[name], ".2f") for name in ("moved_points", "noise_points")],
        )
        for cell in frame.to_dict("records")
    ]
    note = (
        "The same model asked again in batches of half the size: facts whose answer differed, how far the accuracy "
        "moved, and the floor that follows (1.96 standard deviations of what such facts could move). Models that "
        "compute on floats take the dense model's floor, GPTQ and rounding among them, whose few bits are read as "
        "floats; models with an int8 step take the highest of those in int8. A drop that is not above its floor is "
        "reported as none."
    )
    heads = columns(texts, ["facts", "differing", "points moved", "floor (points)"])
    yield Table("The noise floor", note, heads, rows, folded=True)


def how_asked(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table of batch plans, and of int8 engines and activation scales."""
    texts = [name for name in frame.columns if name != "cells"]
    rows = [row([cell[name] for name in texts], [whole(cell["cells"])]) for cell in frame.to_dict("records")]
    note = "Dynamic int8 depends on what is asked together, unless its activations have a scale per sentence."
    heads = columns([name.replace("_", " ") for name in texts], ["cells"])
    yield Table("How they were asked", note, heads, rows, folded=True)


def settings(facts: pd.DataFrame) -> dict[str, Any]:
    """What the methods text says."""
    return {"rounds": ROUNDS, "fewest": FEWEST_FACTS, "close": CLOSE,
            "significant": int((facts["holm_p"] < 0.05).sum()), "compared": len(facts)}  # fmt: skip
