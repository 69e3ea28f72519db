"""The report's audit: this run beside the published protocol and the published values."""

from knowcost.aggregate import audit
from knowcost.report.table import GONE

WAYS = {"magnitude": "single weights", "magnitude_structured": "whole rows"}


def section(final, published):
    """{"words": sentences, "tables": [table]} for the template; None where there is nothing to audit."""
    tables = [*_final(final), *_published(published)]
    return {"words": [*audit.words(final), *audit.counting_words(published)], "tables": tables} if tables else None


def _final(frame):
    if frame.empty:
        return
    texts = ("model", "benchmark")
    numbers = ("n", "level", "dense", "corrected", "as_published", "majority")
    rows = [
        [(row[name], "") for name in texts]
        + [(WAYS.get(row["method"], row["method"]), "")]
        + [(_number(name, row[name]), "number") for name in numbers]
        for row in frame.to_dict("records")
    ]
    titles = ["facts", "level", "dense", "kept", "lost, as published", "majority"]
    columns = [(name, False) for name in (*texts, "removed")] + [(title, True) for title in titles]
    note = (
        "Accuracy in percent. The published code saved a pruned final layer in a way that loses it when the model is "
        "loaded again: the embedding or fresh random numbers stand in its place. This run did both on purpose."
    )
    yield {"title": "The final layer under both protocols", "note": note, "columns": columns, "rows": rows}


def _published(frame):
    if frame.empty:
        return
    texts = ("model", "benchmark", "variant")
    titles = {"n": "facts", "ours": "this run", "n_as_published": "masks", "as_published": "counted as published",
              "published": "printed", "difference": "difference"}  # fmt: skip
    titles = {name: title for name, title in titles.items() if name == "ours" or frame[name].notna().any()}
    rows = [
        [(row[name], "") for name in texts] + [(_number(name, row[name]), "number") for name in titles]
        for row in frame.to_dict("records")
    ]
    columns = [(name, False) for name in texts] + [(title, True) for title in titles.values()]
    note = (
        "Accuracy in percent. Counted as published: sentences that repeat are asked once, every mask counts, Google-RE "
        "by template, predictions compared as text in lower case. Printed: Tables 3 to 5 of the paper "
        "(resources/published). Difference: to the printed value."
    )
    yield {"title": "Beside the published values", "note": note, "columns": columns, "rows": rows}


def _number(name, value):
    if value != value:
        return GONE if name in ("n", "ours") else ""
    form = {"n": "{:,.0f}", "n_as_published": "{:,.0f}", "level": "{:.0f}%"}.get(name, "{:.1f}")
    return form.format(value)
