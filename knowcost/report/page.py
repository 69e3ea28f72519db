"""The report stage: one self-contained page from tables and figures. Light at import: Snakemake parses this.

`python -m knowcost.report` prints the answer of the last run.
"""

import base64
import re
from pathlib import Path

from knowcost.common import paths

STAGE_VERSION = "5"

TEMPLATES = Path(__file__).with_name("templates")
REFERENCE = 40  # percent: the sparsity at which the answer compares, or the nearest one that was run
GONE = "\N{EN DASH}"  # a missing cell
KEEP = 95  # percent of the dense model's facts that the answer's smallest model has to keep


def answer(tables_dir):
    """The answer in a few sentences, from a folder of tables."""
    from knowcost.aggregate import tables

    return answer_lines(tables.read(tables_dir))


def answer_lines(tables):
    """What compression cost in this run, as a list of sentences; tables: {name: frame} of tables.read."""
    drops = tables["drops"]
    drops = drops[~drops.assign(slug=drops["variant"].str.replace("canonical.", "")).duplicated(["family", "slug"])]
    lines = [*_about_pruning(drops), *_about_int8(drops), *_about_final(drops), *_about_size(drops)]
    lines = [line for line in lines if line] or [
        "Only dense models were asked so far: there is nothing to compare yet."
    ]
    scores = tables["scores"][tables["scores"]["experiment"] == "dense"]
    means = scores.groupby(["family", "model"], sort=False)["accuracy"].mean().groupby("family", sort=False).mean()
    known = _each({family: f"{100 * mean:.1f}%" for family, mean in means.items()}, "by")
    return [*lines, f"Uncompressed, facts answered right: {known}."] if len(means) else lines


def _about_pruning(drops):
    rows = drops[drops["experiment"] == "prune"]
    methods = list(rows["method"].unique())
    rows = rows[rows["method"] == ("magnitude" if "magnitude" in methods else "".join(methods[:1]))]
    level = _nearest(rows["level"])
    at = rows[(rows["level"] == level) & rows["drop_points"].notna()]
    yield _sentence({f"Pruning everything by {level:.0f}%": at[at["scope"] == "overall"]})
    yield _halves(at[at["scope"].isin(["attention", "feed_forward"])])
    kept = rows[(rows["scope"] == "overall") & (rows["drop_percent"] <= 100 - KEEP)]
    most = kept.groupby("family", sort=False)["level"].max()
    if len(most):
        parts = _each({family: f"{value:.0f}%" for family, value in most.items()}, "for")
        yield f"Highest sparsity of everything that costs at most {100 - KEEP}% of the accuracy: {parts}."


def _halves(rows):
    """Which half of the network suffers more, family by family; None unless both were pruned."""
    real = rows[rows.groupby("family")["measurable"].transform("max") > 0]
    both = real.pivot(index="family", columns="scope", values="drop_points").reindex(real["family"].unique())
    if not {"attention", "feed_forward"} <= set(both.columns):
        return None
    both, clauses = both.dropna(subset=["attention", "feed_forward"]), []
    for worse, better in (("attention", "feed_forward"), ("feed_forward", "attention")):
        some = both[both[worse] > both[better]]
        if len(some):
            words = {family: f"{row[worse]:.1f} against {row[better]:.1f} points" for family, row in some.iterrows()}
            subject = {"attention": "attention costs", "feed_forward": "feed-forward layers cost"}[worse]
            other = {"attention": "attention", "feed_forward": "feed-forward layers"}[better]
            clauses.append(f"{subject} more than {other}: {_each(words, 'on')}")
    return f"At that sparsity {'; '.join(clauses)}." if clauses else None


def _about_int8(drops):
    rows = drops[(drops["experiment"] == "quantize") & (drops["method"] == "int8")]
    names = {"attention": "Int8 in attention", "feed_forward": "in feed-forward layers", "overall": "everywhere"}
    yield _sentence({words: rows[rows["scope"] == scope] for scope, words in names.items()})


def _about_final(drops):
    rows = drops[drops["experiment"].isin(["final_unstructured", "final_structured"])]
    level = _nearest(rows["level"])
    single, whole = (
        rows[(rows["level"] == level) & (rows["experiment"] == name)]
        for name in ("final_unstructured", "final_structured")
    )
    yield _sentence({f"Removing {level:.0f}% of the final layer's single weights": single, "of its rows": whole})


def _about_size(drops):
    parts = {}
    for family, rows in drops.groupby("family", sort=False):
        fit = rows[(rows["kept_percent"] >= KEEP) & (rows["bytes_saved_percent"] > 0)]
        if len(fit):
            best = fit.loc[fit["bytes_saved_percent"].idxmax()]
            parts[family] = f"{_words(best)} ({best['bytes_saved_percent']:.0f}% fewer bytes)"
    if parts:
        yield f"Smallest variant that still knows {KEEP}% of what the dense model knew: {_each(parts, 'for')}."


