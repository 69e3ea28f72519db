"""The report stage: one self-contained page from tables and figures."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from knowcost.aggregate import FULL_WEIGHT, tables
from knowcost.common import paths, seal
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.models import fetched
from knowcost.report import (
    affordable,
    answer,
    audit,
    beyond,
    calibrated,
    drops,
    explored,
    findings,
    forget_knowledge,
    leads,
    llm_kick,
    paper,
    pictures,
    recovered,
    run,
    scripts,
    tasks,
    times,
    written,
)
from knowcost.report.table import Table, number, whole
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import RECOVER

_MADE_FROM = re.compile('<meta name="tables" content="([0-9a-f]{64})">')
TITLE = "What does compression cost a language model's knowledge?"


@dataclass(frozen=True)
class Inputs:
    """What the page is made from.

    tables, figures, explore: folders. manifests: paths of manifest.json; sources: paths of the models' source.json;
    timings: paths of the tsv files of Snakemake's `benchmark:`, missing ones are skipped. benchmarks: prepared ones;
    calibrations: {name: file of its texts}, which may be gone. config: the run's configuration.
    """

    tables: str | Path
    figures: str | Path
    explore: str | Path
    manifests: Iterable[str | Path]
    sources: Iterable[str | Path]
    timings: Iterable[str | Path]
    benchmarks: Iterable[str | Path]
    calibrations: Mapping[str, str | Path]
    config: Mapping[str, Any]


def write(inputs: Inputs, out: str | Path) -> None:
    """Write the page, an html file, and seal it, and the folder beside it that has the facts for which it has no room.

    Raises InputError for what is damaged or does not belong together."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(scripts.TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {"number": number, "whole": whole, "percent": percent_words}
    data = tables.read(inputs.tables)
    made_of = seal.check_folder(inputs.tables)
    if tables.made_from(inputs.figures) != {str(inputs.tables): made_of}:
        raise InputError(
            f"{inputs.figures}: was drawn from other tables than {inputs.tables}; delete {inputs.figures} and run again"
        )
    facts = explored.read(inputs.explore, inputs.tables)
    script = scripts.script()
    page = environment.get_template("report.html.j2").render(
        title=inputs.config.get("title") or TITLE,
        script=Markup(script),
        policy=scripts.policy(script),
        made_from=made_of,
        explored=facts,
        **_results(data, pictures.figures(Path(inputs.figures))),
        **_methods(data, inputs.config),
        **_run(data, inputs),
    )
    with seal.sealed(out) as temporary:
        temporary.write_text(visible(page), encoding="utf-8")
    explored.write_beside(facts, out, inputs.explore)


def made_from(page: str | Path) -> str | None:
    """The digest of the tables that a page was written from, None where it does not say that."""
    found = _MADE_FROM.search(Path(page).read_text(encoding="utf-8"))
    return found and found[1]


def _results(data: Mapping[str, pd.DataFrame], figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The page down to its tables: the answer, figures, audit, the papers' findings; and the index of the papers'."""
    placed = pictures.placed(figures)
    return {
        "figures": placed,
        "counts": _counts(data["scores"]),
        "limit": data["benchmarks"]["limit"].max(),
        "missing": paper.missing(data["scores"]),
        "headlines": answer.headlines(data),
        "details": answer.details(data),
        "affordable": affordable.section(data["affordable"]),
        "findings": findings.findings(data["claims"]),
        "audit": audit.section(data["audit_final"], data["audit_published"]),
        "paper": paper.index(data, figures),
        "forget": forget_knowledge.contents(data, figures),
        "kick": llm_kick.contents(data, figures),
        "recovered": recovered.section(data),
        "written": written.section(data, placed.written),
        "tables": _tables(data),
    }


def _methods(data: Mapping[str, pd.DataFrame], config: Mapping[str, Any]) -> dict[str, Any]:
    """What the text on how it was measured quotes of this run."""
    scores = data["scores"]
    return {
        "statistics": findings.settings(data["facts"]),
        "tolerance": config["study"]["tolerance"],
        "margin": config["study"]["margin"],
        "full_weight": FULL_WEIGHT,
        "methods": run.methods(scores["method"], config["score"]["int8_activations"]),
        "widths": ((scores["drop_high"] - scores["drop_low"]) / 2).median(),
        "beyond": {name for name in beyond.TABLES if len(data[name])},
    }


def _run(data: Mapping[str, pd.DataFrame], inputs: Inputs) -> dict[str, Any]:
    """What was run."""
    manifests = [storage.read_manifest(path, of=paths.archive_at(path)) for path in inputs.manifests]
    return {
        "saw": calibrated.saw(manifests, inputs.calibrations, inputs.benchmarks),
        "models": run.models(manifests, [fetched.read_source(Path(path).parent) for path in inputs.sources]),
        "benchmarks": run.benchmarks(data["benchmarks"]),
        "drawn": run.drawn(data["benchmarks"]),
        "timings": times.timings(inputs.timings),
        "versions": run.versions(manifests),
        "config": run.configuration(inputs.config),
    }


def _tables(data: Mapping[str, pd.DataFrame]) -> list[Table]:
    return [
        *tasks.matching(data["matching"]),
        *drops.cheapest(data["cheapest"]),
        *drops.drops(data["drops"]),
        *paper.tables(data),
        *forget_knowledge.tables(data),
        *drops.accuracies(data["scores"]),
        *leads.above_chance(data["scores"]),
        *leads.not_guessed(data["scores"]),
        *leads.rare(data["forgotten_first"]),
        *tasks.domains(data["domains"]),
        *tasks.disciplines(data["disciplines"]),
        *tasks.perplexity(data["perplexity"]),
        *tasks.similarity(data["similarity"]),
        *(table for name, made in beyond.TABLES.items() for table in made(data[name])),
        *findings.overlap(data["overlap"]),
        *findings.contrasts(data["claims"]),
        *findings.levels(data["claims_levels"]),
        *findings.noise(data["noise"]),
        *findings.how_asked(data["how_asked"]),
    ]


def _counts(scores: pd.DataFrame) -> str:
    """ "2 models, 40 variants, ..." """
    counts = {name: scores[name].nunique() for name in ("model", "variant", "benchmark")}
    counts |= {"cell": len(scores), "question": int(scores["n"].sum())}
    words = {name: f"{whole(count)} {name}{'s' * (count != 1)}" for name, count in counts.items()}
    if of_them := scores[scores["experiment"] == RECOVER]["variant"].nunique():
        words["variant"] += f" ({whole(of_them)} of them recovered)"
    return ", ".join(words.values())
