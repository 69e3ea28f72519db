"""The aggregate stage: from per-fact rows to the tables of a run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import pandas as pd

from knowcost.aggregate import (
    affordable,
    answer_bias,
    answers,
    audit,
    by_task,
    capacity,
    comparisons,
    drawn,
    drops,
    examples,
    forgotten,
    front,
    gather,
    halves,
    inputs,
    judged,
    judged_claims,
    judgement_rows,
    judges,
    matching,
    names,
    noise,
    paper_tables,
    phrasings,
    probabilities,
    recovered,
    relearned,
    returned,
    similarity,
    smaller,
    statistics,
    tables,
    training,
    verdicts,
    windows,
    written,
)
from knowcost.benchmarks.kinds import ACCURACY, KINDS, PERPLEXITY, SIMILARITY, WRITING
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.papers.claim import JUDGED
from knowcost.papers.cost_of_compression import claims
from knowcost.papers.forget_knowledge import claims as claims_forget
from knowcost.papers.llm_kick import claims as claims_kick
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import AS_PUBLISHED, GROUPINGS

log = logging.getLogger(__name__)

CLAIMS = (*claims.CLAIMS, *claims_kick.CLAIMS, *claims_forget.CLAIMS)

Frames = dict[str, pd.DataFrame]  # tables by name


@dataclass(frozen=True)
class Settings:
    """What a study says of its tables. tolerance: of matching.table; margin: of rule.decide, in points; domains:
    {benchmark: domain} of those that have one; experiments: of tables.with_experiments; series: {model: series} of
    those that have one; budget: of affordable.affordable."""

    tolerance: float
    margin: float
    domains: Mapping[str, str] = field(default_factory=dict)
    experiments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    budget: affordable.Budget = field(default_factory=affordable.Budget)


def aggregate(
    cells: Sequence[str | Path],
    manifests: Sequence[str | Path],
    benchmarks: Sequence[str | Path],
    out_dir: str | Path,
    settings: Settings,
    judgements: Sequence[str | Path] = (),
) -> list[str]:
    """Write every table of a run (names.TABLES) into `out_dir`, as Parquet and CSV, seal it, and return their names.

    cells: paths of scores files; manifests: paths of manifest.json; benchmarks: paths of benchmark files; judgements:
    paths of what judges say of cells. Models and benchmarks keep their order. Raises InputError when there is nothing
    to tabulate, when files are damaged or do not belong together (inputs.read, judgement_rows.read), or when a variant
    was asked other facts than the dense model, or with other prompts.
    """
    if not cells:
        raise InputError("aggregate: no cells. Name at least one model, variant and benchmark in the configuration.")
    files, read = inputs.read(cells, manifests, benchmarks)
    said, of_said = judgement_rows.read(judgements, files)
    measured = _by_measure(read)
    texts = [gather.text(cell) for cell in measured[PERPLEXITY]]
    layers = [gather.text(cell) for cell in measured[SIMILARITY]]
    everything = gather.asked(measured[ACCURACY], files, settings.margin)
    groups = [replace(group, domain=settings.domains.get(group.benchmark, "")) for group in everything.groups]
    asked, controls = gather.apart(replace(everything, groups=groups))
    scores, never = drops.scores(asked.rows), drops.scores(controls.rows)
    perplexity = by_task.perplexity(texts)
    near = similarity.similarity(layers)
    wrote = answers.gather(measured[WRITING], files)
    about = written.asked(wrote)
    made = {"scores": scores, "controls": never, "perplexity": perplexity, "similarity": near}
    made["written"] = written.written(wrote, settings.margin)
    made["examples"] = examples.examples(measured[WRITING], files.benchmarks, made["written"])
    made["how_asked"] = tables.how_asked([*everything.rows, *texts, *layers, *about])
    seconds = affordable.seconds_per_1000_tokens(measured[WRITING])
    made |= _averages(scores, asked, seconds, settings) | _per_fact(asked, files, settings)
    made["front"] = front.front(asked.groups, scores, _parameters(files), settings.series)
    compared = windows.of_cells(texts, layers, answers.compared(wrote))
    compared[JUDGED] = judged_claims.of_judgements(said)
    made |= _claims(asked, compared, settings, files)
    made |= {"judged": judged.judged(said, settings.margin), "judges": judges.judges(said)}
    made |= _recovered(everything.groups, settings.margin)
    made["training"] = training.training(files.trainings, files.models)
    counted = pd.concat([scores, never, perplexity, near, pd.DataFrame(about)])
    made |= _papers(scores, files) | _benchmarks(counted, files, drawn.facts_to_see(everything.groups))
    if set(made) != set(names.TABLES):
        raise BrokenPromise(f"tables made and names.TABLES differ: {sorted(set(made) ^ set(names.TABLES))}")
    tables.clear(out_dir)
    for name, frame in made.items():
        tables.write(tables.with_experiments(frame, settings.experiments), out_dir, name)
    tables.finish(out_dir, files.digests | of_said)
    log.info("%d tables from %d cells", len(made), len(cells))
    return list(made)


def _by_measure(cells: Sequence[inputs.Cell]) -> dict[str, list[inputs.Cell]]:
    """{measure: its cells}. Raises BrokenPromise for a measure of which no table is made."""
    found: dict[str, list[inputs.Cell]] = {ACCURACY: [], PERPLEXITY: [], SIMILARITY: [], WRITING: []}
    for cell in cells:
        measure = KINDS[cell.kind].measure
        if measure not in found:
            raise BrokenPromise(f"{cell.path}: measures {measure}, of which aggregate makes no table")
        found[measure].append(cell)
    return found


def _averages(
    scores: pd.DataFrame, asked: gather.Asked, seconds: Mapping[tuple[str, str], float], settings: Settings
) -> Frames:
    """What compression costs on average; the audit's cells are in no average. seconds: of affordable.affordable."""
    corrected, telling = _corrected(scores), returned.telling(asked.groups)
    by_model = drops.drops_by_model(corrected, asked.groups, settings.margin)
    return {
        "drops_by_model": by_model,
        "drops": drops.drops(by_model, asked.groups, settings.margin),
        "affordable": affordable.affordable(by_model, corrected, seconds, settings.budget, telling),
        "cheapest": drops.cheapest(by_model, telling),
        "domains": by_task.domains(corrected, asked.groups, settings.domains, settings.margin),
    }


