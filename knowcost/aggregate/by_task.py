"""Tables of the tasks that ask a model for knowledge: perplexity beside it, averages by domain, MMLU by discipline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import losses, rule, tables, yardsticks
from knowcost.aggregate.clustered import Estimates, estimate
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.disciplines import discipline_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.score import measures
from knowcost.spec.variants import DENSE

WITH_DISCIPLINES = {name for name, kind in KINDS.items() if kind.disciplines}

PERPLEXITY = ["family", "model", *tables.TREATMENT, "benchmark", "n", "tokens", "perplexity", "dense_perplexity",
              "perplexity_times", "word_perplexity", "bits_per_byte", "limit", "dropped"]  # fmt: skip
COSTS = ["drop_low", "drop_high", "decision", "needed", "leads", "lead_lost_percent", "lead_lost_low",
         "lead_lost_high"]  # fmt: skip
MEANS = ["accuracy", "dense_accuracy", "drop_points", "drop_percent", *COSTS]
DOMAINS = ["family", "model", *tables.TREATMENT, "domain", "benchmarks", *MEANS]
DISCIPLINES = ["family", "model", *tables.TREATMENT, "benchmark", "discipline", "subject", "n", *MEANS]


def perplexity(cells: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row per cell of a text benchmark, in the order of the other tables.

    cells: what tables.how_asked takes, with family, variant, rows (frame of the scores file), limit and dropped. n:
    windows; perplexity_times: so many times the dense model's, left empty where other tokens were scored than of that,
    as where virtual tokens need a part of the window.
    """
    made = []
    for cell in cells:
        rows = cell["rows"]
        logprobs = rows["logprob"]
        measured = {
            "n": len(rows),
            "tokens": rows["tokens"].sum(),
            "perplexity": measures.perplexity(logprobs, rows["tokens"]),
            "word_perplexity": measures.perplexity(logprobs, rows["words"]),
            "bits_per_byte": measures.bits_per_byte(logprobs, rows["bytes"]),
        }
        made.append({**cell, **tables.describe(cell["variant"]), **measured})
    frame = pd.DataFrame(made, columns=PERPLEXITY)
    dense = frame[frame["variant"] == DENSE].set_index(["model", "benchmark"])["perplexity"]
    pairs = pd.MultiIndex.from_frame(frame[["model", "benchmark"]])
    frame["dense_perplexity"] = dense.reindex(pairs).to_numpy()
    times = frame["perplexity"] / frame["dense_perplexity"]
    frame["perplexity_times"] = times.where(~yardsticks.on_other_tokens(frame))
    return tables.ordered(frame[PERPLEXITY])


def domains(scores: pd.DataFrame, groups: Sequence[Group], domain_of: Mapping[str, str], margin: float) -> pd.DataFrame:
    """Per model and variant the mean accuracy over the benchmarks of a domain, and over all that have one (tables.ALL).

    As the paper "Do Compressed LLMs Forget Knowledge?" averages its Table 1: over tasks, which count alike. scores:
    frame of drops.scores; groups: of its models and benchmarks; domain_of: {benchmark: domain}, others are left out;
    margin: of rule.decide. A mean over only some of a model's benchmarks of a domain is left empty. drop_percent is
    relative to the mean dense accuracy; lead_lost over the benchmarks on which the dense model has a lead over the
    baseline (leads: how many), alike too.
    """
    cells = scores.assign(domain=scores["benchmark"].map(domain_of)).dropna(subset=["domain"])
    cells = pd.concat([cells, cells.assign(domain=tables.ALL)])
    rows = []
    for (model, domain), of_domain in cells.groupby(["model", "domain"], sort=False):
        expected = set(of_domain["benchmark"])
        held = [group for group in groups if group.model == model and group.benchmark in expected and group.compared()]
        costs = _costs(held, list(of_domain["variant"].unique()), margin) if len(held) == len(expected) else {}
        for variant, each in of_domain.groupby("variant", sort=False):
            whole = len(each) == len(expected)
            means = dict(each[["accuracy", "dense_accuracy"]].mean()) if whole else {}
            about = dict(each.iloc[0][["family", "model", *tables.TREATMENT]])
            cost = costs.get(str(variant), _nothing(str(variant)))
            rows.append({**about, "domain": domain, "benchmarks": len(each), **means, **cost})
    return tables.ordered(_with_drops(pd.DataFrame(rows, columns=DOMAINS)))


