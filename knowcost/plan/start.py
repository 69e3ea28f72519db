"""What is said before anything is planned: what is to be run, and whether another study's page is in its place."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from knowcost.common import paths, seal
from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.plan import design
from knowcost.plan.config import Study
from knowcost.plan.design import Cell
from knowcost.plan.origin import Origin, shown


def line(study: Study, by: Origin, asked: Mapping[Cell, int]) -> str:
    """The study in one line: its tables, its size, and how much of it is still to be asked.

    asked: {each of its cells: facts that are still to be asked of it}.
    """
    tables = ", ".join(
        f"{kind} {shown(study.tables[kind])} ({len(rows)})"
        for kind, rows in (("models", study.checkpoints), ("benchmarks", study.benchmarks))
    )
    variants = len({(cell.model, cell.variant) for cell in asked})
    missing = _missing(asked)
    kept = f"{missing:,} to be asked{_facts(asked)}, {len(asked) - missing:,} kept" if missing else "all kept"
    page = f". Page of the last run: {paths.REPORT}" if os.path.exists(paths.REPORT) else ""
    return (
        f"knowcost: {by.words()}; {tables}, {_count(variants, 'variant')}, {_limit(study.config['limit'])}; "
        f"{_count(len(asked), 'cell')}: {kept}{page}"
    )


def _facts(asked: Mapping[Cell, int]) -> str:
    """How many facts are to be asked, of a cell that was asked fewer only those that are new; nothing is said while a
    benchmark is not here, since then nobody knows."""
    if not all(os.path.exists(paths.benchmark(name)) for name in {cell.benchmark for cell in asked}):
        return ""
    return f" ({_count(sum(asked.values()), 'fact')})"


def stopped(asked: Mapping[Cell, int]) -> str:
    """What is said when a run was stopped; asked: as of `line`."""
    kept = len(asked) - _missing(asked)
    return f"knowcost: stopped; {kept:,} of {_count(len(asked), 'cell')} kept, the same command goes on from there"


def _missing(asked: Mapping[Cell, int]) -> int:
    """How many cells are still to be asked, in part or whole."""
    return sum(1 for facts in asked.values() if facts)


def about(study: Study) -> dict[str, Any]:
    """What is kept beside the page of a study (paths.STUDY), so that the next start can tell what it would replace."""
    return {
        "title": study.config["title"],
        "models": list(study.checkpoints),
        "benchmarks": list(study.benchmarks),
        "variants": design.variants_by_family(study),
        "limit": study.config["limit"],
    }


def replaced(study: Study) -> Iterator[str]:
    """Sentences on what the page in this folder has and this study has not; none where it would lose nothing."""
    if not os.path.exists(paths.REPORT) or not os.path.exists(paths.STUDY):
        return
    try:
        there = seal.read_json(paths.STUDY)
    except InputError:
        return  # `verify` speaks of what is damaged
    now = about(study)
    if not isinstance(there, dict) or there.keys() != now.keys():
        return  # of another version
    fewer = {slug for slugs in there["variants"].values() for slug in slugs}
    fewer -= {slug for slugs in now["variants"].values() for slug in slugs}
    renamed, more = there["title"] != now["title"], "; ".join(_more(there, now))
    if renamed or more:
        yield (
            f"{paths.REPORT} here is of the study {there['title']!r}"
            + (f", not of {now['title']!r}" if renamed else "")
            + (f"; it has what this one has not: {more}" if more else "")
            + f". A run to the end replaces it, {paths.TABLES} and {paths.FIGURES}; archives and answers stay. To keep "
            "both, give this study a folder of its own (--directory)."
        )
    elif fewer:
        yield (
            f"{paths.REPORT} has {_count(len(fewer), 'variant')} that this study does not name any more "
            f"({some(sorted(fewer))}). The next page leaves that out; archives and answers stay."
        )


def _more(there: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What a page has of another study: models and benchmarks that this one does not name, more facts."""
    for kind in ("models", "benchmarks"):
        if names := [name for name in there[kind] if name not in now[kind]]:
            yield f"{kind} {some(names)}"
    if now["limit"] is not None and (there["limit"] is None or there["limit"] > now["limit"]):
        yield f"more facts ({_limit(there['limit'])}, this one: {_limit(now['limit'])})"


def _limit(limit: int | None) -> str:
    return "no limit" if limit is None else f"limit {limit:,}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
