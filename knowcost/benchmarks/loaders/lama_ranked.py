"""LAMA on one scale for all families: which of the relation's objects does a model put in the blank?

Only facts whose blank ends the sentence are kept (`mask_not_last` counts the others), so that a decoder can complete
what stands before it. Every fact is given CANDIDATES of its relation's objects to choose from, the right one among
them: the same for every model. A relation with fewer than two objects has nothing to choose from (`no_choice`).
"""

import re
from collections import Counter
from pathlib import Path

from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.loaders import lama
from knowcost.benchmarks.loaders.candidates import draw
from knowcost.benchmarks.prepared import Loaded

CANDIDATES = 50  # as many as keep a decoder's cost near that of a question; fewer where a relation has fewer objects


def trex(source: Path) -> Loaded:
    return _ranked(lama.trex(source))


def google_re(source: Path) -> Loaded:
    return _ranked(lama.google_re(source))


def squad(source: Path) -> Loaded:
    return _ranked(lama.squad(source))


def conceptnet(source: Path) -> Loaded:
    return _ranked(lama.conceptnet(source))


def _ranked(loaded: Loaded) -> Loaded:
    objects: dict[str | None, set[str]] = {}
    rows, dropped = [], Counter(loaded.dropped)
    for row in loaded.rows:
        objects.setdefault(row["relation"], set()).add(row["answer"])
    for row in loaded.rows:
        before, after = row["cloze"].split(MASK)
        if not before.strip() or re.search(r"\w", after):
            dropped["mask_not_last"] += 1
        elif len(objects[row["relation"]]) < 2:
            dropped["no_choice"] += 1
        else:
            rows.append({**row, "candidates": draw(row["id"], row["answer"], objects[row["relation"]], CANDIDATES)})
    return Loaded(rows, loaded.files, dropped)
