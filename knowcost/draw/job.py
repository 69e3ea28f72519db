"""Draw a run's figures from its tables only. A figure without data is not drawn, and one that would show nothing is a
sentence in the index; the same tables give the same bytes.

Most are about one family (costs.py); those that the paper has too carry its numbers (papers/cost_of_compression).
"""

import functools
import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib
import pandas as pd

from knowcost.aggregate.tables import finish, read
from knowcost.benchmarks.formats import is_published
from knowcost.common import seal
from knowcost.common.files import write_json
from knowcost.draw import (
    INDEX,
    averaging,
    costs,
    findings,
    forget_knowledge,
    front,
    judged,
    methods,
    perplexity,
    recovered,
    similarity,
    strengths,
    written,
)
from knowcost.draw.cells import cells_of, setting
from knowcost.draw.drawn import Drawn
from knowcost.draw.style import STYLE, save

log = logging.getLogger(__name__)

Part: TypeAlias = Callable[[], Iterable[Drawn]]  # makes some of a run's figures
Entries: TypeAlias = list[dict[str, Any]]


def draw(
    tables_dir: str | Path,
    out_dir: str | Path,
    margin: float,
    formats: Sequence[str] = ("svg", "png"),
    processes: int = 1,
) -> Entries:
    """Draw every figure the tables have data for; write them and an index (INDEX) into `out_dir`,
    and seal it. margin: the study's, in points. processes: how many draw, each some of the parts of a run.

    Returns the index, a list of Drawn.entry.
    """
    made = []
    for entries in _each(functools.partial(_drawn, out_dir, formats), parts(read(tables_dir), margin), processes):
        made += entries
        log.info("drew %s", ", ".join(entry["name"] for entry in entries if entry["picture"]))
    write_json(Path(out_dir) / INDEX, made)
    finish(out_dir, {str(tables_dir): seal.check_folder(tables_dir)})
    return made


def _each(drawn: Callable[[Part], Entries], of_run: Sequence[Part], processes: int) -> Iterator[Entries]:
    if processes == 1:
        yield from map(drawn, of_run)
        return
    # Processes that start afresh: one that is forked from a process with threads may wait for ever.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(drawn, of_run)


def _drawn(out_dir: str | Path, formats: Sequence[str], part: Part) -> Entries:
    """The figures of a part, drawn; their entries."""
    made = []
    with matplotlib.rc_context(STYLE):
        for drawn in part():
            made.append(drawn.entry)
            if drawn.figure is None:
                continue
            drawn.figure.draw_without_rendering()
            drawn.figure.set_layout_engine("none")  # laid out once is enough for all formats
            for suffix in formats:
                save(drawn.figure, Path(out_dir) / f"{drawn.name}.{suffix}", suffix)
    return made


def parts(data: Mapping[str, pd.DataFrame], margin: float) -> list[Part]:
    """What makes the figures of a run, in their order, each a part of them; data: {name: frame} of tables.read; margin:
    the study's, in points."""
    families, written_by = (data[name]["family"].unique() for name in ("scores", "written"))
    return [
        functools.partial(_of_all, data),
        *(functools.partial(_of_family, data, family, margin) for family in families),
        *(functools.partial(_of_written, data, family) for family in written_by),
    ]


def figures(data: Mapping[str, pd.DataFrame], margin: float) -> Iterator[Drawn]:
    """Every figure of a run, as `parts` make them."""
    for part in parts(data, margin):
        yield from part()


def _of_all(data: Mapping[str, pd.DataFrame]) -> Iterator[Drawn]:
    yield from front.figures(data["front"])
    yield from findings.verdicts(data["claims"])
    yield from findings.one_scale(data["scores"])


def _of_written(data: Mapping[str, pd.DataFrame], family: str) -> Iterator[Drawn]:
    yield from written.figures(data, family)
    yield from judged.figures(data, family)


def _of_family(data: Mapping[str, pd.DataFrame], family: str, margin: float) -> Iterator[Drawn]:
    names = ("scores", "drops", "drops_by_model", "forgotten_by", "audit_published", "perplexity", "matching",
             "phrasings", "recovered", "relearned", "similarity", "parameters")  # fmt: skip
    mine = {name: data[name][data[name]["family"] == family] for name in names}
    mine["scores"] = mine["scores"][[not is_published(name) for name in mine["scores"]["benchmark"]]]
    who = setting(mine["scores"], mine["phrasings"])
    yield from methods.figures(mine, family, who, margin)
    subjects = averaging.subjects(mine, family, who, margin)
    for subject in subjects:
        yield from strengths.hidden(averaging.drops_of(mine, subject), subject)
    yield from costs.figures(cells_of(mine), family, costs.Study(who, margin, averaging.alike(mine["parameters"])))
    for subject in subjects:
        yield from findings.first(averaging.own(mine["forgotten_by"], subject), subject)
    yield from perplexity.against(mine, family, who)
    yield from recovered.figures(mine, family, who)
    yield from forget_knowledge.figures(mine, family, who)
    yield from similarity.layers(mine["similarity"], family)
