"""Clozes that some of the models that are asked them cannot complete, said when a benchmark is fetched."""

import logging
from collections.abc import Mapping, Sequence

from knowcost.benchmarks import expected
from knowcost.benchmarks.kinds import no_completion
from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.common.records import Record

log = logging.getLogger(__name__)


def check(row: Mapping[str, str], facts: Sequence[Record], places: Mapping[str, str]) -> None:
    """Log which facts will be left out for the decoders and encoder-decoders that a benchmark's row names, and why.

    places: {id: file and line} of facts in the file's order, as far as they are known. Raises InputError
    where none is left.
    """
    families = expected.completers(row)
    if not families:
        return
    lacking: dict[str, list[str]] = {}
    line = {name: number for number, name in enumerate(places)}
    for fact in sorted(facts, key=lambda fact: line.get(fact["id"], 0)):  # people read their file from its top
        if why := no_completion(fact):
            lacking.setdefault(why, []).append(places.get(fact["id"], fact["id"]))
    count = sum(map(len, lacking.values()))
    said = "; ".join(f"{len(found)} {why} ({some(found)})" for why, found in lacking.items())
    whom = f"models of family {' or '.join(families)}, which are asked clozes as completions"
    if count == len(facts):
        raise InputError(
            f"benchmark {row['name']}: none of its {count:,} clozes can be asked of {whom}: {said}; write them "
            "otherwise, or take these families out of the column `families`"
        )
    if count:
        log.warning("%s: %d of %d clozes will be left out for %s: %s", row["name"], count, len(facts), whom, said)
