"""Snakemake run in a folder, and a small project of its own: a copy of the workflow."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from helpers import warm

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "HF_ENDPOINT"), "http://127.0.0.1:9")

# The batches of CONFIG's variants, as their hashes have it.
SCORES = {"score_one-float-0": 1, "score_one-float-1": 1, "score_one-int8": 1}
AGGREGATES = {"tables": 1, "explore": 1, "figures": 1, "report": 1}  # jobs that any change of the cells asks for
CONFIG = {
    "title": "Größe der Modelle",
    "models": "models.tsv",
    "benchmarks": "benchmarks.tsv",
    "limit": None,
    "study": {
        "groupings": ["paper"],
        "protocols": ["corrected"],
        "experiments": [
            {"name": "prune", "steps": ["magnitude"], "scopes": ["attention", "overall"], "levels": [20, 40]},
            {"name": "quantize", "steps": ["int8"], "scopes": ["overall"]},
        ],
    },
    "score": {"variants_per_job": 3},
}


def snakemake(folder, *options, check=True, **environment):
    """Run snakemake in a folder to the end; {stdout, stderr, returncode}. environment: variables beside those here."""
    run = warm.snakemake(folder, *options, **environment)
    if check:
        assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-20000:]
    return run


def _command(folder, options, environment):
    return {"args": [SNAKEMAKE, *options], "cwd": folder, "env": os.environ | environment}


def jobs(run):
    """{rule: how many jobs} that a run, dry or not, said at its start it would do."""
    text = run.stdout + run.stderr
    if "Nothing to be done" in text:
        return {}
    counts = re.findall(r"^(\S+)\s+(\d+)$", text[text.index("Job stats") :], re.M)
    return {rule: int(count) for rule, count in counts if rule not in ("all", "total")}


class Project:
    """A folder in which snakemake runs, with the package copied beside the Snakefile."""

    def __init__(self, folder):
        self.folder = folder

    def write_config(self, change=lambda config: None):
        config = json.loads(json.dumps(CONFIG))
        change(config)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")

    def add_row(self, table, *cells):
        with open(self.folder / table, "a") as f:
            f.write("\t".join(cells) + "\n")

    def snakemake(self, *options, check=True):
        """Run to the end; {stdout, stderr, returncode}."""
        return snakemake(self.folder, *self._options(options), check=check, **self._environment())

    def run(self):
        """Run to the end in a process of its own, as users do."""
        command = _command(self.folder, self._options([]), self._environment())
        run = subprocess.run(**command, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-20000:]

    def start(self, *options):
        """Start in a process group of its own, to be killed; its words go nowhere."""
        command = _command(self.folder, self._options(options), self._environment())
        return subprocess.Popen(**command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def _options(self, options):
        return ["--configfile", "config.yaml", "--cores", "2", *options]

    def _environment(self):
        place = {"LC_ALL": "C", "HOME": "/proc/nothing", "XDG_CACHE_HOME": str(self.folder / ".cache")}
        return {"PYTHONPATH": str(self.folder), "HF_HUB_OFFLINE": "1", **place}

    def planned(self):
        """{rule: how many jobs would run}, by a dry run."""
        return jobs(self.snakemake("-n", "--quiet", "reason"))


def facts(path, count, words=range(6, 30)):
    """A benchmark of one's own: cloze sentences over the tiny tokenizer's words."""
    words = [f"w{i}" for i in words]
    rows = [
        {"id": str(i), "cloze": f"{words[i % len(words)]} w1 [MASK]", "answer": words[(i * 7) % len(words)]}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