def _words(row):
    """A variant in words, from its row of the drops table; longer recipes keep their slug."""
    names = {"overall": "everything", "feed_forward": "feed-forward layers", "final": "final layer"}
    scope = names.get(row["scope"], row["scope"].replace("_", "-"))
    forms = {
        "prune": "{scope} pruned by {level:.0f}%",
        "quantize": "{scope} in {method}",
        "prune_quantize": "{scope} pruned by {level:.0f}%, then in {method}",
        "final_unstructured": "{scope} pruned by {level:.0f}%",
        "final_structured": "{level:.0f}% of the {scope}'s rows removed",
    }
    form = forms.get(row["experiment"], row["variant"])
    return form.format(scope=scope, level=row["level"], method=row["method"].rpartition("+")[2])


def _sentence(subjects):
    """One sentence from {subject: rows of the drops table, one per family}; None if no subject has rows."""
    clauses, unit, named = [], " points of accuracy", None
    for subject, rows in subjects.items():
        costs = {}
        for row in rows[rows["drop_points"].notna()].to_dict("records"):
            costs[row["family"]] = "nothing measurable"
            if row["measurable"] and row["drop_points"] > 0:
                costs[row["family"]] = f"{row['drop_points']:.1f}{unit}"
                unit = ""
        if costs:
            words = costs[named] if list(costs) == [named] else _each(costs, "on")
            clauses.append(f"{subject}{'' if clauses else ' costs'} {words}")
            named = next(iter(costs)) if len(costs) == 1 else None
    return "; ".join(clauses) + "." if clauses else None


def _each(words, joint):
    """{family: words} as a list: "a on encoder, b on encoder-decoder and c on decoder models", equal words once."""
    if len(words) > 1 and len(set(words.values())) == 1:
        (text,) = set(words.values())
        return f"{text} in {'any' if text.startswith('nothing') else 'every'} family"
    groups = {}
    for family, text in words.items():
        groups.setdefault(text, []).append(_family(family))
    parts = [f"{text} {joint} {' and '.join(families)}" for text, families in groups.items()]
    last = ", " if any(len(families) > 1 for families in groups.values()) else " and "
    return last.join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:]) + " models"


def _nearest(levels):
    return min(levels.dropna().unique(), key=lambda level: (abs(level - REFERENCE), level), default=REFERENCE)


def _family(name):
    return name.replace("_", "-")


def write(tables_dir, figures_dir, manifests, sources, config, timings, out):
    """Write the page.

    manifests: paths of manifest.json; sources: paths of the models' source.json; config: the run's configuration;
    timings: paths of the tsv files of Snakemake's `benchmark:`, missing ones are skipped; out: the html file.
    """
    import jinja2

    from knowcost.aggregate import tables
    from knowcost.common.files import atomic, read_json
    from knowcost.report import audit, findings, paper, run, tasks

    data = tables.read(tables_dir)
    figures = _figures(Path(figures_dir))
    manifests = [read_json(path) for path in manifests]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    page = environment.get_template("report.html.j2").render(
        title=config.get("title") or "What does compression cost a language model's knowledge?",
        counts=_counts(data),
        limit=data["benchmarks"]["limit"].max(),
        answer=answer_lines(data),
        findings=findings.findings(data["claims"]),
        audit=audit.section(data["audit_final"], data["audit_published"]),
        missing=paper.missing(data["scores"]),
        about_all=[figure for figure in figures if not figure["family"]],
        families=_families(figures),
        paper=paper.index(data, figures),
        tables=[
            *tasks.matching(data["matching"]),
            *_tables(data),
            *tasks.domains(data["domains"]),
            *tasks.disciplines(data["disciplines"]),
            *tasks.perplexity(data["perplexity"]),
            *findings.overlap(data["overlap"]),
            *findings.contrasts(data["claims"]),
            *findings.noise(data["noise"]),
            *findings.how_asked(data["how_asked"]),
        ],
        statistics=findings.settings(data["facts"]),
        tolerance=config["study"]["tolerance"],
        int8_activations=config["score"]["int8_activations"],
        widths=((data["scores"]["drop_high"] - data["scores"]["drop_low"]) / 2).median(),
        models=run.models(manifests, [read_json(path) for path in sources]),
        benchmarks=run.benchmarks(data["benchmarks"]),
        timings=run.timings(timings),
        versions=run.versions(manifests),
        config=run.configuration(config),
    )
    with atomic(out) as temporary:
        temporary.write_text(page)