def _per_fact(asked: gather.Asked, files: inputs.Files, settings: Settings) -> Frames:
    """What takes the facts themselves, not their mean."""
    removed = comparisons.removed(files.manifests)
    borders, levels = matching.table(asked.groups, settings.tolerance)
    return {
        "capacity": capacity.capacity(asked.groups, _parameters(files)),
        "disciplines": by_task.disciplines(asked.groups, settings.margin),
        "matching": borders,
        "matching_levels": levels,
        "facts": statistics.facts(asked.groups, settings.margin),
        "noise": noise.table(asked.noises),
        "probabilities": probabilities.table(asked.probable),
        "forgotten_by": forgotten.forgotten_by(asked.groups),
        "forgotten_first": forgotten.first(asked.groups, settings.margin),
        "overlap": forgotten.overlap(asked.groups),
        "halves": halves.halves(asked.groups, settings.margin, removed),
        "answer_bias": answer_bias.frame(asked.answers),
        "phrasings": phrasings.frame(asked.phrased),
    }


def _parameters(files: inputs.Files) -> dict[tuple[str, str], int]:
    """{(model, variant): how many parameters it has, zeros among them}."""
    return {place: manifest["parameters"]["total"] for place, manifest in files.manifests.items()}


def _claims(asked: gather.Asked, texts: Mapping[str, pd.DataFrame], settings: Settings, files: inputs.Files) -> Frames:
    """The verdicts on the papers' findings."""
    removed, sizes = comparisons.removed(files.manifests), smaller.Sizes(settings.series, _parameters(files))
    judged, by_level = verdicts.verdicts(asked.groups, CLAIMS, settings.margin, removed, texts, sizes)
    return {"claims": judged, "claims_levels": by_level}


def _recovered(groups: Sequence[statistics.Group], margin: float) -> Frames:
    """What recoveries bring back; facts that no model was told say what chance gives."""
    return {
        "recovered": recovered.recovered(groups, margin),
        "recovered_overlap": recovered.overlap(groups),
        "relearned": relearned.relearned(groups),
    }


def _papers(scores: pd.DataFrame, files: inputs.Files) -> Frames:
    """The tables of the paper and of its audit."""
    made = {
        "parameters": paper_tables.parameters(files.models, list(files.manifests.values())),
        "audit_final": audit.final_layer(scores),
        "audit_published": audit.beside_published(paper_tables.grid(scores)),
    }
    corrected = _corrected(scores)
    for family, grouping in product(FAMILIES, GROUPINGS):
        made[names.int8(family, grouping)] = paper_tables.int8(corrected, family, grouping)
    return made


def _benchmarks(cells: pd.DataFrame, files: inputs.Files, to_see: Mapping[str, float]) -> Frames:
    """The table of benchmarks; cells: those of drops.scores, by_task.perplexity, similarity.similarity and
    written.asked; to_see: of drawn.facts_to_see."""
    limits = pd.to_numeric(cells["limit"]).groupby(cells["benchmark"]).max()
    drawn_of = {
        name: drawn.of(path, limits.get(name)) | {"facts_for_2_points": to_see.get(name)}
        for name, path in files.benchmarks.items()
    }
    examples = {name: paper_tables.example(path) for name, path in files.benchmarks.items()}
    return {"benchmarks": paper_tables.benchmarks(cells, files.about, examples, drawn_of)}


def _corrected(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[scores["experiment"] != AS_PUBLISHED]
