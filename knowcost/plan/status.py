"""How far the study in a folder has come, told from the files that are there: `knowcost status`. Runs nothing."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from knowcost.aggregate import names
from knowcost.common import paths
from knowcost.common.display import size, visible
from knowcost.plan import asking, config, design, origin, start
from knowcost.plan.config import Study
from knowcost.plan.design import Cell
from knowcost.plan.named import named
from knowcost.report import stale, unnamed
from knowcost.spec.variants import parse

ORDER = ("models", "downloads", "benchmarks and texts", "archives", "answers", "judgements", "tables, figures and page",
         "exports", "logs")  # fmt: skip


def main(configfile: str | None = None) -> None:
    """Print how far the study of this folder has come. configfile: above the folder's own configuration, as Snakemake
    takes it. Raises InputError for a configuration that is wrong."""
    given, by = origin.with_file(configfile)
    study = config.load(given, by=by)
    asked = asking.to_ask(study)
    lines = [start.line(study, by, asked), *start.replaced(study), *_made(study, asked), _kept(study), _disk()]
    if stale.is_at_work():
        lines.append("Snakemake is at work in this folder; if it was killed, run `snakemake --unlock` first.")
    print(visible("\n".join(lines)))


def results(study: Study) -> dict[str, list[str]]:
    """{what, in words: its files} of all that a finished study has."""
    archives = {place: parse(place[1]).recovery for place in design.archives(study)}
    found = {
        "models fetched": [paths.model_source(name) for name in study.checkpoints],
        "benchmarks prepared": [paths.benchmark(name) for name in study.benchmarks],
        "variants archived": [paths.manifest(*place) for place, recovery in archives.items() if not recovery],
        "variants recovered": [paths.manifest(*place) for place, recovery in archives.items() if recovery],
        "cells": [cell.path for cell in design.cells(study)],
        "cells judged": [paths.judgements(cell.model, cell.variant, cell.benchmark) for cell in design.judged(study)],
        "tables": [paths.table(name, "parquet") for name in names.TABLES],
        "folders of facts": [paths.EXPLORE],
        "figures": [paths.FIGURES],
        "page": [paths.REPORT],
    }
    return {what: files for what, files in found.items() if files}


def _made(study: Study, to_ask: Mapping[Cell, int]) -> Iterator[str]:
    left = [facts for facts in to_ask.values() if facts]
    asked = f"; {sum(left):,} facts of {len(left):,} cells are still to be asked" if left else ""
    for what, files in results(study).items():
        there = sum(map(os.path.exists, files))
        yield f"{there:>8,} of {len(files):,} {what}{asked if what == 'cells' else ''}"


def _kept(study: Study) -> str:
    count = sum(path.suffix == ".parquet" for path in unnamed.kept_answers(named(study)))
    return f"{count:>8,} files of kept answers"


def _disk() -> str:
    """What the folder takes on the disk, kind by kind; what links lead to is elsewhere."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder in (paths.RESOURCES, paths.RESULTS, paths.EXPORTS, paths.JUDGEMENTS, paths.LOGS):
        for at, _, files in os.walk(folder):
            for name in files:
                found[_kind(Path(at, name))].append(Path(at, name))
    told = [f"{kind} {size(unnamed.size(found[kind]))}" for kind in ORDER if found[kind]]
    return f"On the disk: {', '.join(told) or 'nothing'}"


def _kind(path: Path) -> str:
    """Which of ORDER a file belongs to."""
    first, *rest = path.parts
    if first == paths.RESOURCES:
        return rest[0] if rest[0] in ("models", "downloads") else "benchmarks and texts"
    if first != paths.RESULTS:
        return first
    if len(rest) == 1 or f"{first}/{rest[0]}" in (paths.TABLES, paths.EXPLORE, paths.FIGURES, paths.REPORT_FACTS):
        return "tables, figures and page"
    return {paths.SCORES: "answers", paths.JUDGED: "judgements"}.get(rest[2] if len(rest) > 3 else "", "archives")
