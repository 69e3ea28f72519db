"""The audit: this run's numbers beside the published ones, and beside what the published protocol makes of this run.

Two tables. `final_layer`: each pruned final layer as it is, and as the published code scored it (compress/lost.py:
saved in a way that loses the layer). `beside_published`: every cell of this run whose value Namburi et al. print in
Tables 3 to 5 (knowcost/published.py). Both are made from the scores table alone.
"""

from knowcost import published
from knowcost.variants import Variant, parse

LOST = "lost"
NEAR = 5.0  # points of accuracy from the majority baseline that count as "at the baseline"


def final_layer(scores):
    """One row per (model, benchmark, pruned final layer) that was scored both ways; empty frame where none was.

    scores: the frame of tables.scores. Columns: family, model, benchmark, n, method, level, and the accuracies dense,
    corrected, as_published and majority in percent.
    """
    import pandas as pd

    accuracy = scores.set_index(["model", "benchmark", "variant"])["accuracy"]
    rows = []
    for row in scores[scores["variant"].str.endswith(f"+{LOST}@final")].to_dict("records"):
        steps = parse(row["variant"]).steps
        pruned = Variant(steps[:-1])
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


def beside_published(scores):
    """One row per cell whose value the paper prints: ours and theirs in percent, and the difference in points."""
    import pandas as pd

    rows = []
    for row in scores.to_dict("records"):
        theirs = published.value(row["model"], row["variant"], row["benchmark"])
        if theirs is not None:
            rows.append(
                {key: row[key] for key in ("family", "model", "benchmark", "variant", "n")}
                | {"ours": 100 * row["accuracy"], "published": 100 * theirs}
                | {"difference": 100 * (row["accuracy"] - theirs)}
            )
    columns = ["family", "model", "benchmark", "variant", "n", "ours", "published", "difference"]
    return pd.DataFrame(rows, columns=columns)


def words(final):
    """Sentences on what both protocols say about the finding of section 8.4; [] where there is nothing to compare."""
    single = final[final["method"] == "magnitude"]
    sentences = []
    for (family, level), rows in single.groupby(["family", "level"], sort=False):
        mean = rows[["dense", "corrected", "as_published", "majority"]].mean()
        name = family.replace("_", "-")
        sentences.append(
            f"Removing {level:.0f}% of the final layer's weights takes {name} models from {mean['dense']:.1f}% to "
            f"{mean['corrected']:.1f}%; scored as the published code did it, to {mean['as_published']:.1f}% "
            f"(majority baseline {mean['majority']:.1f}%)."
        )
    if len(single):
        sentences.append(_verdict(single))
    return sentences


def _verdict(single):
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
