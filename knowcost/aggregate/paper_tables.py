"""The paper's Tables 1 to 5 for this run, with what the paper prints of the same models and benchmarks beside them.

Printed values stand in columns of their own, `printed_...`, which are there only where something was printed. A cell
of the run's design without a score stays empty.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from knowcost.aggregate.tables import TREATMENT, counts, describe, ordered, under
from knowcost.benchmarks.formats import is_published
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import parquet
from knowcost.papers.cost_of_compression import printed as published
from knowcost.spec import variants
from knowcost.spec.families import SHOWN_SCOPES

PRINTED = "printed_"
EXAMPLE = 300  # characters of a question that are shown
LINEAR = ("overall", "final")  # all linear layers, as `overall` means when pruning
# What drawn.py says of a benchmark. Its columns stand here, since the page looks at these tables and loads no scipy.
WHOLE = ["relations", "clusters", "right_choices"]
DRAWN = [*WHOLE, "drawn", *(f"{name}_drawn" for name in WHOLE)]


def grid(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores table with an empty row for each missing cell of its design, which is every family's models x variants
    x benchmarks, but for what was compressed elsewhere: that is of one model.

    Such a row has no accuracy and no drop, but its treatment, and the dense accuracy and majority baseline where known.
    """
    made = []
    known = ["dense_accuracy", "majority", "majority_drop_points", "majority_drop_percent"]
    for family, rows in scores.groupby("family", sort=False):
        names = ["model", "variant", "benchmark"]
        had = set(zip(rows["model"], rows["variant"], strict=True))
        design = pd.MultiIndex.from_product([rows[name].unique() for name in names], names=names)
        design = design[[not variants.parse(slug).brought or (m, slug) in had for m, slug, _ in design]]
        whole = rows.set_index(names).reindex(design).reset_index().assign(family=family)
        gone = whole["accuracy"].isna()
        treatment = pd.DataFrame([describe(slug) for slug in whole["variant"]], columns=TREATMENT)
        whole[TREATMENT] = treatment.astype({"level": "float64"})
        whole.loc[whole["benchmark"].map(is_published), "experiment"] = variants.AS_PUBLISHED
        filled = whole.groupby(["model", "benchmark"])[known].transform("first")
        whole.loc[gone, known] = filled[gone]
        made.append(whole[scores.columns])
    return ordered(pd.concat(made, ignore_index=True)) if made else scores


