"""The audit: this run's numbers beside the published ones, and beside what the published protocol makes of this run.

Two tables. `final_layer`: each pruned final layer as it is, and as the published code scored it
(compress/methods/lost_head.py: saved in a way that loses the layer). `beside_published`: every cell of this run whose
value Namburi et al. print in Tables 3 to 5 (papers/cost_of_compression/printed.py), and LAMA's cells as the published
code read and counted them (benchmarks/loaders/lama_published.py, score/engines/cloze_published.py). Both are made from
the scores table alone.
"""

from collections.abc import Iterator
from math import isnan, nan

import pandas as pd

from knowcost.benchmarks.formats import companion
from knowcost.papers.cost_of_compression import printed as published
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import AS_PUBLISHED, DENSE, parse

NEAR = 5.0  # points of accuracy from the majority baseline that count as "at the baseline"


def final_layer(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per (model, benchmark, pruned final layer) that was scored both ways; empty frame where none was.

    scores: the frame of drops.scores. Columns: family, model, benchmark, n, method, level, and the accuracies dense,
    corrected, as_published and majority in percent.
    """
    accuracy = scores.set_index(["model", "benchmark", "variant"])["accuracy"]
    rows = []
    for row in scores.to_dict("records"):
        variant = parse(row["variant"])
        if variant.experiment != AS_PUBLISHED:
            continue
        pruned = variant.without_loss
        corrected = accuracy.get((row["model"], row["benchmark"], pruned.slug))
        if corrected is None:
            continue
        rows.append(
            {key: row[key] for key in ("family", "model", "benchmark", "n")}
            | {"method": pruned.method, "level": pruned.level, "dense": 100 * row["dense_accuracy"]}
            | {"corrected": 100 * corrected, "as_published": 100 * row["accuracy"], "majority": 100 * row["majority"]}
        )
    columns = ["family", "model", "benchmark", "n", "method", "level", "dense", "corrected", "as_published", "majority"]
    return pd.DataFrame(rows, columns=columns)


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
        mean = sum(differences) / len(differences)
        so = "do not hang on it" if mean <= NEAR else "have to be read with that in mind"
        sentences.append(
            f"Over {len(differences)} compressed cells the relative drop differs by {mean:.1f} points on average "
            f"(at most {max(differences):.1f}) between both: the findings about what compression costs {so}."
        )
    return sentences


def words(final: pd.DataFrame) -> list[str]:
    """Sentences on what both protocols say about the finding of section 8.4; [] where there is nothing to compare."""
    single = final[final["method"] == "magnitude"]
    sentences = []
    for (family, _), rows in single.groupby(["family", "level"], sort=False):
        mean = rows[["dense", "corrected", "as_published", "majority"]].mean()
        sentences.append(
            f"Removing {percent_words(rows['level'].iloc[0])} of the final layer's weights takes "
            f"{LABELS[str(family)]} models from {mean['dense']:.1f}% to "
            f"{mean['corrected']:.1f}%; scored as the published code did it, to {mean['as_published']:.1f}% "
            f"(majority baseline {mean['majority']:.1f}%)."
        )
    if len(single):
        sentences += [*_draws(final), _verdict(single)]
    return sentences


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
    """Section 8.4 speaks of a sparsity of 20%: the lowest level of this run stands for it."""
    single = single[single["level"] == single["level"].min()]
    near = (single["as_published"] - single["majority"]).abs() <= NEAR
    kept = (single["dense"] - single["corrected"]) <= NEAR
    if (near & kept).mean() > 0.5:
        return (
            "So in this run the published finding, that 20% of final-layer sparsity takes these families to the "
            "majority baseline, is an artefact of how the pruned layer was saved: pruned and kept, it costs little."
        )
    if near.mean() <= 0.5:
        return "Losing the layer does not take these models to the majority baseline: the artefact cannot be seen here."
    return "Both protocols cost these models much: whether the published finding is an artefact cannot be told here."
