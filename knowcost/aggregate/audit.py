"""The audit: this run's numbers beside the published ones, and beside what the published protocol makes of this run.

Two tables. `final_layer`: each pruned final layer as it is, and as the published code scored it
(compress/methods/lost_head.py: saved in a way that loses the layer). `beside_published`: every cell of this run whose
value Namburi et al. print in Tables 3 to 5 (papers/cost_of_compression/printed.py), and LAMA's cells as the published
code read and counted them (benchmarks/loaders/lama_published.py, score/engines/cloze_published.py). Both are made from
the scores table alone.
"""

from collections.abc import Hashable, Iterator, Mapping
from math import isnan, nan
from typing import Any

import pandas as pd

from knowcost.aggregate import rule
from knowcost.benchmarks.formats import companion
from knowcost.papers.cost_of_compression import printed as published
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import AS_PUBLISHED, DENSE, parse

PARTS = {  # of the final layer, that a method removes
    "magnitude": "the weights of the final layer, one by one,",
    "magnitude_structured": "the final layer in whole rows",
}
NEAR = 5.0  # points: less above the baseline is at it, less lost is little
FINAL = ["family", "model", "benchmark", "n", "method", "level", "dense", "corrected", "as_published", "majority",
         "dense_lead_low", "drop_points", "drop_low", "drop_high", "lead_points", "lead_low",
         "lead_high"]  # fmt: skip