def disciplines(groups: Iterable[Group], margin: float) -> pd.DataFrame:
    """MMLU per model and variant: by discipline over its questions (`subject` is empty), then by subject.

    groups: statistics.Group of every model and benchmark; those of a kind with disciplines are taken. margin: of
    rule.decide. A subject that no discipline lists has rows of its own only.
    """
    rows: list[dict[str, Any]] = []
    for group in groups:
        if group.kind in WITH_DISCIPLINES and group.right:
            subject = group.facts["relation"].reset_index(drop=True)
            discipline = subject.map(discipline_of())
            rows += _parts(group, pd.DataFrame({"discipline": discipline, "subject": ""}), margin)
            rows += _parts(group, pd.DataFrame({"discipline": discipline.fillna(""), "subject": subject}), margin)
    return tables.ordered(_with_drops(pd.DataFrame(rows, columns=DISCIPLINES)))


def _parts(group: Group, by: pd.DataFrame, margin: float) -> Iterator[dict[str, Any]]:
    """A row per variant and part of a benchmark; `by` says which part every fact is in, if any."""
    about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
    for (discipline, subject), each in by.dropna().groupby(["discipline", "subject"]):
        inside = each.index.to_numpy()
        part = replace(
            group,
            facts=group.facts.iloc[inside],
            right={slug: right[inside] for slug, right in group.right.items()},
            probability={},
            changed={},
            # as if what moves by itself fell evenly on the facts
            noise={slug: floor * np.sqrt(len(group.facts) / len(inside)) for slug, floor in group.noise.items()},
        )
        costs = _costs([part], list(group.right), margin) if part.compared() else {}
        for slug, right in part.right.items():
            dense = part.right[DENSE].mean() if DENSE in part.right else None
            row = {"discipline": discipline, "subject": subject, "n": len(inside)}
            row |= {"accuracy": right.mean(), "dense_accuracy": dense}
            yield {**about, **tables.describe(slug), **row, **costs.get(slug, _nothing(slug))}


def _nothing(variant: str) -> dict[str, Any]:
    return {"decision": "" if variant == DENSE else rule.NOT_RUN}


def _costs(groups: Sequence[Group], slugs: Sequence[str], margin: float) -> dict[str, dict[str, Any]]:
    """{variant: COSTS} of the mean over groups of one model, which count alike, for variants that all of them have."""
    slugs = [slug for slug in slugs if all(slug in group.compared() for group in groups)]
    leading = [group for group in groups if group.lead is not None and group.knows]
    if not slugs:
        return {}
    drop = _mean(groups, slugs, losses.DROP)
    found = {"drop_low": drop.low, "drop_high": drop.high, **rule.decided(drop, margin)}
    if leading:
        found |= _mean(leading, slugs, losses.LEAD_LOST).columns("lead_lost_percent", "lead_lost")
    rows = {slug: {name: each[place] for name, each in found.items()} for place, slug in enumerate(slugs)}
    for row in rows.values():
        row |= {"leads": len(leading)}
        if not any(group.knows for group in groups):
            row["decision"] = rule.NOTHING
    return rows


def _mean(groups: Sequence[Group], slugs: Sequence[str], loss: losses.Loss) -> Estimates:
    """What was lost, averaged over groups."""
    return estimate([losses.sample(group, slugs, loss, 1 / len(groups)) for group in groups])


def _with_drops(frame: pd.DataFrame) -> pd.DataFrame:
    accuracy, dense = (pd.to_numeric(frame[name]) for name in ("accuracy", "dense_accuracy"))
    drop = (100 * (dense - accuracy)).where(frame["variant"] != DENSE)
    return frame.assign(drop_points=drop, drop_percent=(drop / dense).where(dense > 0))
