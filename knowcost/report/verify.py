"""Whether what a run made is still what it was: every file that one stage hands to another or to the reader.

Beside the seals (common/seal.py) this holds the files against each other: archives against the models they were made
of, cells against archives and benchmarks, tables against cells, figures against tables.
"""

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from knowcost import world
from knowcost.aggregate import tables
from knowcost.benchmarks import prepared
from knowcost.common import files, parquet, paths, seal
from knowcost.common.errors import InputError, first_line
from knowcost.common.log import Progress
from knowcost.compress.archive import rebuild, storage
from knowcost.compress.calibration import windows
from knowcost.judge import kept as replies
from knowcost.models import fetched
from knowcost.recover import archive as recovered
from knowcost.recover import export, registry
from knowcost.report import page
from knowcost.score import cells, kept
from knowcost.spec.variants import DENSE, parse

log = logging.getLogger(__name__)

Check = tuple[str, Callable[[], object]]  # a path that there may be, and what raises InputError if it is wrong


@dataclass(frozen=True)
class Run:
    """What a study's plan says there is. archives: (model, variant); cells: (model, variant, benchmark), and judged
    those of them that judges speak of; calibrations: names of calibration data."""

    models: Sequence[str]
    benchmarks: Sequence[str]
    calibrations: Sequence[str]
    archives: Sequence[tuple[str, str]]
    cells: Sequence[tuple[str, str, str]]
    judged: Sequence[tuple[str, str, str]] = ()

    @property
    def results(self) -> list[str]:
        """What is there when the study is finished."""
        made = [paths.manifest(*place) for place in self.archives] + [paths.scores(*place) for place in self.cells]
        made += [paths.judgements(*place) for place in self.judged]
        return [*made, paths.TABLES, paths.EXPLORE, paths.FIGURES, paths.REPORT, paths.REPORT_FACTS, paths.STUDY]


def verify(run: Run) -> None:
    """Check all that is there of a run; what is not kept in full is made again. Logs how much was not made yet.

    Goes through all of it, then raises InputError with what is wrong, a line each, and what to do.
    """
    wrong: list[str] = []
    right, progress = 0, Progress(log)
    for path, check in _checks(run):
        if Path(path).exists():
            try:
                check()
                right += 1
            except InputError as error:
                wrong.append(str(error))
            except OSError as error:  # a disk that fails, or no permission: the others can still be looked at
                wrong.append(f"{path}: cannot be read ({first_line(error)}); mend that and run again")
            except (AttributeError, LookupError, TypeError, ValueError) as error:  # sealed by hand: likewise
                what = f"sealed, but not as this version of knowcost writes it ({type(error).__name__}: {error})"
                wrong.append(f"{path}: {what}; delete it and run again")
                log.warning("%s", path, exc_info=True)
            progress.say("%d checked, the last one %s", right + len(wrong), path)
    log.info("%d are what they were when they were made, %d are not", right, len(wrong))
    if absent := [path for path in run.results if not Path(path).exists()]:
        log.info("%d results are not made yet, the first is %s", len(absent), absent[0])
    if wrong:
        raise InputError("\n".join(dict.fromkeys(wrong)))


def _checks(run: Run) -> Iterator[Check]:
    for file in sorted(Path(world.FOLDER).glob("*.jsonl")):
        yield str(file), partial(seal.check, file)
    for folder in sorted(Path(world.MODELS).glob("*")):
        yield str(folder), partial(seal.check_folder, folder)
    for model in run.models:
        yield from _of_model(model, run)
    for name in run.benchmarks:
        yield paths.benchmark(name), partial(prepared.metadata, paths.benchmark(name))
    for name in run.calibrations:
        yield paths.calibration_texts(name), partial(seal.check, paths.calibration_texts(name))
    for model, variant in run.archives:
        yield paths.manifest(model, variant), partial(_archive, model, variant)
        for answers in kept.listed(model, variant):
            path = answers.path(model, variant)
            yield str(path), partial(seal.check, path)
    yield from _exports()
    weights, facts = functools.cache(_weights), functools.cache(seal.check)  # many cells have them in common
    for place in run.cells:
        yield paths.scores(*place), partial(_cell, place, weights, facts)
    for file in sorted(Path(paths.JUDGEMENTS).glob("*/*.json")):
        yield str(file), partial(_reply, file)
    for place in run.judged:
        yield paths.judgements(*place), partial(_judged, place)
    yield paths.TABLES, partial(_tables, run)
    yield paths.EXPLORE, _explore
    yield paths.FIGURES, _figures
    yield paths.REPORT, _report
    yield paths.REPORT_FACTS, _report_facts
    yield paths.STUDY, partial(seal.check, paths.STUDY)