def _counts(data):
    scores = data["scores"]
    counts = {name: scores[name].nunique() for name in ("model", "variant", "benchmark")}
    counts |= {"cell": len(scores), "question": int(scores["n"].sum())}
    return ", ".join(f"{count:,d} {name}{'s' * (count != 1)}" for name, count in counts.items())


def _figures(folder):
    """The entries of figures.json, each with its SVG file as a data URI (source) and its size in CSS pixels."""
    from knowcost.common.files import read_json
    from knowcost.draw.job import INDEX

    entries = read_json(folder / INDEX)
    for entry in entries:
        svg = (folder / f"{entry['name']}.svg").read_bytes()
        entry["source"] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
        size = re.search(rb'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"', svg)
        entry["width"], entry["height"] = (
            (round(float(points) * 4 / 3) for points in size.groups()) if size else ("", "")
        )
    return entries


def _families(figures):
    """Per family its name, the figures that stand open, and those that are folded: [(words, figures)]."""
    made = []
    for family in dict.fromkeys(figure["family"] for figure in figures if figure["family"]):
        groups = {}
        for figure in figures:
            if figure["family"] == family:
                groups.setdefault(figure["group"], []).append(figure)
        made.append({"name": _family(family), "figures": groups.pop("", []), "groups": list(groups.items())})
    return made


def _tables(data):
    """The page's tables: dicts with title, note, folded, columns [(words, is a number)] and rows [[(text, class)]]."""
    from knowcost.aggregate.paper_tables import grid
    from knowcost.report import paper

    made = []
    cheapest = data["cheapest"][data["cheapest"]["variant"] != ""].drop(columns="family")
    if len(cheapest):
        note = "The variant that saves most bytes while it keeps so many percent of what the dense model knew."
        made.append(_plain(cheapest, "Smallest variant, by what has to be kept", note))
    for family, rows in data["drops"].groupby("family", sort=False):
        made.append(_drop_grid(rows, f"Drop in accuracy: {_family(family)} models"))
    made += paper.tables(data)
    for model, rows in grid(data["scores"]).groupby("model", sort=False):
        wide = rows.assign(percent=100 * rows["accuracy"]).pivot(index="variant", columns="benchmark", values="percent")
        wide = wide.reindex(index=rows["variant"].unique(), columns=rows["benchmark"].unique())
        wide = wide.rename_axis(columns=None).reset_index()
        note = f"Percent of facts answered right. {GONE} is a missing cell."
        made.append(_plain(wide, f"Accuracy of {model}", note, folded=True))
    return made


def _drop_grid(drops, title):
    """Relative drops, a row per method and scope, a column per strength."""
    strengths = drops.sort_values("level", kind="stable", na_position="first")["strength"].unique()
    columns = [("method", False), ("scope", False), *[(words or "no pruning", True) for words in strengths]]
    places = {words: place for place, (words, _) in enumerate(columns)}
    rows = {}
    for row in drops.to_dict("records"):
        scope = f"{row['scope']} ({row['grouping']})" if row["grouping"] == "canonical" else row["scope"]
        key = (row["method"].replace("+", " + "), scope)
        cells = rows.setdefault(key, [(text, "") for text in key] + [("", "number")] * (len(columns) - 2))
        place = places[row["strength"] or "no pruning"]
        cells[place] = (_text(row["drop_percent"]), "number" if row["measurable"] else "number quiet")
    note = "Percent of the dense model's accuracy, mean over benchmarks, then models. Grey: nothing measurable."
    return {"title": title, "note": note, "folded": False, "columns": columns, "rows": list(rows.values())}


def _plain(frame, title, note, folded=False, decimals=1):
    numeric = {name: frame[name].dtype.kind in "fiu" for name in frame.columns}
    columns = [(name.replace("_percent", " (%)").replace("_", " "), number) for name, number in numeric.items()]
    rows = [
        [(_text(value, decimals), "number" if numeric[name] else "") for name, value in row.items()]
        for row in frame.to_dict("records")
    ]
    return {"title": title, "note": note, "folded": folded, "columns": columns, "rows": rows}


def _text(value, decimals=1):
    """A table cell: fixed decimals, none for whole numbers, a dash for nan."""
    if isinstance(value, str):
        return value
    if value != value:
        return GONE
    return f"{value:,d}" if isinstance(value, int) else f"{round(value, decimals) + 0.0:,.{decimals}f}"


def main():
    print("\n".join(f"- {line}" for line in answer(paths.TABLES)))
    print(f"The whole study: {paths.REPORT}")


if __name__ == "__main__":
    main()
