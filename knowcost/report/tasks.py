"""The report's tables on matching, domains, MMLU's disciplines and perplexity, in the form of report._tables."""

import pandas as pd

from knowcost.aggregate.by_task import ALL


def matching(frame):
    """A table of borders for everything compressed, and a folded one for parts: a row per model, method and scope, a
    column per benchmark. Grey: the dense model is no better than the majority baseline there."""
    note = (
        "The strongest compression that still matches the dense model (how much it may lose is told under “How it was "
        "measured”), and in brackets the 95% interval of that border. ≥: the strongest that was run. Grey: the dense "
        "model itself is not above the majority baseline, so there is little to lose."
    )
    whole = frame["scope"] == "overall"
    for title, rows, folded in (("Matching", frame[whole], False), ("Matching, by scope", frame[~whole], True)):
        if len(rows):
            yield {"title": title, "note": note, "folded": folded, **_borders(rows)}


def _borders(frame):
    benchmarks = list(frame["benchmark"].unique())
    columns = [(name, False) for name in ("model", "method", "levels", "scope", *benchmarks)]
    made = {}
    for row in frame.to_dict("records"):
        scope = row["scope"].replace("overall", "everything").replace("_", " ")
        scope = f"{scope} (canonical)" if row["grouping"] == "canonical" else scope
        key = (row["model"], row["method"].replace("+", " + "), row["kind"], scope)
        cells = made.setdefault(key, [(text, "") for text in key] + [("", "")] * len(benchmarks))
        quiet = row["dense_accuracy"] <= row["majority"]  # nan is no baseline
        cells[4 + benchmarks.index(row["benchmark"])] = (_border(row), "quiet" if quiet else "")
    return {"columns": columns, "rows": list(made.values())}


def _border(row):
    border = f"≥ {row['border']}" if row["border"] == row["strongest"] else row["border"]
    low, high = row["border_low"], row["border_high"]
    gaps = f", not {row['gaps']}" if row["gaps"] else ""
    return border + gaps + (f" ({low} to {high})" if low != high else "")


def domains(frame):
    """A folded table per model: accuracy by domain, a row per variant."""
    for model, rows in frame.groupby("model", sort=False):
        note = "Mean accuracy (%) over the benchmarks of a domain, and over all benchmarks that have one."
        wide = _wide(rows.replace({"domain": {ALL: "all of these"}}), "domain", 100 * rows["accuracy"], "{:.1f}")
        yield {"title": f"Accuracy by domain: {model}", "note": note, "folded": True, **wide}


def disciplines(frame):
    """A folded table per model and benchmark: MMLU by discipline, a row per variant."""
    rows = frame[frame["subject"] == ""]
    for (model, benchmark), each in rows.groupby(["model", "benchmark"], sort=False):
        note = "Accuracy (%) over the questions of a discipline; subjects are in results/tables/disciplines.csv."
        wide = _wide(each, "discipline", 100 * each["accuracy"], "{:.1f}")
        yield {"title": f"{benchmark} by discipline: {model}", "note": note, "folded": True, **wide}


def perplexity(frame):
    """A folded table per model: perplexity on each text, a row per variant."""
    for model, rows in frame.groupby("model", sort=False):
        note = "Perplexity per token; it compares with other models only where they share a vocabulary."
        wide = _wide(rows, "benchmark", rows["perplexity"], "{:,.4g}")
        yield {"title": f"Perplexity of {model}", "note": note, "folded": True, **wide}


def _wide(frame, column, values, form):
    """{columns, rows} of a frame with a row per variant and a column per value of `column`."""
    names, variants = list(frame[column].unique()), list(frame["variant"].unique())
    table = pd.Series(values.to_numpy(), [frame["variant"], frame[column]])
    rows = []
    for variant in variants:
        cells = [table.get((variant, name), float("nan")) for name in names]
        rows.append([(variant, ""), *(("" if pd.isna(each) else form.format(each), "number") for each in cells)])
    return {"columns": [("variant", False), *((name, True) for name in names)], "rows": rows}
