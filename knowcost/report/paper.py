"""The report's account of the paper's own tables and figures: Tables 2 to 5 with the printed values beneath this run's,
and an index that says where each of them is, or why it is missing."""

from knowcost.aggregate.paper_tables import PRINTED, grid
from knowcost.papers.cost_of_compression import index as paper
from knowcost.report.table import GONE

TEXTS = ("family", "model", "benchmark")


def missing(scores):
    """A sentence on the cells of this run's design that have no score, "" if none is missing."""
    design = grid(scores)
    gone = design[design["accuracy"].isna()]
    if gone.empty:
        return ""
    counts = gone.groupby(["model", "benchmark"], sort=False).size().items()
    words = ", ".join(f"{model} on {benchmark} ({count:,d})" for (model, benchmark), count in counts)
    return f"{len(gone):,d} of the {len(design):,d} cells of this run's design have no score: {words}."


def tables(data):
    """Tables 2 to 5 for the page (dicts as report makes them, with `id`); data: {name: frame} of tables.read."""
    made = [_weights(data["parameters"])]
    numbers = {f"int8_{entry['family']}": entry["number"] for entry in paper.contents()["tables"] if "family" in entry}
    wide = [name for name in data if name.startswith("int8_")]
    for name in sorted(wide, key=lambda name: numbers.get(name, 99)):
        number, grouping = numbers.get(name), " (canonical grouping)" * name.endswith("_canonical")
        family = name.removeprefix("int8_").removesuffix("_canonical")
        note = f"Table {number} of the thesis. " if number else ""
        note += "Accuracy in percent of the dense model (baseline), after int8, and after pruning followed by int8. "
        note += _asked(data, family) + _printed_too(data[name])
        title = f"Quantization: {family.replace('_', '-')} models{grouping}"
        entry = {"title": title, "note": note, "folded": True} | _beside(data[name], 1, GONE)
        made.append(entry | ({"id": f"table-{number}"} if number else {}))
    return made


def _weights(frame):
    note = "Table 2 of the thesis. Millions of weights. Everything leaves out the final layer, linear takes it in; the "
    note += "total counts embeddings and all the rest. "
    if any(name.startswith(PRINTED) for name in frame.columns):
        note += _printed_too(frame) + (
            " The paper counts ALBERT's shared block once per depth, this table as it is stored; its 311 for the "
            "feed-forward layers of both large Flan-T5 is a slip (717 - 302 = 415)."
        )
    body = _beside(frame, 1 if frame["total"].min() > 10 else 3, "")
    body["columns"] = [(words.replace("overall", "everything"), number) for words, number in body["columns"]]
    return {"id": "table-2", "title": "Weights per scope", "note": note, "folded": False} | body


def _own(scores):
    """The design without what was asked or counted as published."""
    return grid(scores[scores["experiment"] != "as_published"])


def _asked(data, family):
    """What a family was asked: benchmarks, facts and majority baselines, also the printed ones."""
    about = data["benchmarks"].set_index("benchmark").reindex(columns=["majority", f"{PRINTED}majority"])
    scores = _own(data["scores"])
    parts = []
    for name, cells in scores[scores["family"] == family].groupby("benchmark", sort=False):
        words = [f"{cells['n'].max():,.0f} facts"]
        for baseline, share in zip(("majority baseline", "printed"), about.loc[name], strict=True):
            words += [f"{baseline} {100 * share:.1f}"] if share == share else []
        parts.append(f"{name} ({', '.join(words)})")
    return f"Asked: {', '.join(parts)}. {GONE} is a missing cell."


def _printed_too(frame):
    some = any(name.startswith(PRINTED) for name in frame.columns)
    return " The line “printed” has what the paper prints of that model." if some else ""


def _beside(frame, decimals, gone):
    """{columns, rows} of a table: each row of ours, and beneath it the printed values where there are any.

    gone: what stands for a number that is not there.
    """
    own = [name for name in frame.columns if not name.startswith(PRINTED)]
    texts = [name for name in own if name in TEXTS]
    numbers = [name for name in own if name not in TEXTS]
    rows = []
    for row in frame.to_dict("records"):
        rows.append(
            [(row[name], "") for name in texts] + [(_number(row[n], decimals, gone), "number") for n in numbers]
        )
        theirs = [_number(row.get(PRINTED + name), 3, "").rstrip("0").rstrip(".") for name in numbers]
        if any(theirs):
            label = [("", "")] * (len(texts) - 1) + [("printed", "quiet")]
            rows.append(label + [(text, "number quiet") for text in theirs])
    columns = [(name.replace("_", " "), False) for name in texts] + [(name.replace("_", " "), True) for name in numbers]
    return {"columns": columns, "rows": rows}


def _number(value, decimals, gone):
    return gone if value is None or value != value else f"{round(value, decimals) + 0.0:,.{decimals}f}"


def index(data, figures):
    """Where each of the paper's tables and figures is in this report: {rows, here, missing}.

    figures: the entries of figures.json. A row: name ("Figure 3"), title, links [(id, words)], remark; without links
    the remark says why it is missing. Figures that are in the same place share a row.
    """
    design = _own(data["scores"])
    rows, here = {}, []
    for kind, entries in (("Table", paper.contents()["tables"]), ("Figure", paper.contents()["figures"])):
        for entry in entries:
            links = _table(entry, data) if kind == "Table" else _links(entry["number"], figures)
            if links:
                remark = "; ".join(filter(None, (entry.get("note"), *_gaps(entry, design))))
            else:
                remark = f"missing: {paper.missing(entry, design)}"
            rows.setdefault((kind, paper.title(entry), tuple(links), remark), []).append(entry["number"])
            here.append(bool(links))
    rows = [
        {"name": paper.named(kind, numbers), "title": title, "links": list(links), "remark": remark}
        for (kind, title, links, remark), numbers in rows.items()
    ]
    return {"rows": rows, "here": sum(here), "missing": here.count(False)}


def _table(entry, data):
    if "family" in entry and f"int8_{entry['family']}" not in data:
        return []
    places = {"benchmarks": "Benchmarks", "parameters": "Weights per scope", "int8": "Quantization"}
    return [(f"table-{entry['number']}", places[entry["shown"]])]


def _links(number, figures):
    """The first by its title; further ones, of a model each, by what tells them from it."""
    made = [entry for entry in figures if number in entry["paper"]]
    words = [entry["title"] if entry is made[0] else entry["title"].rpartition(", ")[2] for entry in made]
    return [(f"figure-{entry['name']}", text) for entry, text in zip(made, words, strict=True)]


def _gaps(entry, design):
    """What the run did not ask of what the paper did, and how many cells of its own design are missing."""
    if "family" not in entry:
        return
    yield paper.lacking(entry, design)
    rows = design[(design["family"] == entry["family"]) & design["variant"].isin(list(paper.asked(entry)))]
    gone = rows["accuracy"].isna().sum()
    if gone:
        yield f"{gone:,d} of {len(rows):,d} cells missing"
