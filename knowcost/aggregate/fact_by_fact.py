"""What the dense model and a variant answered, fact by fact, with the question beside both answers.

Read from the files of a run alone (scores, manifests, prepared benchmarks), so it works in any folder that holds them:

    from knowcost.aggregate.fact_by_fact import FORGOTTEN, facts

    found = facts("smollm2", "magnitude-50@overall")
    found[found["verdict"] == FORGOTTEN][["question", "answer", "dense_prediction", "prediction"]]
"""

from pathlib import Path

import numpy as np
import pandas as pd

from knowcost.aggregate import probabilities
from knowcost.benchmarks import prepared
from knowcost.benchmarks.formats import is_published
from knowcost.benchmarks.kinds import ACCURACY, KINDS, NEVER
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage
from knowcost.score import cells
from knowcost.spec.variants import DENSE

KEPT, FORGOTTEN, GAINED, NEVER_KNOWN = VERDICTS = ("kept", "forgotten", "gained", "never known")
COLUMNS = ["benchmark", "id", "fact", "relation", "question", "answer", "dense_prediction", "prediction",
           "dense_correct", "correct", "verdict", "dense_rank", "rank", "dense_probability", "probability"]  # fmt: skip
# of a scores file, that `said` reads
SAID = ["prediction", "correct", "rank", "logprob", "choice_logprobs", "top_logprob"]


def facts(model: str, variant: str, benchmark: str | None = None, folder: str | Path = ".") -> pd.DataFrame:
    """One row per fact (of a cloze as published, per mask) that both were asked, in the benchmark's order: COLUMNS.

    benchmark: None for all that `benchmarks` gives no reason against. folder: of the run. question: the column that is
    shown of the benchmark's kind (Kind.shown). prediction: missing where only its being wrong is known (of answers that
    a model goes on with or does not). rank: of clozes, nan for others; probability: of the right answer, nan where the
    engine gives none. Raises InputError with the names that there are for a model, variant or benchmark that was not
    asked, for a benchmark that asks for no facts, and for files that are damaged or not of one another.
    """
    reasons = benchmarks(model, variant, folder)
    if benchmark is None:
        names = [name for name, reason in reasons.items() if not reason]
        if not names:
            why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise InputError(f"{model} {variant}: no benchmark that lists facts ({why})")
    elif benchmark not in reasons:
        raise InputError(f"{model} {variant}: was not asked benchmark {benchmark!r}; there are: {', '.join(reasons)}")
    else:
        names = [benchmark]
    return pd.concat([_of_benchmark(model, variant, name, Path(folder)) for name in names], ignore_index=True)


def benchmarks(model: str, variant: str, folder: str | Path = ".") -> dict[str, str]:
    """{benchmark: why it is left out unless it is named, else ""} of those that a variant and the dense model were both
    asked, by name. Raises InputError with the names that there are for a model or variant that was not asked."""
    folder = Path(folder)
    asked = _asked(folder)
    if not asked:
        raise InputError(f"{folder / 'results'}: no model was asked here yet; run `snakemake` or `make demo`")
    if model not in asked:
        raise InputError(f"no model {model!r} was asked in this folder; there are: {', '.join(asked)}")
    if variant not in asked[model]:
        raise InputError(f"{model}: variant {variant!r} was not asked; there are: {', '.join(asked[model])}")
    if DENSE not in asked[model]:
        raise InputError(
            f"{model}: the dense model was not asked yet, so nothing can be held against it; run Snakemake"
        )
    both = [name for name in asked[model][variant] if name in asked[model][DENSE]]
    if not both:
        raise InputError(f"{model}: the dense model was not asked what {variant} was; run Snakemake to its end")
    return {name: why_left_out(folder / paths.benchmark(name), name) for name in both}


def said(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What rows (SAID) say as it is listed: prediction, None where only its being wrong is known; rank, nan where there
    is none; probability of the right answer, nan where the engine gives none."""
    found = probabilities.said(rows)
    return {"prediction": found.prediction, "probability": found.right, "rank": rows["rank"].to_numpy(float)}


def _asked(folder: Path) -> dict[str, dict[str, list[str]]]:
    """{model: {variant: its benchmarks}} of the scores files in a folder, the dense model first."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted(folder.glob(paths.scores("*", "*", "[!.]*"))):
        model, variant, benchmark = paths.cell_at(path)
        found.setdefault(model, {}).setdefault(variant, []).append(benchmark)
    return {model: dict(sorted(each.items(), key=lambda item: item[0] != DENSE)) for model, each in found.items()}


def why_left_out(path: Path, name: str) -> str:
    """Why a benchmark, a prepared file, is left out of a list of facts; "" where it is not."""
    about = prepared.metadata(path)
    if (measure := KINDS[about["kind"]].measure) != ACCURACY:
        return f"asks for no facts, but for {measure}"
    if is_published(name):
        return "the same facts, read and counted as published"
    told = prepared.read(path)[0].column("stated_in").unique().to_pylist()
    return "facts that no model was ever told" if told == [NEVER] else ""


def _of_benchmark(model: str, variant: str, benchmark: str, folder: Path) -> pd.DataFrame:
    path = folder / paths.benchmark(benchmark)
    table, about = prepared.read(path)
    kind = KINDS[about["kind"]]
    if kind.measure != ACCURACY:
        raise InputError(f"{benchmark}: asks for no facts, but for {kind.measure}, so there is none to list")
    asked = table.select(["id", "fact", kind.shown]).to_pandas().rename(columns={kind.shown: "question"})
    own, dense = (_cell(folder, (model, slug, benchmark)) for slug in (variant, DENSE))
    before = dense[["id", "prediction", "correct", "rank", "probability"]]
    before = before.rename(columns={name: f"dense_{name}" for name in before.columns[1:]})
    both = own.merge(before, on="id")
    known = set(asked["id"])  # further masks of a published cloze are #2, #3 of a fact
    facts_of = [name if name in known else name.rpartition("#")[0] for name in both["id"]]
    found = both.assign(of=facts_of).merge(asked.rename(columns={"id": "of"}), on="of")
    right, was = found["correct"].to_numpy(bool), found["dense_correct"].to_numpy(bool)
    verdicts = np.select([right & was, was, right], [KEPT, FORGOTTEN, GAINED], NEVER_KNOWN)
    return found.assign(benchmark=benchmark, verdict=verdicts)[COLUMNS]


def _cell(folder: Path, place: tuple[str, str, str]) -> pd.DataFrame:
    """The rows of a cell, with the probability of the right answer. Raises InputError where it was asked of other
    weights, or another benchmark, than lie here now."""
    path, manifest = folder / paths.scores(*place), folder / paths.manifest(*place[:2])
    table, about = cells.read(path)
    cells.check_place(path, about)
    weights = cells.weights_of(storage.read_manifest(manifest, place[:2]))
    facts_there = seal.check(folder / paths.benchmark(place[2]))
    cells.check_asked(path, about, {"weights": weights, "benchmark_sha256": facts_there})
    rows = table.to_pandas()
    return rows.assign(**said(rows))[["id", "relation", "answer", "prediction", "correct", "rank", "probability"]]
