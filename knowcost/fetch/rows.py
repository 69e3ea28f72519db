"""What planning needs of the rows of models, benchmarks and calibration data: local or not, and what they depend on."""

from collections.abc import Mapping
from pathlib import Path

from knowcost.common.paths import INDEX, WEIGHTS

PICKLE = "pytorch_model.bin"
REMOTE = ("https://", "http://", "hf://")


def is_local(source: str) -> bool:
    """Whether a model's source names a folder rather than a repository on the hub."""
    return source.startswith(("./", "../", "/", "resources/")) or Path(source).is_dir()


def columns(row: Mapping[str, str]) -> dict[str, str]:
    """What fetching reads of a row of the model table: another dtype, archive or note fetches nothing again."""
    return {name: row.get(name, "") for name in ("name", "family", "source", "revision", "allow")}


def benchmark_columns(row: Mapping[str, str]) -> dict[str, str]:
    """The same of a row of the benchmark table, or of the section `calibration`."""
    return {name: row.get(name, "") for name in ("name", "format", "source", "revision", "sha256")}


def local_inputs(row: Mapping[str, str]) -> list[str]:
    """The files of a local model that its fetching depends on; [] for a model on the hub.

    A folder that does not exist yet is taken to become one with model.safetensors, since the workflow will make it.
    """
    if not is_local(row["source"]):
        return []
    folder = Path(row["source"])
    kinds = (WEIGHTS, INDEX, PICKLE, f"{PICKLE}.index.json")
    weights = next((name for name in kinds if (folder / name).exists()), WEIGHTS)
    return [str(folder / "config.json"), str(folder / weights)]


def benchmark_inputs(row: Mapping[str, str]) -> list[str]:
    """The file or folder that preparing a local benchmark depends on; [] for one that is downloaded."""
    return [] if row["source"].startswith(REMOTE) else [str(Path(row["source"]))]


def allowed(row: Mapping[str, str]) -> set[str]:
    """What the user allows of a model, by its row: `pickle`, `remote_code`."""
    return {word.strip() for word in (row.get("allow") or "").split(",")}
