"""What every file of a run is called. Nothing else in the project builds a path from a model, variant or benchmark.

Paths are relative to the working directory and plain strings, so that Snakemake's wildcards ("{model}") pass through.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from knowcost.common.errors import InputError

SOURCE = "source.json"  # written last by fetch: its presence says that the folder beside it is whole
MANIFEST = "manifest.json"  # written last by compress: likewise

WEIGHTS = "model.safetensors"  # what transformers calls a checkpoint's weights, in one file or with an index of shards
INDEX = "model.safetensors.index.json"

SCORES = "scores"  # folder in an archive's, of what its model answered
JUDGED = "judgements"  # likewise, of what judges say of that
BESIDE = (SCORES, JUDGED)  # folders in an archive's that are no part of it
KEPT = ".kept"  # folder in that of the answers, of all that were ever given (knowcost/score/kept.py)

RESOURCES = "resources"
MODELS = f"{RESOURCES}/models"
DOWNLOADS = f"{RESOURCES}/downloads"
JUDGEMENTS = "judgements"  # what was replied by judges, a file each
EXPORTS = "exports"
LOGS = "logs"
RESULTS = "results"
TABLES = f"{RESULTS}/tables"
FIGURES = f"{RESULTS}/figures"
EXPLORE = f"{RESULTS}/explore"  # the facts of the page's explorer
REPORT = f"{RESULTS}/report.html"
REPORT_FACTS = f"{RESULTS}/report.facts"  # those of them that the page does not hold itself; it looks for them here
ASKED = f"{RESULTS}/.asked.json"  # what is kept of all variants (knowcost/score/index.py)
STUDY = f"{RESULTS}/study.json"  # what the page is about


def given(path: str) -> str:
    """A path or source as people write it, as the stages read it: `~` and `~user` are home folders, `file://` a path.

    Hub ids and other addresses stay as they are. Raises InputError for what looks like a path and leads nowhere.
    """
    if path.startswith("file:"):
        address = urlsplit(path)
        if address.netloc not in ("", "localhost") or not address.path.startswith("/"):
            raise InputError(f"{path!r}: expected file:///absolute/path, or the path alone")
        return unquote(address.path)
    if path.startswith("~"):
        try:
            return str(Path(path).expanduser())
        except RuntimeError:
            raise InputError(
                f"{path!r}: no such home folder; write the whole path (a file of that name is ./~...)"
            ) from None
    if ("\\" in path or path.startswith("$")) and not Path(path).exists():
        raise InputError(f"{path!r}: a path is written with /, and without variables; write ~ for your home folder")
    return path


def model_dir(model: str) -> str:
    """Folder of a fetched model: config.json, tokenizer, *.safetensors and source.json."""
    return f"{MODELS}/{model}"


def model_source(model: str) -> str:
    return f"{model_dir(model)}/{SOURCE}"


def revision_lock(model: str) -> str:
    """The commit that a floating revision was first resolved to; survives a deleted model folder."""
    return f"{RESOURCES}/revisions/{model}.json"


def benchmark(name: str) -> str:
    return f"{RESOURCES}/benchmarks/{name}.parquet"


def calibration_texts(name: str) -> str:
    return f"{RESOURCES}/calibration/{name}.arrow"


def calibration(model: str, name: str) -> str:
    """The windows of tokens over which methods with calibration data run a model."""
    return f"{RESULTS}/{model}/calibration/{name}.parquet"


def thresholds(model: str) -> str:
    return f"{RESULTS}/{model}/thresholds.json"


def archive_dir(model: str, variant: str) -> str:
    """Folder of a compressed model: manifest.json, and what else is kept (knowcost/compress/archive/storage.py)."""
    return f"{RESULTS}/{model}/{variant}"


def manifest(model: str, variant: str) -> str:
    return f"{archive_dir(model, variant)}/{MANIFEST}"


def export(model: str, variant: str) -> str:
    """The manifest of an archive's full checkpoint, made on request (written last)."""
    return f"{EXPORTS}/{model}/{variant}/{MANIFEST}"


def scores(model: str, variant: str, benchmark: str) -> str:
    return f"{archive_dir(model, variant)}/{SCORES}/{benchmark}.parquet"


def judgements(model: str, variant: str, benchmark: str) -> str:
    """What judges say of the texts that a model wrote: one row per answer and rubric."""
    return f"{archive_dir(model, variant)}/{JUDGED}/{benchmark}.parquet"


def judgement(key: str) -> str:
    """One reply of a judge. No rule names it: what was paid for outlives any change of the configuration."""
    return f"{JUDGEMENTS}/{key[:2]}/{key}.json"


def archive_at(manifest: str | Path) -> tuple[str, str]:
    """(model, variant) of the archive whose manifest has this path."""
    model, variant, _ = Path(manifest).parts[-3:]
    return model, variant


def cell_at(scores: str | Path) -> tuple[str, str, str]:
    """(model, variant, benchmark) of the cell whose scores file has this path."""
    model, variant, _, _ = Path(scores).parts[-4:]
    return model, variant, Path(scores).stem


def among(files: Iterable[str], kind: str) -> list[str]:
    """Those of a rule's files that are of a kind: SCORES, JUDGED or MANIFEST."""
    return [file for file in files if kind in (Path(file).name, Path(file).parent.name)]


def table(name: str, kind: str) -> str:
    """One of a run's tables; kind: parquet, with exact types, or csv, for people."""
    return f"{TABLES}/{name}.{kind}"


def kept_dir(model: str, variant: str) -> str:
    """Folder of all that a variant ever answered (knowcost/score/kept.py)."""
    return f"{archive_dir(model, variant)}/{SCORES}/{KEPT}"


def log(stage: str, *parts: str) -> str:
    return "/".join((LOGS, stage, *parts)) + ".log"


def timing(stage: str, *parts: str) -> str:
    """Where Snakemake's `benchmark:` writes the seconds and peak memory of a job."""
    return "/".join((LOGS, stage, *parts)) + ".timing.tsv"


def requested_beside(log_or_timing: str | Path) -> Path:
    """What a job was predicted to take and asked for, beside its log and its timing."""
    stem = re.sub(r"(\.timing\.tsv|\.log)$", "", str(log_or_timing))
    return Path(f"{stem}.requested.json")