def _of_model(model: str, run: Run) -> Iterator[Check]:
    yield paths.model_source(model), partial(fetched.check, paths.model_dir(model))
    yield paths.revision_lock(model), partial(seal.read_json, paths.revision_lock(model))
    yield paths.thresholds(model), partial(_thresholds, model)
    for name in run.calibrations:
        yield paths.calibration(model, name), partial(_windows, model, name)


def _thresholds(model: str) -> None:
    path = paths.thresholds(model)
    if seal.read_json(path)["base"] != _base(model):
        raise InputError(f"{path} was taken from other weights than {paths.model_dir(model)}; delete it and run again")


def _windows(model: str, name: str) -> None:
    path = paths.calibration(model, name)
    windows.check_model(path, parquet.about(path), fetched.read_source(paths.model_dir(model)))


def _base(model: str) -> dict[str, str]:
    return fetched.digests(fetched.read_source(paths.model_dir(model)))


def _archive(model: str, variant: str) -> None:
    folder, path = Path(paths.archive_dir(model, variant)), paths.manifest(model, variant)
    manifest = storage.verify(folder, of=(model, variant))
    anew = f"delete {path} and run again"
    if recovered.is_recovered(manifest):
        _recovered(manifest, anew)
    if manifest["base"]["files"] != _base(model):
        raise InputError(f"{path} was made from other weights than those in {paths.model_dir(model)}; {anew}")
    if data := manifest.get("calibration"):
        drawn = paths.calibration(model, data["name"])
        if Path(drawn).exists() and parquet.about(drawn) != data:
            raise InputError(f"{path} was made with other calibration data than {drawn}; {anew}")
    if not recovered.is_recovered(manifest):
        with rebuild.full(manifest, folder, Path(paths.model_dir(model))):
            log.info("%s, kept as %s: all hashes are right", folder, manifest["archive"]["keep"])


def _recovered(manifest: recovered.Manifest, anew: str) -> None:
    """What a recovered variant stands on, its texts, and the parts that it was put together from, where they are."""
    model, path = manifest["model"], paths.manifest(manifest["model"], manifest["variant"])
    beneath = paths.manifest(model, manifest["stands_on"]["variant"])
    if Path(beneath).exists():
        recovered.check_stands_on(manifest, storage.read_manifest(beneath))
    texts = paths.calibration_texts(manifest["texts"]["name"])
    if seal.digest(texts) not in (manifest["texts"]["sha256"], files.ABSENT):
        raise InputError(f"{path} was made with other texts than {texts}; {anew}")
    for slug, listed in manifest["parts"].items():
        part = paths.manifest(model, slug)
        if Path(part).exists() and storage.read_manifest(part)["files"] != listed:
            raise InputError(f"{path} was put together from another {part}; {anew}")
    recovery = parse(manifest["variant"]).recovery
    if recovery and registry.method_of(recovery).trained and recovered.TRAINING not in manifest["files"]:
        raise InputError(f"{path} lists no {recovered.TRAINING}, which says how its loss went; {anew}")


def _exports() -> Iterator[Check]:
    """All that lies in the folder of exports, also of variants that the study no longer names, but hidden files."""
    for folder in sorted(Path(paths.EXPORTS).glob("[!.]*")):
        for place in sorted(folder.glob("[!.]*")) if folder.is_dir() else [folder]:
            yield str(place), partial(_export if place.is_dir() else _no_export, place)


def _no_export(path: Path) -> None:
    form = paths.export("<model>", "<variant>")
    raise InputError(f"{path}: is no export, which would be {form}; move it away and run again")


