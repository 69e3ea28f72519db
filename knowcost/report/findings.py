"""The report's part on the papers' findings, on whether variants forget the same facts, and on how facts were asked."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from knowcost.aggregate import ALPHA, FEWEST_CLUSTERS, ROUNDS, tables
from knowcost.papers.claim import (
    CLOSE,
    DECIDED,
    FAILS,
    FAILS_IN_PART,
    HOLDS,
    HOLDS_IN_PART,
    NO_DIFFERENCE,
    NOT_RUN,
    UNSURE,
    VERDICTS,
)
from knowcost.recover.registry import name_of
from knowcost.report.table import Cell, Column, Table, columns, number, row, signed, whole
from knowcost.spec.families import FAMILIES, LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import GROUPINGS

WORDS = {  # of a verdict: its mark, and its class of report.css
    HOLDS: ("✓", "holds"),
    HOLDS_IN_PART: ("✓", "part"),
    FAILS: ("✗", "fails"),
    FAILS_IN_PART: ("✗", "fails"),
    NO_DIFFERENCE: ("=", "same"),
    UNSURE: ("?", "unsure"),
    NOT_RUN: ("", "quiet"),
}
FEWEST = 10  # forgotten facts, below which "times chance" is a number about one or two of them


@dataclass(frozen=True)
class Verdict:
    """What this run says of a finding on a family: words and their style, the difference with its interval, and on
    what it rests and why."""

    words: str
    style: str
    numbers: str
    why: str


@dataclass(frozen=True)
class Finding:
    """A sentence of a paper, its section, what its numbers count, and a verdict per family; None where it does not
    speak of the family."""

    sentence: str
    section: str
    unit: str
    verdicts: list[Verdict | None]


@dataclass(frozen=True)
class Paper:
    """A paper's findings; families: those of this run that it speaks of, in words; findings: those decided on one
    family at least; counts: how many verdicts say what, as a sentence; undecided: [(finding, why)] of the others."""

    title: str
    families: list[str]
    findings: list[Finding]
    counts: str
    undecided: list[tuple[str, str]]


def findings(claims: pd.DataFrame) -> list[Paper]:
    """The table of claims, paper by paper."""
    return [_paper(str(title), rows) for title, rows in claims.groupby("paper", sort=False)]


def _paper(title: str, claims: pd.DataFrame) -> Paper:
    decided = claims[claims.groupby("claim")["verdict"].transform(lambda verdicts: verdicts.isin(DECIDED).any())]
    families = [name for name in FAMILIES if name in set(decided.loc[decided["verdict"] != NOT_RUN, "family"])]
    made = []
    for _, of_claim in decided.groupby("claim", sort=False):
        by_family = {claim["family"]: _verdict(claim) for claim in of_claim.to_dict("records")}
        first, verdicts = of_claim.iloc[0], [by_family.get(family) for family in families]
        made.append(Finding(first["sentence"], first["section"], first["unit"], verdicts))
    others = claims[~claims["claim"].isin(decided["claim"])]
    undecided = [(rows["sentence"].iloc[0], _why_not(rows)) for _, rows in others.groupby("claim", sort=False)]
    return Paper(title, [LABELS[name] for name in families], made, _counts(claims), undecided)


def _why_not(claims: pd.DataFrame) -> str:
    """Why a finding is decided on no family, in the words of the family on which it was run, if it was on one."""
    run = claims[claims["verdict"] != NOT_RUN]
    first = (claims if run.empty else run).iloc[0].to_dict()
    verdict = _verdict(first)
    return verdict.why if run.empty else "; ".join(filter(None, (first["verdict"], verdict.numbers, verdict.why)))


def _counts(claims: pd.DataFrame) -> str:
    """ "2 verdicts on its findings: holds 2; 6 more were not run." """
    found = claims["verdict"].value_counts()
    total = int(found.drop(NOT_RUN, errors="ignore").sum())
    if not total:
        return "None of its findings was run."
    said = ", ".join(f"{verdict} {found[verdict]}" for verdict in VERDICTS if verdict in found and verdict != NOT_RUN)
    more = len(claims) - total
    not_run = f"; {more} more {'was' if more == 1 else 'were'} not run" if more else ""
    return f"{total} verdict{'s' * (total != 1)} on its findings: {said}{not_run}."


def _verdict(claim: Mapping[Hashable, Any]) -> Verdict:
    mark, style = WORDS[claim["verdict"]]
    why = [f"measured: {claim['measured']}" if claim["measured"] else "", claim["why"]]
    if not pd.isna(claim["needed"]):
        why.append(f"about {whole(claim['needed'])} facts would decide")
    points, interval = _points(claim, "estimate", "low", "high")
    numbers = f"{points} ({interval})" if points else ""
    return Verdict(f"{mark} {claim['verdict']}".strip(), style, numbers, "; ".join(filter(None, why)))


def _points(row: Mapping[Hashable, Any], value: str, low: str, high: str) -> tuple[str, str]:
    """A number and its interval as text, both empty where there is none."""
    if pd.isna(row[value]):
        return "", ""
    between = "" if pd.isna(row[low]) else f"{signed(row[low])} to {signed(row[high])}"
    return signed(row[value]), between


def contrasts(claims: pd.DataFrame) -> Iterator[Table]:
    """A folded table: what each verdict compared, in points, on how many facts."""
    rows = []
    for claim in claims[claims["verdict"] != NOT_RUN].to_dict("records"):
        texts = [_name(claim), LABELS[claim["family"]], claim["contrast"], claim["unit"], claim["verdict"]]
        numbers = [*_points(claim, "estimate", "low", "high"), number(claim["holm_p"], ".2g"), *_per_weight(claim)]
        counts = [whole(claim[count]) for count in ("facts", "clusters", "differing", "models", "benchmarks")]
        rows.append([*row(texts, numbers + counts), Cell(claim["left_out"])])
    heads = columns(["finding", "family", "compared", "what counts", "verdict"],
                    ["points", "95% interval", "p (corrected)", "per 1% of weights", "95% interval", "facts",
                     "clusters", "of which differ", "models", "benchmarks"])  # fmt: skip
    note = (
        "Of several comparisons behind one verdict, the one that speaks most against the finding. Per 1% of weights: "
        "the same comparison where each side's loss is divided by the share of the model's weights that it removed or "
        "touched, in percent, where the sides are of different size. Clusters differ in which the compared variants "
        "answer some fact differently. Left out: benchmarks of which a model is not shown to know anything, or whose "
        "facts are one cluster."
    )
    if rows:
        yield Table("Behind the verdicts", note, [*heads, Column("left out")], rows, folded=True)


def levels(claims_levels: pd.DataFrame) -> Iterator[Table]:
    """A folded table of the findings that speak of several levels: what each level says, and the mean beside it."""
    rows = []
    for each in claims_levels[claims_levels["level"].notna()].to_dict("records"):
        level = Cell(percent_words(each["level"]), "number")
        numbers = [*_points(each, "estimate", "low", "high"), *_points(each, "mean", "mean_low", "mean_high")]
        numbers += _per_weight(each)
        texts = [_name(each), LABELS[each["family"]], each["contrast"]]
        rows.append([*row(texts), level, Cell(each["verdict"]), *row([], numbers)])
    heads = [*columns(["finding", "family", "compared"]), Column("level", True), Column("finding at this level")]
    heads += columns([], ["points", "95% interval", "mean of the levels", "95% interval", "per 1% of weights",
                          "95% interval"])  # fmt: skip
    note = (
        "A finding holds at a level where all of its comparisons do, after Holm's correction over the levels of the "
        "finding. Points are positive if the finding is true."
    )
    if rows:
        yield Table("Level by level", note, heads, rows, folded=True)


def _name(claim: Mapping[Hashable, Any]) -> str:
    return str(claim["claim"]).replace("_", " ")


def _per_weight(claim: Mapping[Hashable, Any]) -> tuple[str, str]:
    return _points(claim, "per_weight", "per_weight_low", "per_weight_high")


def overlap(frame: pd.DataFrame) -> Iterator[Table]:
    """Per family a folded table: how many facts two scopes forgot together, summed over models and benchmarks."""
    note = (
        "Facts that the dense model knew and both variants forgot, summed over models and benchmarks, and how "
        "many two unrelated sets would share that are as large in each quarter of the dense model's confidence (what "
        "it knew least firmly is forgotten by all); pairs of which one forgot fewer than "
        f"{FEWEST} are left out. All pairs, also of levels and methods, by model "
        "and with exact p values, corrected by Holm: results/tables/overlap.csv."
    )
    heads = [Column("method"), Column("level", True), Column("first"), Column("second")]
    heads += columns([], ["first forgot", "second forgot", "both", "by chance", "times chance"])
    for family, rows in frame[frame["kind"] == "scopes"].groupby("family", sort=False):
        made = list(_pairs(rows))
        if made:
            title = f"Are they the same facts? {LABELS[str(family)].capitalize()} models"
            yield Table(title, note, heads, made, folded=True)


def _pairs(frame: pd.DataFrame) -> Iterator[list[Cell]]:
    """A row for each two variants that forgot enough."""
    for (a, b), cells in frame.groupby(["a", "b"], sort=False):
        first, second = tables.describe(str(a)), tables.describe(str(b))
        scopes = (first["scope"], second["scope"])
        sums = cells[["forgotten_a", "forgotten_b", "both", "expected"]].sum()
        enough = sums[["forgotten_a", "forgotten_b"]].min() >= FEWEST
        if first["grouping"] == GROUPINGS[0] and enough:
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
        "floats; models with an int8 step take the highest of those in int8. No interval reaches less far "
        "from its estimate than the floor."
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
    return {"rounds": ROUNDS, "fewest": FEWEST_CLUSTERS, "close": CLOSE,
            "significant": int((facts["holm_p"] < ALPHA).sum()), "compared": len(facts)}  # fmt: skip
