"""The report stage: one self-contained page from tables and figures. Light at import: Snakemake parses this."""

import base64
import re
from pathlib import Path

import jinja2

from knowcost.aggregate import tables
from knowcost.aggregate.paper_tables import grid
from knowcost.common.files import atomic, read_json
from knowcost.draw.job import INDEX
from knowcost.report import audit, findings, paper, run, tasks
from knowcost.report.answer import _family, answer_lines
from knowcost.report.table import GONE, plain, text

TEMPLATES = Path(__file__).with_name("templates")


def write(tables_dir, figures_dir, manifests, sources, config, timings, out):
    """Write the page.

    manifests: paths of manifest.json; sources: paths of the models' source.json; config: the run's configuration;
    timings: paths of the tsv files of Snakemake's `benchmark:`, missing ones are skipped; out: the html file.
    """
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
    made = []
    cheapest = data["cheapest"][data["cheapest"]["variant"] != ""].drop(columns="family")
    if len(cheapest):
        note = "The variant that saves most bytes while it keeps so many percent of what the dense model knew."
        made.append(plain(cheapest, "Smallest variant, by what has to be kept", note))
    for family, rows in data["drops"].groupby("family", sort=False):
        made.append(_drop_grid(rows, f"Drop in accuracy: {_family(family)} models"))
    made += paper.tables(data)
    for model, rows in grid(data["scores"]).groupby("model", sort=False):
        wide = rows.assign(percent=100 * rows["accuracy"]).pivot(index="variant", columns="benchmark", values="percent")
        wide = wide.reindex(index=rows["variant"].unique(), columns=rows["benchmark"].unique())
        wide = wide.rename_axis(columns=None).reset_index()
        note = f"Percent of facts answered right. {GONE} is a missing cell."
        made.append(plain(wide, f"Accuracy of {model}", note, folded=True))
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
        cells[place] = (text(row["drop_percent"]), "number" if row["measurable"] else "number quiet")
    note = "Percent of the dense model's accuracy, mean over benchmarks, then models. Grey: nothing measurable."
    return {"title": title, "note": note, "folded": False, "columns": columns, "rows": list(rows.values())}
