"""Which files of a local source a format reads. Light at import: Snakemake parses this, for its jobs depend on them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from knowcost.benchmarks.formats import LAMA
from knowcost.common.errors import InputError

FOLDERS = {"trex": "TREx", "google_re": "Google_RE", "squad": "Squad", "conceptnet": "ConceptNet"}  # of LAMA's data.zip
TEMPLATES = "relations.jsonl"
BEAR = "metadata_relations.json"
PARAREL = ("trex_lms_vocab", "pattern_data/graphs_json")  # facts and patterns, a file for each relation


def files_of(format: str, source: str | Path) -> list[Path]:
    """Every file that the loader of a format reads of a source: those of a folder, those that lie beside a file.

    The source itself where it is not there yet, or does not hold what the format reads (its loader says what is
    missing).
    """
    source = Path(source)
    if format not in _LAYOUTS:
        return [source]
    try:
        return _LAYOUTS[format](source)
    except InputError:
        return [source]


def takes_folders(format: str) -> bool:
    """Whether a source of the format may be a folder."""
    return format in _LAYOUTS


def lama(part: str, source: Path) -> list[Path]:
    """The files of a part of LAMA (a key of FOLDERS), T-REx's templates last. Raises InputError where some are missing.

    source: the folder that holds the part's, or what LAMA's zip unpacks, with data/ above it.
    """
    name = FOLDERS[part]
    root = next((root for root in (source, source / "data") if (root / name).is_dir()), None)
    if root is None:
        raise InputError(f"{source}: expected a folder with {name}/ in it (or data/{name}/), as in LAMA's data.zip")
    paths = _inside(root / name, ".jsonl")
    if not paths:
        raise InputError(f"{root / name}: no .jsonl file in it")
    if part != "trex":
        return paths
    if not (root / TEMPLATES).is_file():
        raise InputError(f"{root / TEMPLATES} is missing: it holds T-REx's templates and comes with LAMA's data.zip")
    return [*paths, root / TEMPLATES]


def bear(source: Path) -> list[Path]:
    """The files of BEAR's relations, its metadata last. Raises InputError where some are missing.

    source: the folder that holds them, the one above it (BEAR is then taken), or one relation's file.
    """
    if not source.is_dir():
        if not source.with_name(BEAR).is_file():
            raise InputError(f"{source}: expected {BEAR} beside it, which has the templates of its relation")
        return [source, source.with_name(BEAR)]
    root = next((root for root in (source, source / "BEAR") if (root / BEAR).is_file()), None)
    paths = _inside(root, ".jsonl") if root else []
    if root is None or not paths:
        raise InputError(f"{source}: expected {BEAR} and <relation>.jsonl in this folder (or in BEAR/)")
    return [*paths, root / BEAR]


def pararel(source: Path) -> list[Path]:
    """The files of ParaRel's relations, of each its facts, then its patterns. Raises InputError where there are none.

    source: the repository, or its folder data.
    """
    for root in (source, source / "data"):
        folders = [root / name for name in PARAREL]
        if all(folder.is_dir() for folder in folders):
            facts, patterns = ({path.stem: path for path in _inside(folder, ".jsonl")} for folder in folders)
            both = sorted(facts.keys() & patterns.keys())
            if both:
                return [path for name in both for path in (facts[name], patterns[name])]
    expected = " and ".join(f"{name}/<relation>.jsonl" for name in PARAREL)
    raise InputError(f"{source}: expected {expected} in this folder (or in data/), of one relation at least")


def mmlu(source: Path, splits: tuple[str, ...] = ("test",)) -> list[Path]:
    """MMLU's file, or <split>/<subject>_<split>.csv of the official folder.

    Raises InputError where a split has none.
    """
    if not source.is_dir():
        return [source]
    found = []
    for split in splits:
        paths = _inside(source / split, f"_{split}.csv") if (source / split).is_dir() else []
        if not paths:
            raise InputError(f"{source}: expected {split}/<subject>_{split}.csv in this folder")
        found += paths
    return found


def piqa(source: Path) -> list[Path]:
    """PIQA's file and, if it is there, the file of labels beside it. Raises InputError for a folder without either.

    A folder is searched for valid.jsonl, then dev.jsonl (the two names the official archive has had).
    """
    if source.is_dir():
        found = [source / name for name in ("valid.jsonl", "dev.jsonl") if (source / name).is_file()]
        if not found:
            raise InputError(f"{source}: expected valid.jsonl or dev.jsonl in this folder")
        source = found[0]
    labels = labels_of(source)
    return [source, labels] if labels.is_file() else [source]


def labels_of(source: Path) -> Path:
    """Where the labels of a file of PIQA lie if its rows have none."""
    stem = Path(source.stem).stem if source.suffix.lower() == ".gz" else source.stem
    return source.with_name(f"{stem}-labels.lst")


def _inside(folder: Path, ending: str) -> list[Path]:
    """The files of a folder whose names end so, in lower case or not, in order; hidden ones are no data."""
    try:
        found = sorted(folder.iterdir())
    except PermissionError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    named = [path for path in found if path.name.lower().endswith(ending) and not path.name.startswith(".")]
    return [path for path in named if path.is_file()]


_LAYOUTS: dict[str, Callable[[Path], list[Path]]] = {
    **{f"lama_{part}{way}": partial(lama, part) for part in LAMA for way in ("", "_ranked", "_published")},
    "bear": bear,
    "pararel": pararel,
    "piqa": piqa,
    "mmlu": mmlu,
    "mmlu_5shot": partial(mmlu, splits=("test", "dev")),
}