def _export(folder: Path) -> None:
    path, of = folder / paths.MANIFEST, paths.archive_at(folder / paths.MANIFEST)
    if not path.exists():
        raise InputError(f"{folder}: has no {paths.MANIFEST}, so its export did not end; export it again, or delete it")
    try:
        recovery = parse(of[1]).recovery
        if recovery:
            registry.check(recovery)
    except InputError as error:
        raise InputError(f"{path}: {error}; use the version of knowcost that made it, or delete {folder}") from None
    if recovery:
        export.check(*of)
        return
    exported = storage.verify(folder, of)
    archive = Path(paths.manifest(*of))
    if archive.exists() and storage.read_manifest(archive, of)["files"] != exported["files"]:
        raise InputError(f"{path} was exported from another archive than {archive}; delete it and export again")


def _weights(model: str, variant: str) -> str:
    return cells.weights_of(storage.read_manifest(paths.manifest(model, variant), of=(model, variant)))


def _cell(place: tuple[str, str, str], weights: Callable[[str, str], str], facts: Callable[[str], str]) -> None:
    path, (model, variant, benchmark) = paths.scores(*place), place
    about = cells.metadata(path)
    cells.check_place(path, about)
    prepared.check_kind(path, about)
    asked = {"weights": weights(model, variant), "benchmark_sha256": facts(paths.benchmark(benchmark))}
    if cells.is_beside_dense(about):
        asked["dense"] = weights(model, DENSE)
    cells.check_asked(path, about, asked)


def _reply(path: Path) -> None:
    """A judge's reply: whole, and where its question says."""
    if replies.read(path.stem) is None:
        raise InputError(f"{path}: a reply of a judge that belongs at {paths.judgement(path.stem)}; move it there")


def _judged(place: tuple[str, str, str]) -> None:
    path, (model, variant, benchmark) = paths.judgements(*place), place
    about = parquet.about(path)
    if (about["model"], about["variant"], about["benchmark"]) != place:
        said = f"{about['model']}, {about['variant']}, {about['benchmark']}"
        raise InputError(f"{path}: says it is of {said}; delete it and run again")
    cell = paths.scores(model, variant, benchmark)
    for file, digest in ({cell: ""} | about["digests"]).items():
        if seal.digest(paths.given(file)) not in (digest, files.ABSENT):
            anew = f"delete {path} and run again: only what is new is asked"
            raise InputError(f"{path}: was judged before {file} was made as it is now; {anew}")


def _tables(run: Run) -> None:
    said = tables.made_from(paths.TABLES)
    planned = [paths.scores(*place) for place in run.cells] + [paths.manifest(*place) for place in run.archives]
    planned += [paths.judgements(*place) for place in run.judged]
    for path in [*planned, *map(paths.benchmark, run.benchmarks)]:
        if path in said and seal.digest(path) not in (said[path], files.ABSENT):
            raise InputError(f"{paths.TABLES} was made from another {path}; delete {paths.TABLES} and run again")


def _explore() -> None:
    if tables.made_from(paths.EXPLORE) != {paths.TABLES: seal.check_folder(paths.TABLES)}:
        raise InputError(f"{paths.EXPLORE} was made beside other tables; delete {paths.EXPLORE} and run again")


def _figures() -> None:
    if tables.made_from(paths.FIGURES) != {paths.TABLES: seal.check_folder(paths.TABLES)}:
        raise InputError(f"{paths.FIGURES} was drawn from other tables; delete {paths.FIGURES} and run again")


def _report() -> None:
    seal.check(paths.REPORT)
    if Path(paths.TABLES).exists() and page.made_from(paths.REPORT) != seal.check_folder(paths.TABLES):
        raise InputError(f"{paths.REPORT} was written from other tables; delete it and run again")


def _report_facts() -> None:
    said = tables.made_from(paths.REPORT_FACTS)
    changed = Path(paths.REPORT).exists() and said.get(paths.REPORT) != seal.digest(paths.REPORT)
    if changed or (Path(paths.EXPLORE).exists() and said.get(paths.EXPLORE) != seal.check_folder(paths.EXPLORE)):
        raise InputError(f"{paths.REPORT_FACTS} is of another page or other facts; delete {paths.REPORT} and run again")
