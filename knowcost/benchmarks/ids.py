"""One id a fact: rows of public data that repeat one another, and ids that do."""

import json
import logging
from collections import Counter

from knowcost.common.records import Record

log = logging.getLogger(__name__)


def settle(rows: list[Record]) -> int:
    """Give every row an id of its own, in place; returns how many rows were dropped since they repeat another in all.

    TriviaQA has questions under one id, once for each page of evidence, HellaSwag and LAMA facts under one id, ...
    """
    count = Counter(row["id"] for row in rows)
    seen, kept = set(), []
    for row in rows:
        # a question of TriviaQA is the same one whatever page of evidence it stands with
        asked = {name: value for name, value in row.items() if name != "cluster"}
        said = json.dumps(asked, sort_keys=True) if count[row["id"]] > 1 else row["id"]
        if said not in seen:
            kept.append(row)
        seen.add(said)
    dropped = len(rows) - len(kept)
    rows[:] = kept
    distinguish(rows)
    return dropped


def distinguish(rows: list[Record]) -> None:
    """Make ids unique, in place: an id stays if it is unique, else the relation is added, and if need be a number.

    The number counts those of one id alone, in their order in the file; it passes over ids that are already there.
    """
    count = Counter(row["id"] for row in rows)
    for row in rows:
        if count[row["id"]] > 1 and row["relation"]:
            row["id"] = f"{row['id']}:{row['relation']}"
    count = Counter(row["id"] for row in rows)
    number: Counter[str] = Counter()
    numbered = 0
    for row in rows:
        name = row["id"]
        if count[name] > 1:
            while (new := f"{name}:{number[name]}") in count:
                number[name] += 1
            count[new] = 1
            row["id"] = new
            numbered += 1
    if numbered:
        log.info("%d facts share their id with another; a number behind it tells them apart", numbered)
