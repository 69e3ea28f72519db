"""Of whom the answer speaks, and of whom it cannot: models, or families of many models, and what they were asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from knowcost.aggregate.rule import NOTHING, UNSURE
from knowcost.report.saying import listed
from knowcost.report.table import whole
from knowcost.spec.families import FAMILIES, LABELS
from knowcost.spec.variants import AS_PUBLISHED, DENSE, GROUPINGS, RECOVER, parse

WORST = {  # of the worst benchmark's cell: what its columns are called in the table of facts, and here
    "benchmark": "worst_benchmark", "drop_low": "worst_low", "drop_high": "worst_high", "decision": "worst_decision",
    "holm_p": "worst_p",
}  # fmt: skip
FEW = 3  # models of a family that are spoken of one by one


@dataclass(frozen=True)
class Subject:
    """Whom a sentence speaks of. name: as in "on a" or "on encoder models"; family, and model, "" of a whole family;
    rows: of drops_by_model, or of drops; benchmarks: what was asked."""

    name: str
    family: str
    model: str
    rows: pd.DataFrame
    benchmarks: frozenset[str]


def models(data: Mapping[str, pd.DataFrame]) -> dict[str, Subject]:
    """{name: subject} of the models of which something can be said; rows have the interval of the worst benchmark."""
    by_model = _compressed(_with_worst(data["drops_by_model"], data["facts"]))
    asked = _asked(data["scores"])
    return {
        str(model): Subject(str(model), str(family), str(model), rows, asked[str(model)])
        for (family, model), rows in by_model.groupby(["family", "model"], sort=False)
        if rows["drop_points"].notna().any()
    }


def groups(data: Mapping[str, pd.DataFrame]) -> list[list[Subject]]:
    """Subjects by what they were asked: only those of one list were asked the same, and compare. A family of more than
    FEW models that all have an answer, on the same benchmarks, is one subject."""
    answered, drops = models(data), _compressed(data["drops"])
    family_of = dict(zip(data["scores"]["model"], data["scores"]["family"], strict=True))
    found: dict[frozenset[str], list[Subject]] = {}
    for family in FAMILIES:
        names = [model for model, of in family_of.items() if of == family]
        there = [answered[name] for name in names if name in answered]
        alike = len({subject.benchmarks for subject in there}) == 1
        if len(names) > FEW and len(there) == len(names) and alike:
            rows = drops[drops["family"] == family]
            there = [Subject(f"{LABELS[family]} models", family, "", rows, there[0].benchmarks)]
        for subject in there:
            found.setdefault(subject.benchmarks, []).append(subject)
    return list(found.values())


def differ(groups: list[list[Subject]]) -> Iterator[str]:
    """A sentence where not all were asked the same."""
    if len(groups) > 1:
        asked = [
            f"{listed([subject.name for subject in group])} about {listed(sorted(group[0].benchmarks))}"
            for group in groups
        ]
        yield f"Not all were asked the same, so their losses do not compare: {listed(asked, '; ')}."


def unanswered(data: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """A sentence for each reason why nothing can be said of some models."""
    answered, scores = models(data), data["scores"]
    reasons: dict[str, list[str]] = {}
    for (family, model), cells in scores.groupby(["family", "model"], sort=False):
        if model not in answered:
            rows = data["drops_by_model"][data["drops_by_model"]["model"] == model]
            reasons.setdefault(_reason(cells, rows), []).append(f"{model} ({LABELS[str(family)]})")
    for reason, names in reasons.items():
        yield f"Nothing can be said of {listed(names)}: {reason}."


def _reason(cells: pd.DataFrame, rows: pd.DataFrame) -> str:
    if not (cells["experiment"] != DENSE).any():
        return "only uncompressed so far"
    if set(cells["experiment"]) <= {DENSE, RECOVER}:
        return "only uncompressed and recovered so far, never compressed alone, so no loss is seen"
    if cells["dense_accuracy"].isna().all():
        return "the uncompressed model was not asked, so there is nothing to compare with"
    if NOTHING in set(rows["decision"]):
        names = listed(list(dict.fromkeys(cells["benchmark"])))
        return f"uncompressed it is not shown to know anything beyond guessing ({names}), so there is nothing to lose"
    if UNSURE in set(rows["decision"]):
        return "the facts that it was asked all belong together, so no loss has an interval"
    return "each of its variants misses benchmarks that its family was asked"


def guessing(data: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """A sentence on models that know something on a part of their benchmarks only."""
    words = []
    for name, subject in models(data).items():
        whole_rows = subject.rows[subject.rows["drop_points"].notna()]
        pairs, knowing = whole_rows[["pairs", "knowing"]].max()
        if knowing < pairs:
            words.append(f"{name} on {whole(pairs - knowing)} of its {whole(pairs)} benchmarks")
    if words:
        yield f"Not shown to know anything beyond guessing, so in no mean: {listed(words)}."


def accuracies(scores: pd.DataFrame) -> dict[str, float]:
    """{model: percent of facts answered right uncompressed, mean over benchmarks}."""
    dense = scores[scores["experiment"] == DENSE]
    return {str(model): 100 * mean for model, mean in dense.groupby("model", sort=False)["accuracy"].mean().items()}


def small(data: Mapping[str, pd.DataFrame], fewest: float) -> Iterator[str]:
    """A sentence on the benchmarks of which a model that has an answer knows too few facts to bear much."""
    cells = data["scores"][data["scores"]["experiment"] == DENSE]
    cells = cells[~cells["benchmark"].isin(_together(data))]
    known = cells.assign(known=(cells["n"] * cells["accuracy"]).round())
    few = known[(known["known"] < fewest) & known["model"].isin(models(data))]
    if len(few):
        words = [f"{row['benchmark']} ({whole(row['known'])} by {row['model']})" for row in few.to_dict("records")]
        yield (
            f"Fewer than {whole(fewest)} facts known uncompressed, so of little weight in the means and told by hardly "
            f"any difference: {listed(words)}."
        )


def together(data: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """A sentence on benchmarks of which nothing has an interval."""
    if names := _together(data):
        yield f"In no mean, since all of its facts belong together: {listed(names)}."


def _together(data: Mapping[str, pd.DataFrame]) -> list[str]:
    """The benchmarks of one cluster that models with an answer were asked."""
    facts = data["facts"]
    return list(dict.fromkeys(facts[(facts["clusters"] == 1) & facts["model"].isin(models(data))]["benchmark"]))


def _asked(scores: pd.DataFrame) -> dict[str, frozenset[str]]:
    own = scores[~scores["experiment"].isin([DENSE, AS_PUBLISHED])]
    return {str(model): frozenset(rows["benchmark"]) for model, rows in own.groupby("model", sort=False)}


def _with_worst(by_model: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """drops_by_model with what the table of facts says of the loss on the worst benchmark."""
    cells = facts[["model", "variant", *WORST]].rename(columns=WORST)
    return by_model.merge(cells, "left", ["model", "variant", WORST["benchmark"]])


def _compressed(rows: pd.DataFrame) -> pd.DataFrame:
    """What was compressed and no more: recoveries have sentences of their own (recovered.py). Of the same variant under
    several groupings the first, which is the paper's."""
    rows = rows[rows["experiment"] != RECOVER]
    slugs = [parse(slug).in_grouping(GROUPINGS[0]).slug for slug in rows["variant"]]
    who = ["family", *(["model"] if "model" in rows else []), "slug"]
    return rows[~rows.assign(slug=slugs).duplicated(who)]
