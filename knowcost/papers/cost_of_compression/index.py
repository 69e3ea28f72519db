"""The tables and figures of "The Cost of Compression": their numbers, what each shows, and what a run has of it.

The list is paper.yaml, in the thesis's numbering; figures take their numbers from here, and the report its index.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from knowcost.compress.registry import METHODS, name_of
from knowcost.spec.families import LABELS
from knowcost.spec.variants import DENSE, GROUPINGS, paper_slug, treatments

LIST = Path(__file__).with_name("paper.yaml")
Entry = Mapping[str, Any]  # one of paper.yaml's tables or figures
SHOWN = "int8"  # what paper.yaml calls Tables 3 to 5: the dense model, int8, and pruning then int8


@functools.cache
def contents() -> dict[str, Any]:
    """paper.yaml: {experiments, scopes, tables, figures}."""
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))


def numbers(
    family: str,
    experiment: str,
    scopes: str,
    views: Collection[str],
    method: str | None = None,
    grouping: str = GROUPINGS[0],
) -> list[int]:
    """The numbers of the paper's figures with that family, experiment and set of scopes in one of `views`.

    Empty for another method or grouping than the paper's. method: as in the tables ("magnitude+int8"), None for all
    that the experiment has. Names are those of paper.yaml.
    """
    theirs = method is None or method in contents()["experiments"][experiment]["methods"]
    return [
        entry["number"]
        for entry in contents()["figures"]
        if theirs and grouping == GROUPINGS[0] and entry["view"] in views
        and (entry["family"], entry["experiment"], entry["scopes"]) == (family, experiment, scopes)
    ]  # fmt: skip


def named(kind: str, numbers: Sequence[int]) -> str:
    """ "Figure 3", "Figures 8 and 11", "Figures 20 to 22"; numbers in rising order, at least one."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"{kind} {first}"
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        return f"{kind}s {first} to {last}"
    return f"{kind}s {', '.join(map(str, numbers[:-1]))} and {last}"


def asked(entry: Entry) -> dict[str, tuple[str, str | None, int | None]]:
    """The variants behind a figure or table of paper.yaml: {slug: (method, scope, level)}, None where there is none."""
    if entry.get("shown") == SHOWN:
        both = [{"experiment": name, "scopes": "main"} for name in ("quantize", "prune_quantize")]
        return {DENSE: (DENSE, None, None), **asked(both[0]), **asked(both[1])}
    experiment = contents()["experiments"][entry["experiment"]]
    scopes, levels = contents()["scopes"][entry["scopes"]], experiment.get("levels", [None])
    return {_slug(*one): one for one in product(experiment["methods"], scopes, levels)}


def _slug(methods: str, scope: str, level: int | None) -> str:
    steps = [(method, scope, level if METHODS[method].levels else None) for method in treatments(methods)]
    return paper_slug(*steps)


def missing(entry: Entry, scores: pd.DataFrame) -> str:
    """Why a run has nothing of a figure or table of the paper, in words; "" if it has some of it.

    scores: the frame of drops.scores.
    """
    family = LABELS[entry["family"]]
    rows = scores[scores["family"] == entry["family"]]
    if rows.empty:
        return f"no {family} model in this run"
    wanted = asked(entry)
    wanted.pop(DENSE, None)
    rows = rows[rows["variant"].isin(list(wanted))]
    if rows.empty:
        return f"no cell of {_words(entry)} on {family} models in this run"
    if rows["accuracy"].isna().all():
        return f"no cell of {_words(entry)} on {family} models has a score"
    if rows["drop_percent"].isna().all() and entry.get("shown") != SHOWN:
        return "no drop to show: the dense model was not asked, or knew nothing"
    return ""


def _words(entry: Entry) -> str:
    if entry.get("shown") == SHOWN:
        return "int8"
    words = contents()["experiments"][entry["experiment"]]["words"]
    return words + " of the parts of attention" * (entry["scopes"] == "attention_parts")


def lacking(entry: Entry, scores: pd.DataFrame) -> str:
    """What the paper asked and a run did not, in words: "not run: feed-forward, 10%, 30%"; "" if all is there."""
    there = set(scores[scores["family"] == entry["family"]]["variant"])
    wanted = asked(entry)
    absent = {slug: what for slug, what in wanted.items() if slug not in there}
    parts: list[str] = []
    say: list[Callable[[Any], str | None]] = [name_of, LABELS.get, "{}%".format]  # method, scope, level
    for place, words in enumerate(say):
        present = {what[place] for slug, what in wanted.items() if slug in there}
        gone = list(dict.fromkeys(what[place] for what in absent.values() if what[place] not in present))
        parts += [str(words(value) or value) for value in gone if value is not None]
        absent = {slug: what for slug, what in absent.items() if what[place] not in gone}
    parts += absent
    return f"not run: {', '.join(parts)}" if parts else ""


def title(entry: Entry) -> str:
    """What a figure or table of paper.yaml shows, in words: "int8, averaged over benchmarks: encoder models"."""
    family = f": {LABELS[entry['family']]} models" if "family" in entry else ""
    if "title" in entry:
        return entry["title"] + family
    views = {"mean": "averaged over benchmarks", "by_model": "model by model", "by_benchmark": "benchmark by benchmark"}
    return f"{_words(entry).capitalize()}, {views[entry['view']]}{family}"
