"""The answer: what compression cost in this run, in a few sentences."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from knowcost.aggregate import rule, tables
from knowcost.aggregate.drops import KEEP, nearest_level
from knowcost.common import paths
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.compress.registry import name_of
from knowcost.report.table import number, whole
from knowcost.spec.families import LABELS
from knowcost.spec.levels import percent_words
from knowcost.spec.variants import BROUGHT, GROUPINGS, parse, treatments

LAYERS = {"feed_forward": "feed-forward layers"}  # the words of sentences where they differ from LABELS
FORMS = {  # a variant in words, by its experiment
    "prune": "{scope} pruned by {level}",
    "quantize": "{scope} in {method}",
    "prune_quantize": "{scope} pruned by {level}, then in {method}",
    "final_unstructured": "{scope} pruned by {level}",
    "final_structured": "{level} of the {scope}'s rows removed",
}


def answer(tables_dir: str | Path) -> list[str]:
    """The answer in a few sentences, from a folder of tables."""
    return answer_lines(tables.read(tables_dir))


def answer_lines(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What compression cost in this run, as a list of sentences; tables: {name: frame} of tables.read."""
    drops = _one_grouping(tables["drops"])
    about = [*_about_pruning(drops), *_about_int8(drops), *_about_final(drops), *_about_size(drops)]
    lines = [line for line in about if line]
    if not lines:
        lines = ["Only dense models were asked so far: there is nothing to compare yet."]
    scores = tables["scores"][tables["scores"]["experiment"] == "dense"]
    means = scores.groupby(["family", "model"], sort=False)["accuracy"].mean().groupby("family", sort=False).mean()
    known = _each({str(family): f"{number(100 * mean)}%" for family, mean in means.items()}, "by")
    return [*lines, f"Uncompressed, facts answered right: {known}."] if len(means) else lines


def _one_grouping(drops: pd.DataFrame) -> pd.DataFrame:
    """Of the same variant under several groupings the first, which is the paper's."""
    slugs = [parse(slug).in_grouping(GROUPINGS[0]).slug for slug in drops["variant"]]
    return drops[~drops.assign(slug=slugs).duplicated(["family", "slug"])]


def _about_pruning(drops: pd.DataFrame) -> Iterator[str | None]:
    rows = drops[drops["experiment"] == "prune"]
    methods = list(rows["method"].unique())
    rows = rows[rows["method"] == ("magnitude" if "magnitude" in methods else "".join(methods[:1]))]
    level = nearest_level(rows["level"])
    at = rows[(rows["level"] == level) & rows["drop_points"].notna()]
    yield _sentence({f"Pruning everything by {percent_words(level)}": at[at["scope"] == "overall"]})
    yield _halves(at[at["scope"].isin(["attention", "feed_forward"])])
    kept = rows[(rows["scope"] == "overall") & (rows["drop_percent"] <= 100 - KEEP)]
    most = kept.groupby("family", sort=False)["level"].max()
    if len(most):
        parts = _each({str(family): percent_words(value) for family, value in most.items()}, "for")
        yield f"Highest sparsity of everything that costs at most {100 - KEEP}% of the accuracy: {parts}."


def _halves(rows: pd.DataFrame) -> str | None:
    """Which half of the network suffers more, family by family; None unless both were pruned."""
    real = rows[rows["decision"].isin([rule.COSTS, rule.SMALL]).groupby(rows["family"]).transform("max")]
    both = real.pivot(index="family", columns="scope", values="drop_points").reindex(real["family"].unique())
    if not {"attention", "feed_forward"} <= set(both.columns):
        return None
    both, clauses = both.dropna(subset=["attention", "feed_forward"]), []
    for worse, better in (("attention", "feed_forward"), ("feed_forward", "attention")):
        some = both[both[worse] > both[better]]
        if len(some):
            words = {
                str(family): f"{number(row[worse])} against {number(row[better])} points"
                for family, row in some.iterrows()
            }
            cost = {"attention": "costs", "feed_forward": "cost"}[worse]
            clauses.append(f"{_scope(worse)} {cost} more than {_scope(better)}: {_each(words, 'on')}")
    return f"At that sparsity {'; '.join(clauses)}." if clauses else None