def benchmarks(
    scores: pd.DataFrame,
    metadata: Mapping[str, Mapping[str, Any]],
    examples: Mapping[str, tuple[str, str]],
    drawn_of: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Table 1, a row per benchmark: its facts, the first of them with its answer, how many were asked (least and most
    over the cells), what was left out and why: from the benchmark (dropped), or because some models could not be asked
    (not_asked). Printed: type, number of examples, majority baseline (captions of Tables 4 and 5).

    metadata: {name: the metadata of its parquet file}; examples: {name: (question, answer)}; drawn_of: {name: what
    drawn.of says of it}, and `facts_for_2_points`.
    """
    printed = {row["benchmark"]: row for row in published.table("table1")}
    baselines = {row["benchmark"]: float(row["value"]) for row in published.table("majority")}
    rows = []
    for name in scores["benchmark"].unique():
        cells = scores[scores["benchmark"] == name]
        about = metadata.get(name, {})
        sources = sorted((about.get("source_sha256") or {}).items())
        unasked = cells[cells["dropped"] != ""].groupby("dropped", sort=False)["model"].unique()
        question, answer = examples.get(name, ("", ""))
        rows.append(
            {
                "benchmark": name,
                "kind": about.get("kind"),
                "facts": about.get("rows"),
                "example": question,
                "example_answer": answer,
                "asked_least": cells["n"].min(),
                "asked_most": cells["n"].max(),
                "limit": cells["limit"].max(),
                "majority": cells["majority"].mean(),
                **dict.fromkeys([*DRAWN, "facts_for_2_points"]),
                **drawn_of.get(name, {}),
                "dropped": counts(about.get("dropped")),
                "not_asked": "; ".join(f"{why} ({', '.join(models)})" for why, models in unasked.items()),
                "sources": "; ".join(f"{file} {sha}" for file, sha in sources),
                f"{PRINTED}type": printed.get(name, {}).get("type"),
                f"{PRINTED}examples": printed.get(name, {}).get("examples"),
                f"{PRINTED}majority": baselines.get(name),
            }
        )
    return _without_empty(pd.DataFrame(rows))


def example(path: str | Path) -> tuple[str, str]:
    """(question, answer) of the first fact of a benchmark's parquet file, as Table 1 shows one per benchmark."""
    table, about = parquet.read(path)
    fact, kind = table.slice(0, 1).to_pylist()[0], KINDS[about["kind"]]
    question = fact[kind.shown][:EXAMPLE]
    if kind.answers:
        return question, kind.answers(fact)[0]
    if kind.majority == "answer" or not kind.choices:  # the row says it
        return question, fact.get("answer", "")
    choices, right = kind.choices(fact)
    return question, choices[right]


def parameters(models: Mapping[str, str], manifests: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Table 2: millions of weights per scope (grouping of the paper), per model; `linear` is overall + final, which the
    paper calls total, and `total` is every parameter.

    models: {model: family}; manifests: list of dicts, of which the dense one counts.
    """
    printed = {row.pop("model"): row | {"linear": row["total"]} for row in published.table("table2")}
    dense = {m.get("model"): m.get("parameters", {}) for m in manifests if m.get("variant") == variants.DENSE}
    rows = []
    for model, family in models.items():
        counts = dense.get(model, {})
        scope = {name: entry.get("parameters") for name, entry in counts.get("scope", {}).items()}
        scope["linear"] = sum(scope[name] for name in LINEAR) if set(LINEAR) <= set(scope) else None
        millions = {name: _times(scope.get(name), 1e-6) for name in (*SHOWN_SCOPES, "linear")}
        theirs = {f"{PRINTED}{name}": float(text) for name, text in printed.get(model, {}).items() if name in millions}
        rows.append(
            {"family": family, "model": model, **millions, "total": _times(counts.get("total"), 1e-6), **theirs}
        )
    columns = ["family", "model", *SHOWN_SCOPES, "linear", "total"]
    columns += [name for name in map((PRINTED + "{}").format, columns) if any(name in row for row in rows)]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.drop(columns=[name for name in variants.ATTENTION_PARTS if frame[name].isna().all()])


def int8(scores: pd.DataFrame, family: str, grouping: str) -> pd.DataFrame:
    """Tables 3 to 5 for one family: accuracy in percent of dense, int8 and prune + int8, model x benchmark.

    Columns: baseline, int8_<scope>..., then prune<level>_int8_<scope>... for the scopes and levels that were run (L1
    pruning), and each again with the printed value where there is one. A row for every model and benchmark of the
    family; a missing cell is empty. No row if nothing was quantized.
    """
    rows = grid(scores[scores["family"] == family])
    rows = rows[rows["method"].isin([variants.DENSE, "int8", "magnitude+int8"])]
    kinds = ["quantize", "prune_quantize"]
    treated = rows[rows["experiment"].isin(kinds)]
    if grouping not in set(treated["grouping"]):
        return pd.DataFrame(columns=["model", "benchmark", "baseline"])
    treated = under(treated, grouping)
    columns = treated[["experiment", "scope", "level", "variant"]].drop_duplicates("variant")
    columns = columns.assign(a=columns["experiment"].map(kinds.index), b=columns["scope"].map(SHOWN_SCOPES.index))
    columns = columns.sort_values(["a", "b", "level"], kind="stable")
    prefix = columns["level"].map(lambda level: "int8_" if pd.isna(level) else f"prune{level:g}_int8_")
    names = {variants.DENSE: "baseline", **dict(zip(columns["variant"], prefix + columns["scope"], strict=True))}
    wide = rows.assign(percent=100 * rows["accuracy"]).pivot(
        index=["model", "benchmark"], columns="variant", values="percent"
    )
    wide = wide.reindex(index=rows.set_index(["model", "benchmark"]).index.unique(), columns=list(names))
    for slug, name in names.items():
        printed = [published.value(model, slug, benchmark) for model, benchmark in wide.index]
        wide[f"{PRINTED}{name}"] = [_times(share, 100) for share in printed]
    return _without_empty(wide.rename(columns=names).rename_axis(columns=None).reset_index())


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the columns of printed values that hold none."""
    empty = [name for name in frame.columns if name.startswith(PRINTED) and frame[name].isna().all()]
    return frame.drop(columns=empty)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
