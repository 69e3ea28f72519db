"""The report's account of what was run: models, benchmarks, time, versions, configuration."""

import importlib.metadata
import json
import platform
import textwrap
from pathlib import Path

import pandas as pd
import yaml

import knowcost
from knowcost import aggregate, report

PACKAGES = ("torch", "transformers", "lm_eval", "datasets", "numpy", "pandas", "matplotlib", "snakemake")


def models(manifests, sources):
    """One dict per model: what its source.json says, and the dense manifest's architecture and number of weights."""
    dense = {manifest["model"]: manifest for manifest in manifests if manifest["variant"] == "dense"}
    models = []
    for source in sources:
        manifest = dense.get(source["name"], {})
        kind = f"{source['family'].replace('_', '-')} ({manifest.get('architecture', '?')})"
        digests = [(name, file["sha256"]) for name, file in source["files"].items()]
        total = manifest.get("parameters", {}).get("total")
        models.append(source | {"kind": kind, "parameters": total, "digests": digests})
    return models


def benchmarks(frame):
    """The benchmarks table for the page, its sources as digests [(file, sha256)]."""
    rows = frame.to_dict("records")
    for row in rows:
        row["example"] = textwrap.shorten(row["example"], 160, placeholder=" …")
        row["printed"] = ", ".join(filter(None, (row.get("printed_type"), row.get("printed_examples"))))
        row["digests"] = [tuple(part.rsplit(" ", 1)) for part in row["sources"].split("; ") if part]
        least, most = row["asked_least"], row["asked_most"]
        row["asked"] = f"{most:,d}" if least == most else f"{least:,d} to {most:,d}"
        row["majority"] = "" if row["majority"] != row["majority"] else f"{100 * row['majority']:.1f}"
    return rows


def timings(timings):
    """Per stage: jobs, seconds in all, seconds of the longest, peak memory in MB; from Snakemake's benchmark files."""
    rows = []
    for path in map(Path, timings):
        if path.is_file():
            frame = pd.read_csv(path, sep="\t")
            stage = path.parts[path.parts.index("logs") + 1].split(".")[0]
            memory = pd.to_numeric(frame["max_rss"], errors="coerce")  # "-" or "NA" for a job too short to be seen
            rows.append({"stage": stage, "seconds": frame["s"].sum(), "memory": memory.max()})
    groups = pd.DataFrame(rows, columns=["stage", "seconds", "memory"]).groupby("stage", sort=False)
    made = groups.agg(
        jobs=("seconds", "size"), total=("seconds", "sum"), longest=("seconds", "max"), memory=("memory", "max")
    )
    return made.reset_index().to_dict("records")


def versions(manifests):
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


def configuration(config):
    """The configuration as YAML."""
    return yaml.safe_dump(json.loads(json.dumps(config, default=str)), sort_keys=False, allow_unicode=True)
