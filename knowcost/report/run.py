"""The report's account of what was run: models, benchmarks, versions, configuration."""

import importlib.metadata
import json
import platform
import textwrap
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import yaml

import knowcost
from knowcost import aggregate, report
from knowcost.compress.registry import methods_of
from knowcost.recover.registry import method_of, recoveries_of
from knowcost.report.saying import listed
from knowcost.report.table import number, whole
from knowcost.spec.families import LABELS
from knowcost.spec.recoveries import parse
from knowcost.spec.variants import DENSE

CALIBRATION = (
    "{} look at what a model computes on windows of text, drawn with a fixed seed (under Configuration). Nothing is "
    "trained on them, and no answer is asked for."
)
PACKAGES = ("torch", "transformers", "lm_eval", "datasets", "numpy", "pandas", "matplotlib", "snakemake")


def models(manifests: Iterable[Mapping[str, Any]], sources: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One dict per row of the model table: what its source.json says, the architecture and number of weights of its
    manifest, and of a version that was compressed elsewhere how it is stored and what differs from its parent."""
    described = {
        manifest["brought"]["name"] if "brought" in manifest else manifest["model"]: manifest
        for manifest in manifests
        if manifest["variant"] == DENSE or "brought" in manifest
    }
    models = []
    for source in sources:
        manifest = described.get(source["name"], {})
        total = manifest.get("parameters", {}).get("total")
        about = {
            "kind": f"{LABELS[source['family']]} ({manifest.get('architecture', '?')})",
            "parameters": number(total / 1e6) if total else "",
            "stored": _stored(manifest),
            "differs": [
                f"its {what} is not its parent's: {sentence}"
                for what in ("tokenizer", "configuration")
                for sentence in manifest.get(f"{what}_differs", [])
            ],
            "digests": [(name, file["sha256"]) for name, file in source["files"].items()],
        }
        models.append({**source, **about})
    return models


def methods(of_variants: Iterable[str], int8_activations: str) -> list[tuple[str, str]]:
    """(name, two sentences) of every method that made one of the variants, recoveries after compressions, and of
    calibration where one took data.

    of_variants: Variant.method of each.
    """
    of_variants = dict.fromkeys(of_variants)
    ran = dict.fromkeys(method for word in of_variants for method in methods_of(word))
    told = [(method.label[0].upper() + method.label[1:], method.about) for method in ran]
    if any(method.dynamic for method in ran):
        told.append(("Activations in int8", f"In this run activations have one scale per {int8_activations}."))
    if names := [method.label for method in ran if method.needs_data]:
        told.append(("Calibration", CALIBRATION.format(listed(names))))
    recoveries = dict.fromkeys(method_of(parse(text)) for text in recoveries_of(list(of_variants)))
    return told + [(method.label[0].upper() + method.label[1:], method.about) for method in recoveries]


def _stored(manifest: Mapping[str, Any]) -> str:
    if "brought" not in manifest:
        return ""
    bits = number(manifest["bits_per_parameter"], ".2f")
    return f"{manifest['brought']['format']}, {bits} bits per weight of {manifest['model']}"


def benchmarks(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """The benchmarks table for the page, its numbers as text, its sources as digests [(file, sha256)]."""
    rows = []
    for benchmark in frame.to_dict("records"):
        least, most = whole(benchmark["asked_least"]), whole(benchmark["asked_most"])
        about: dict[Hashable, Any] = {
            "example": textwrap.shorten(benchmark["example"], 160, placeholder=" …"),
            "printed": ", ".join(filter(None, (benchmark.get("printed_type"), benchmark.get("printed_examples")))),
            "digests": [tuple(part.rsplit(" ", 1)) for part in benchmark["sources"].split("; ") if part],
            "facts": whole(benchmark["facts"]),
            "asked": most if least == most else f"{least} to {most}",
            "majority": number(100 * benchmark["majority"]),
            "facts_for_2_points": whole(benchmark["facts_for_2_points"]),
        }
        rows.append(benchmark | about)
    return rows


def drawn(frame: pd.DataFrame) -> list[str]:
    """A line per benchmark of which a limit cut something: how much of what was drawn."""
    return [_drawn(row) for row in frame.to_dict("records") if not pd.isna(row["drawn"])]


def _drawn(row: Mapping[Hashable, Any]) -> str:
    said = [f"{whole(row['drawn'])} of {whole(row['facts'])} facts"]
    if not pd.isna(row["relations"]):
        said.append(f"of {whole(row['relations_drawn'])} of {whole(row['relations'])} relations")
    if row["clusters"] not in (row["facts"], row["relations"]):
        said.append(f"in {whole(row['clusters_drawn'])} of {whole(row['clusters'])} clusters")
    if row["right_choices"]:
        said.append(f"right is {row['right_choices_drawn']} (of all: {row['right_choices']})")
    return f"{row['benchmark']}: {', '.join(said)}"


def versions(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{name: version} of the stages and the packages that are installed where the report is written."""
    compress = ", ".join(sorted({str(manifest.get("stage_version", "?")) for manifest in manifests}))
    versions = {
        "knowcost": knowcost.__version__,
        "compress stage": compress,
        "aggregate stage": aggregate.STAGE_VERSION,
    }
    versions |= {"report stage": report.STAGE_VERSION, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def configuration(config: Mapping[str, Any]) -> str:
    """The configuration as YAML."""
    return yaml.safe_dump(json.loads(json.dumps(config, default=str)), sort_keys=False, allow_unicode=True)
