"""Tables of the tasks that ask a model for knowledge: perplexity beside it, averages by domain, MMLU by discipline."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from knowcost.aggregate import tables
from knowcost.aggregate.statistics import Group
from knowcost.benchmarks.disciplines import discipline_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.score import measures
from knowcost.spec.variants import DENSE

WITH_DISCIPLINES = {name for name, kind in KINDS.items() if kind.disciplines}

PERPLEXITY = ["family", "model", *tables.TREATMENT, "benchmark", "n", "tokens", "perplexity", "dense_perplexity",
              "perplexity_times", "word_perplexity", "bits_per_byte", "limit", "dropped"]  # fmt: skip
MEANS = ["accuracy", "dense_accuracy", "drop_points", "drop_percent"]
DOMAINS = ["family", "model", *tables.TREATMENT, "domain", "benchmarks", *MEANS]
DISCIPLINES = ["family", "model", *tables.TREATMENT, "benchmark", "discipline", "subject", "n", *MEANS]


def perplexity(cells: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row per cell of a text benchmark, in the order of the other tables.

    cells: what tables.how_asked takes, with family, variant, rows (frame of the scores file), limit and dropped. n:
    windows; perplexity_times: so many times the dense model's.
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
    frame["perplexity_times"] = frame["perplexity"] / frame["dense_perplexity"]
    return tables.ordered(frame[PERPLEXITY])


def domains(scores: pd.DataFrame, domain_of: Mapping[str, str]) -> pd.DataFrame:
    """Per model and variant the mean accuracy over the benchmarks of a domain, and over all that have one (tables.ALL).

    As the paper "Do Compressed LLMs Forget Knowledge?" averages its Table 1: over tasks, which count alike. scores:
    frame of drops.scores; domain_of: {benchmark: domain}, others are left out. A mean over only some of a model's
    benchmarks of a domain is left empty. drop_percent is relative to the mean dense accuracy.
    """
    cells = scores.assign(domain=scores["benchmark"].map(domain_of)).dropna(subset=["domain"])
    cells = pd.concat([cells, cells.assign(domain=tables.ALL)])
    rows = []
    for (_, domain), of_domain in cells.groupby(["model", "domain"], sort=False):
        expected = of_domain["benchmark"].nunique()
        for _, each in of_domain.groupby("variant", sort=False):
            means = dict(each[["accuracy", "dense_accuracy"]].mean()) if len(each) == expected else {}
            about = dict(each.iloc[0][["family", "model", *tables.TREATMENT]])
            rows.append({**about, "domain": domain, "benchmarks": len(each), **means})
    return tables.ordered(_with_drops(pd.DataFrame(rows, columns=DOMAINS)))


def disciplines(groups: Iterable[Group]) -> pd.DataFrame:
    """MMLU per model and variant: by discipline over its questions (`subject` is empty), then by subject.

    groups: statistics.Group of every model and benchmark; those of a kind with disciplines are taken. A subject that no
    discipline lists has rows of its own only.
    """
    made = [pd.DataFrame(columns=DISCIPLINES)]
    for group in groups:
        if group.kind in WITH_DISCIPLINES and group.right:
            subject = group.facts["relation"].reset_index(drop=True)
            discipline = subject.map(discipline_of())
            made += _parts(group, discipline.rename("discipline"), pd.Series("", subject.index, name="subject"))
            made += _parts(group, discipline.fillna("").rename("discipline"), subject.rename("subject"))
    frame = pd.concat([each for each in made if len(each)] or made, ignore_index=True)
    return tables.ordered(_with_drops(frame)[DISCIPLINES])


def _parts(group: Group, *by: pd.Series) -> Iterator[pd.DataFrame]:
    """A frame per variant with a row per part; `by` says which part every fact is in, if any."""
    found = pd.DataFrame(group.right).astype(float).groupby(list(by))
    means, sizes = found.mean(), found.size()
    about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
    for slug in group.right:
        rows = {"n": sizes, "accuracy": means[slug], "dense_accuracy": means.get(DENSE)}
        yield pd.DataFrame(rows).reset_index().assign(**about, **tables.describe(slug))


def _with_drops(frame: pd.DataFrame) -> pd.DataFrame:
    accuracy, dense = (pd.to_numeric(frame[name]) for name in ("accuracy", "dense_accuracy"))
    drop = (100 * (dense - accuracy)).where(frame["variant"] != DENSE)
    return frame.assign(drop_points=drop, drop_percent=(drop / dense).where(dense > 0))