def final_layer(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per (model, benchmark, pruned final layer) that was scored both ways; empty frame where none was.

    scores: the frame of drops.scores. Columns: FINAL, accuracies in percent. drop: points that the layer costs, pruned
    and kept; lead: points above the baseline as published; dense_lead_low: the least that the dense model is above it.
    """
    cells = {(row["model"], row["benchmark"], row["variant"]): row for row in scores.to_dict("records")}
    rows = []
    for row in scores.to_dict("records"):
        variant = parse(row["variant"])
        if variant.experiment != AS_PUBLISHED:
            continue
        pruned = variant.without_loss
        corrected = cells.get((row["model"], row["benchmark"], pruned.slug))
        if corrected is None:
            continue
        dense = cells.get((row["model"], row["benchmark"], DENSE), {})
        rows.append(
            {key: row[key] for key in ("family", "model", "benchmark", "n")}
            | {"method": pruned.method, "level": pruned.level, "dense": 100 * row["dense_accuracy"]}
            | {"corrected": 100 * corrected["accuracy"], "as_published": 100 * row["accuracy"]}
            | {"majority": 100 * row["majority"], "dense_lead_low": dense.get("lead_low", nan)}
            | {name: corrected[name] for name in ("drop_points", "drop_low", "drop_high")}
            | {name: row[name] for name in ("lead_points", "lead_low", "lead_high")}
        )
    return pd.DataFrame(rows, columns=FINAL)


def beside_published(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per cell that the paper prints, or that has a companion that is read and counted as published.

    scores: the frame of drops.scores with its missing cells (paper_tables.grid). Columns: n and ours, facts and
    accuracy of this run, empty where the cell is missing; n_as_published and as_published, the same under the published
    protocol; published, as printed; difference, of as_published (else ours) to it; printed_drop_percent, the drop that
    is printed, in percent of their dense model. Accuracies in percent.
    """
    cells = {(row["model"], row["variant"], row["benchmark"]): row for row in scores.to_dict("records")}
    rows = []
    for (model, variant, benchmark), row in cells.items():
        theirs = published.value(model, variant, benchmark)
        counted = cells.get((model, variant, companion(benchmark)))
        if counted and isnan(counted["accuracy"]):
            counted = None
        if theirs is None and counted is None:
            continue
        found = {"n_as_published": nan, "as_published": nan, "published": nan if theirs is None else 100 * theirs}
        if counted:
            found |= {"n_as_published": counted["n"], "as_published": 100 * counted["accuracy"]}
        if theirs is not None:
            found["printed_drop_percent"] = _printed_drop(model, benchmark, theirs)
        found["difference"] = 100 * (counted or row)["accuracy"] - found["published"]
        rows.append(
            {key: row[key] for key in ("family", "model", "benchmark", "variant", "n")}
            | {"ours": 100 * row["accuracy"]}
            | found
        )
    columns = ["family", "model", "benchmark", "variant", "n", "ours", "n_as_published", "as_published", "published"]
    return pd.DataFrame(rows, columns=[*columns, "difference", "printed_drop_percent"])


def _printed_drop(model: str, benchmark: str, compressed: float) -> float:
    """The relative drop of a printed accuracy in percent; nan where the dense model's is not printed."""
    dense = published.value(model, DENSE, benchmark)
    return nan if dense is None else 100 * (dense - compressed) / dense


def counting_words(beside: pd.DataFrame) -> list[str]:
    """Sentences on what the published way of reading and counting LAMA changes; [] where it was not run.

    beside: the frame of beside_published.
    """
    sentences, differences = [], []
    for (model, benchmark), rows in beside.dropna(subset=["ours", "as_published"]).groupby(
        ["model", "benchmark"], sort=False
    ):
        rows = rows.set_index("variant")
        if DENSE not in rows.index:
            continue
        dense = rows.loc[DENSE]
        sentences.append(
            f"{benchmark} of {model}: {dense['ours']:.1f}% of {dense['n']:,.0f} facts; read and counted as published, "
            f"{dense['as_published']:.1f}% of {dense['n_as_published']:,.0f}."
        )
        if dense["ours"] and dense["as_published"]:
            lost = 100 * (1 - rows.drop(DENSE)[["ours", "as_published"]] / dense[["ours", "as_published"]])
            differences += list((lost["ours"] - lost["as_published"]).abs())
    if differences:
        mean, far = sum(differences) / len(differences), sum(each > NEAR for each in differences)
        sentences.append(
            f"Over {len(differences)} compressed cells the relative drop differs by {mean:.1f} points on average "
            f"(at most {max(differences):.1f}) between both"
            + (
                f", in {far} by more than {NEAR:.0f}: what is said of these has to be read with that in mind."
                if far
                else ": what is said of the losses of this run does not hang on it."
            )
        )
    return sentences


def words(final: pd.DataFrame) -> list[str]:
    """Sentences on what both protocols say about the finding of section 8.4; [] where there is nothing to compare."""
    sentences = [
        _protocols(str(family), PARTS[str(method)], rows)
        for (family, method, _), rows in final.groupby(["family", "method", "level"], sort=False)
        if method in PARTS
    ]
    if not final.empty:
        sentences += _draws(final)
    single = final[final["method"] == "magnitude"]
    return [*sentences, _verdict(single)] if len(single) else sentences


def _protocols(family: str, part: str, rows: pd.DataFrame) -> str:
    """What one family's models lose with so much of a part of the final layer under both protocols."""
    mean, lead = rows[["dense", "corrected", "as_published"]].mean(), rows["lead_points"]
    said = (
        f"Removing {percent_words(rows['level'].iloc[0])} of {part} takes {LABELS[family]} models from "
        f"{mean['dense']:.1f}% to {mean['corrected']:.1f}%; scored as the published code did it, to "
        f"{mean['as_published']:.1f}%"
    )
    if len(rows) == 1:
        beside = f", {_beside(lead.min(), lead.max())}" if lead.notna().any() else ""
        return f"{said}{beside} (one pair of model and benchmark, with its interval in the table)."
    beside = f" As published the single pairs lie {_beside(lead.min(), lead.max())}." if lead.notna().any() else ""
    return f"{said} (means over {_pairs(len(rows))}, each with its interval in the table).{beside}"


def _beside(least: float, most: float) -> str:
    """Where points above the baseline lie: "from 7.0 points below to 10.0 above the majority baseline"."""
    ends = [f"{abs(each):.1f} points {'above' if each >= 0 else 'below'}" for each in dict.fromkeys((least, most))]
    return ("from " if len(ends) > 1 else "") + " to ".join(ends) + " the majority baseline"


def _pairs(count: int) -> str:
    return f"{count} pair{'s' * (count != 1)} of model and benchmark"


def _draws(final: pd.DataFrame) -> Iterator[str]:
    """How far the draw of the layer that comes back moves a score by itself: the noise floor of this finding."""
    drawn = final.groupby(["model", "benchmark"])["as_published"].agg(["min", "max", "size"])
    spread = (drawn["max"] - drawn["min"])[drawn["size"] > 1]
    if spread.max() > 0:
        yield (
            "What comes back is drawn at random, once for each pruned layer: between these draws a model's accuracy on "
            f"one benchmark differs by {spread.mean():.1f} points on average (at most {spread.max():.1f})."
        )


def _verdict(single: pd.DataFrame) -> str:
    """Section 8.4 speaks of a sparsity of 20%: the lowest level of this run stands for it. Pairs of model and benchmark
    are counted by what their own intervals show; where the dense model is not shown to be above the baseline, nothing
    can be taken to it."""
    single = single[(single["level"] == single["level"].min()) & (single["dense_lead_low"] > 0)]
    if single.empty:
        return (
            "None of these models is shown to be above the majority baseline as it was trained: whether the published "
            "finding is an artefact cannot be told here."
        )
    cells = single.to_dict("records")
    published = [(rule.decide(*_numbers(cell, "lead"), NEAR), cell["lead_high"] < NEAR) for cell in cells]
    kept = [(rule.decide(*_numbers(cell, "drop"), NEAR), cell["drop_high"] < NEAR) for cell in cells]
    at, above = sum(low for _, low in published), sum(word == rule.COSTS for word, _ in published)
    little, much = sum(low for _, low in kept), sum(word == rule.COSTS for word, _ in kept)
    counts = (
        f"Of {_pairs(len(cells))} on which the dense model is shown to be above the majority baseline, at "
        f"{percent_words(single['level'].iloc[0])} of the weights, one by one: as published, {at} are shown to end "
        f"less than {NEAR:.0f} points above it or below it, and {above} to stay above it by more; pruned and kept, "
        f"{little} are shown to lose less than {NEAR:.0f} points, and {much} more. "
    )
    most = len(cells) / 2
    if sum(low and small for (_, low), (_, small) in zip(published, kept, strict=True)) > most:
        return counts + (
            "Here it is the way of saving that takes most of them there; this speaks for an artefact in the published "
            "finding, that 20% of final-layer sparsity takes these families to the majority baseline."
        )
    if above > most:
        return counts + "Losing the layer does not take most of them to the baseline: no artefact can be seen here."
    if sum(low and word == rule.COSTS for (_, low), (word, _) in zip(published, kept, strict=True)) > most:
        return counts + "Both protocols cost most of them much: whether the finding is an artefact cannot be told here."
    return counts + "That is too little to tell whether the published finding is an artefact."


def _numbers(cell: Mapping[Hashable, Any], name: str) -> tuple[float, float, float]:
    return cell[f"{name}_points"], cell[f"{name}_low"], cell[f"{name}_high"]
