"""Judges, looked at before anything runs: whether the configuration can be judged as it says, and what that asks."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import addresses, paths
from knowcost.common.errors import InputError
from knowcost.fetch import rows
from knowcost.judge import WORLD, rubric
from knowcost.judge.rubric import PAIR, Rubric

Rows = Mapping[str, Mapping[str, str]]  # of a table, by name


def check(config: Mapping[str, Any], checkpoints: Rows, benchmarks: Rows) -> None:
    """Raise InputError for the first thing of the configuration's section `judge` that cannot be.

    checkpoints, benchmarks: all rows of the tables, benchmarks with their companions.
    """
    if addresses.has_login(config["endpoint"] or ""):
        raise InputError(
            "judge.endpoint: an address with a user or a password (or a port that is no number), which would be stored "
            "with the results; take them out, and put the key in OPENAI_API_KEY"
        )
    rubrics = [rubric.load(name) for name in config["rubrics"]] if config["model"] else []
    if config["second_model"] and not config["model"]:
        raise InputError("judge.second_model: there is no first one; name it in judge.model")
    if not config["model"]:
        return
    if config["second_model"] == config["model"]:
        raise InputError(f"judge.second_model: {config['model']!r} is the first one, too; name another, or null")
    for key in ("model", "second_model"):
        if config[key] and not config["allow_self"]:
            _check_self(f"judge.{key}", config[key], checkpoints)
    texts = {name: row for name, row in benchmarks.items() if KINDS[kind_of(row["format"])].writes}
    if not texts:
        raise InputError(
            "judge.model: no benchmark of this study is answered by texts; add one (a format such as mt_bench or "
            "cnn_dailymail), or set judge.model to null"
        )
    judged = {name: row for name, row in texts.items() if applying(rubrics, row)}
    if not judged:
        raise InputError(
            f"judge.rubrics: {', '.join(config['rubrics'])} are for other benchmarks than {', '.join(texts)}; "
            f"known: {', '.join(rubric.names())}"
        )
    _check_references(config["references"], texts, rubrics)
    invented = [name for name, row in judged.items() if rows.is_invented(row["source"])]
    if config["endpoint"] == WORLD and len(invented) < len(judged):
        others = [name for name in judged if name not in invented]
        raise InputError(
            f"judge.endpoint: {WORLD!r} knows the facts of the demo's world alone, and {others[0]!r} asks of others; "
            "name another endpoint, or take the benchmark out"
        )


def applying(rubrics: list[Rubric], row: Mapping[str, str]) -> list[Rubric]:
    """The rubrics that are for the kind of a benchmark."""
    return [each for each in rubrics if kind_of(row["format"]) in each.kinds]


def _check_self(key: str, judge: str, checkpoints: Rows) -> None:
    """Raise InputError where a judge is a model of the study."""
    for name, row in checkpoints.items():
        if _called(judge) & (_called(row["source"]) | {name.lower()}):
            raise InputError(
                f"{key}: {judge!r} seems to be the model {name!r} of this study, and judges prefer what they wrote "
                "themselves; name another judge, or set judge.allow_self to true"
            )


def _called(name: str) -> set[str]:
    """What a model is called, in full and without who made it, in lower case."""
    name = name.lower().rstrip("/")
    return {name, name.rpartition("/")[2]}


def _check_references(given: Mapping[str, str], texts: Rows, rubrics: list[Rubric]) -> None:
    for name, path in given.items():
        if name not in texts:
            raise InputError(
                f"judge.references: no benchmark {name!r} that is answered by texts; known: {', '.join(texts)}"
            )
        if not any(each.answers == PAIR for each in applying(rubrics, texts[name])):
            raise InputError(
                f"judge.references: {name}: none of judge.rubrics holds its answers against others; add one that does, "
                "or take the file out"
            )
        if not os.path.isfile(paths.given(path)):
            raise InputError(f"judge.references: {name}: there is no file {path!r}")


def reference_inputs(config: Mapping[str, Any]) -> list[str]:
    """The files of reference answers, which the judge's job depends on."""
    return [rows.declared(Path(paths.given(path))) for path in config["references"].values()]


def depends(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section `judge` judgements depend on; how fast they are asked, and how many may be, is no part."""
    names = ("model", "second_model", "temperature", "reply_tokens", "references")
    rubrics = {name: rubric.load(name).digest for name in config["rubrics"]}
    return {name: config[name] for name in names} | {"rubrics": rubrics}


def announce(config: Mapping[str, Any], benchmarks: Rows, places: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """What is to be said before anything runs: how many judgements are missing, and that there is no key for them.

    config: the whole configuration; places: of the cells that are judged. Raises InputError for references that do not
    match a benchmark that is here.
    """
    from knowcost.judge import access, count  # which load more than planning without a judge takes

    section, limit = config["judge"], config["limit"]
    _check_ids(section["references"], limit)
    plan = count.Plan(section, places, benchmarks, limit)
    found = count.count(plan)
    yield count.line(plan, found)
    if section["endpoint"] != WORLD and (found.missing or found.unknown):
        try:
            access.find(section["endpoint"])
        except InputError as error:
            yield f"the judge's job will stop as things are: {error}"


def _check_ids(references_of: Mapping[str, str], limit: int | None) -> None:
    from knowcost.benchmarks import prepared
    from knowcost.judge import references

    for name, given in references_of.items():
        texts = references.read(paths.given(given))
        if Path(paths.benchmark(name)).exists():
            table, _ = prepared.read(paths.benchmark(name))
            ids = table["id"].slice(0, limit).to_pylist()
            references.check(given, texts, ids, name)
