"""The judge stage: what is missing is asked, what was asked is read, and each cell gets a file of judgements.

Every reply is kept in a file of its own before anything else happens to it (kept.py), so a run that was killed goes on
where it was, and a changed configuration asks only what is new. What the limits of the configuration cannot hold is not
begun.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from knowcost import world
from knowcost.common import parquet, paths
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.judge import STAGE_VERSION, WORLD, access, kept, reading, world_server
from knowcost.judge.access import Access
from knowcost.judge.budget import Budget
from knowcost.judge.endpoint import Endpoint
from knowcost.judge.outcomes import Outcome, outcome, row
from knowcost.judge.pairs import Question
from knowcost.judge.request import Reply, TooLong
from knowcost.judge.rows import JUDGED, TOO_LONG, UNPARSED
from knowcost.judge.study import Cells, Place, Tally

log = logging.getLogger(__name__)


def judge(scores: Sequence[str | Path], config: Mapping[str, Any]) -> None:
    """Have judges say what they say of the texts of scores files; paths.judgements of each.

    config: the configuration's section `judge`. Raises InputError, before anything is paid, for limits that are too
    low, references that do not match, and what Endpoint.check finds; and for what Endpoint.ask raises, with all
    replies so far kept.
    """
    cells = Cells(config)
    places = [paths.cell_at(path) for path in scores]
    tally = Tally()
    asked = {place: cells.comparisons(place) for place in places}
    for comparisons in asked.values():
        tally.add(comparisons)
    check_limits(tally, config)
    if tally.missing:
        _ask(tally, cells.manner.judges, config)
    for place, comparisons in asked.items():
        rows = [row(each, lambda question: tally.found[question.key]) for each in comparisons]
        _write(place, rows, cells)
    _say_failures(tally)


def check_limits(tally: Tally, config: Mapping[str, Any]) -> None:
    """Log what is to be asked beside the limits, and raise InputError where these cannot hold it."""
    missing = len(tally.missing)
    log.info(
        "%s judgements, %s of them kept; %s requests to make (limit %s), which hold about %s tokens and are answered "
        "by %s at most (limit %s)",
        *(f"{number:,}" for number in (tally.judgements, len(tally.found), missing, config["requests"],
                                       tally.prompt_tokens, tally.reply_tokens, config["tokens"])),
    )  # fmt: skip
    for key, wanted in (("requests", missing), ("tokens", tally.prompt_tokens)):
        if wanted > config[key]:
            raise InputError(
                f"judge.{key}: {missing:,} requests are missing, which hold about {tally.prompt_tokens:,} tokens, and "
                f"the limit is {config[key]:,} {key}; raise it, or name fewer rubrics. Nothing was asked"
            )


def _ask(tally: Tally, judges: Sequence[str], config: Mapping[str, Any]) -> None:
    """Ask what is missing, and put what came of it among what was found."""
    kept.check()
    progress, budget = Progress(log), Budget(config["requests"], config["tokens"])
    with _access(config["endpoint"]) as place, Endpoint(place, budget, config["seconds"]) as endpoint:
        endpoint.check(judges)
        pool = ThreadPoolExecutor(config["parallel"])
        try:
            waiting = {pool.submit(_one, endpoint, question): key for key, question in tally.missing.items()}
            for number, done in enumerate(as_completed(waiting), start=1):
                tally.found[waiting[done]] = done.result()
                progress.say("%d of %d asked, %s tokens", number, len(waiting), f"{budget.tokens:,}")
        finally:
            endpoint.end()  # nobody waits to ask again
            pool.shutdown(cancel_futures=True)  # those under way end first: their replies are paid for
    log.info("%d requests, %s tokens, %.0f s", budget.requests, f"{budget.tokens:,}", progress.seconds)


def _one(endpoint: Endpoint, question: Question) -> Outcome:
    """Ask a question, once more where the reply cannot be read, and keep all replies."""
    replies = kept.read(question.key) or ()
    came = None
    while came is None:
        # With the same words a judge at temperature 0 would say the same.
        reminder = reading.reminder(question.rubric) if replies else ""
        try:
            replies = (*replies, endpoint.ask(question.request(reminder)))
        except TooLong:
            # With the reminder alone it is too long: what was said without it stays, and is all that will be said.
            replies = (*replies, Reply("", replies[-1].model, 0, 0)) if replies else ()
        kept.write(question.rubric, question.request(), replies)
        came = outcome(question.rubric, replies)
    return came


@contextmanager
def _access(endpoint: str | None) -> Iterator[Access]:
    """Where judges are asked; a server of the demo's world lasts as long as the block."""
    if endpoint != WORLD:
        yield access.find(endpoint)
        return
    with world_server.started(world.FOLDER) as address:
        yield Access(address)


def _host(endpoint: str | None) -> str:
    """What judgements say of where they were asked for: a host, or WORLD; "" where all are kept and no address is
    named."""
    if endpoint == WORLD:
        return WORLD
    try:
        return urlsplit(access.address_of(endpoint)).hostname or ""
    except ValueError:
        return ""


def _write(place: Place, rows: Sequence[Mapping[str, Any]], cells: Cells) -> None:
    model, variant, benchmark = place
    about = {
        "version": STAGE_VERSION,
        "model": model,
        "variant": variant,
        "benchmark": benchmark,
        "kind": cells.facts(benchmark).kind,
        "digests": cells.made_from(place),
        "rubrics": {each.name: each.version for each in cells.manner.rubrics},
        "judges": list(cells.manner.judges),
        "temperature": cells.manner.temperature,
        "reply_tokens": cells.manner.reply_tokens,
        "endpoint": _host(cells.config["endpoint"]),
    }
    parquet.write(paths.judgements(*place), pa.Table.from_pylist(list(rows), schema=JUDGED), about)


def _say_failures(tally: Tally) -> None:
    """Count aloud what came to nothing."""
    failures = [came.failed for came in tally.found.values()]
    for failed, why in ((UNPARSED, "could not be read, asked twice"), (TOO_LONG, "were longer than the judge reads")):
        if count := failures.count(failed):
            log.warning("%d of %d judgements %s", count, len(failures), why)