def _about_int8(drops: pd.DataFrame) -> Iterator[str | None]:
    rows = drops[(drops["experiment"] == "quantize") & (drops["method"] == "int8")]
    names = {"attention": "in attention", "feed_forward": "in feed-forward layers", "overall": "everywhere"}
    asked = set(rows["scope"][rows["drop_points"].notna()])
    there = [scope for scope in names if scope in asked]
    subjects = ["Int8 " * (place == 0) + names[scope] for place, scope in enumerate(there)]
    yield _sentence({words: rows[rows["scope"] == scope] for words, scope in zip(subjects, there, strict=True)})


def _about_final(drops: pd.DataFrame) -> Iterator[str | None]:
    rows = drops[drops["experiment"].isin(["final_unstructured", "final_structured"])]
    level = nearest_level(rows["level"])
    single, whole = (
        rows[(rows["level"] == level) & (rows["experiment"] == name)]
        for name in ("final_unstructured", "final_structured")
    )
    removing, both = f"Removing {percent_words(level)} of the final layer's", single["drop_points"].notna().any()
    yield _sentence({f"{removing} single weights": single, "of its rows" if both else f"{removing} rows": whole})


def _about_size(drops: pd.DataFrame) -> Iterator[str]:
    parts = {}
    for family, rows in drops.groupby("family", sort=False):
        fit = rows[(rows["kept_percent"] >= KEEP) & (rows["bytes_saved_percent"] > 0)]
        if len(fit):
            best = fit.iloc[int(fit["bytes_saved_percent"].argmax())]
            parts[str(family)] = f"{_words(best.to_dict())} ({whole(best['bytes_saved_percent'])}% fewer bytes)"
    if parts:
        yield f"Smallest variant that still knows {KEEP}% of what the dense model knew: {_each(parts, 'for')}."


def _words(row: Mapping[Any, Any]) -> str:
    """A variant in words, from its row of the drops table; longer recipes keep their slug."""
    form = FORMS.get(row["experiment"])
    if row["experiment"] == BROUGHT:
        return name_of(row["method"])
    if form is None:
        return str(row["variant"])
    return form.format(
        scope=_scope(row["scope"]), level=percent_words(row["level"]), method=treatments(row["method"])[-1]
    )


def _scope(name: str) -> str:
    return LAYERS.get(name) or LABELS[name]


def _sentence(subjects: Mapping[str, pd.DataFrame]) -> str | None:
    """One sentence from {subject: rows of the drops table, one per family}; None if no subject has rows."""
    clauses: list[str] = []
    unit, named = " points of accuracy", None
    for subject, rows in subjects.items():
        costs = {}
        for row in rows[rows["drop_points"].notna()].to_dict("records"):
            costs[row["family"]] = "nothing measurable"
            if row["decision"] in (rule.COSTS, rule.SMALL) and row["drop_points"] > 0:
                costs[row["family"]] = f"{number(row['drop_points'])}{unit}"
                unit = ""
        if costs:
            words = costs[named] if list(costs) == [named] else _each(costs, "on")
            clauses.append(f"{subject}{'' if clauses else ' costs'} {words}")
            named = next(iter(costs)) if len(costs) == 1 else None
    return "; ".join(clauses) + "." if clauses else None


def _each(words: Mapping[str, str], joint: str) -> str:
    """{family: words} as a list: "a on encoder, b on encoder-decoder and c on decoder models", equal words once."""
    if len(words) > 1 and len(set(words.values())) == 1:
        (text,) = set(words.values())
        return f"{text} in {'any' if text.startswith('nothing') else 'every'} family"
    groups: dict[str, list[str]] = {}
    for family, text in words.items():
        groups.setdefault(text, []).append(LABELS[family])
    parts = [f"{text} {joint} {' and '.join(families)}" for text, families in groups.items()]
    last = ", " if any(len(families) > 1 for families in groups.values()) else " and "
    return last.join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:]) + " models"


def main() -> None:
    """Print the answer of the last run in the current folder."""
    if not any(Path(paths.TABLES).glob("*.parquet")):
        raise InputError(f"{paths.TABLES}: no tables in this folder; run `snakemake` or `make demo` here first")
    print(visible("\n".join(f"- {line}" for line in answer(paths.TABLES))))
    print(f"The whole study: {paths.REPORT}")
