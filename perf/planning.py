"""What planning costs: a dry run of a study, and of one job of it as a cluster's node plans it, beside Snakemake's own.

    python perf/planning.py [--times 1 2 4 8] [--short] [--markdown]

The paper's study (config/presets/paper.yaml), and the same with each of its models so many times under other names. The
other dry run is of a workflow with as many jobs, each with four files out and one in, and no code of its own. A node
is given the rule and the job (`format_job_exec` of Snakemake's executors). CPU seconds of fresh processes.
"""

import argparse
import csv
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import told
from rows import beside, exponent, say, table

ROOT = Path(__file__).resolve().parents[1]
PRESET = ROOT / "config/presets/paper.yaml"
# As many jobs and files with nothing to work out.
PLAIN = """
rule all:
    input: [f"made/{{i}}-{{part}}" for i in range({jobs}) for part in "abcd"]
rule first:
    output: "first"
    shell: "touch {{output}}"
rule job:
    input: "first"
    output: [f"made/{{{{i}}}}-{{part}}" for part in "abcd"]
    shell: "touch {{output}}"
"""
HEAD = ("models", "jobs", "ours, CPU s", "without our code", "theirs / ours", "one job", "theirs", "theirs / ours")


def dry_run(*arguments, folder):
    """(CPU seconds, jobs, the rule of a job that scores) of a dry run in a folder."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--directory", str(folder), *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"^total\s+(\d+)", run.stdout + run.stderr, re.M)
    if run.returncode or not found:
        raise SystemExit(f"no dry run:\n{(run.stdout + run.stderr)[-2000:]}")
    rule = re.search(r"^(score_\S+)\s+1$", run.stdout + run.stderr, re.M)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(found[1]), rule and rule[1]


def study(folder, times):
    """A configuration with each of the paper's models so many times; (file, number of models)."""
    with (PRESET.parent / "paper.models.tsv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader((line for line in file if not line.startswith("#")), delimiter="\t")
    rows = [[f"{row[0]}-copy{i}" if i else row[0], *row[1:]] for i in range(times) for row in rows]
    with (folder / "models.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([head, *rows])
    said = re.sub(r"^models:.*", f"models: {folder / 'models.tsv'}", PRESET.read_text(encoding="utf-8"), flags=re.M)
    said = re.sub(r"^benchmarks: ", f"benchmarks: {ROOT}/", said, flags=re.M)
    (folder / "study.yaml").write_text(said, encoding="utf-8")
    return folder / "study.yaml", len(rows)


def measure(times, folder):
    """(models, jobs, our CPU seconds, theirs, ours of one job, theirs of one)"""
    config, models = study(folder, times)
    mine = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]
    ours, jobs, rule = dry_run(*mine, folder=folder)
    plain = folder / "plain.smk"
    plain.write_text(PLAIN.format(jobs=jobs), encoding="utf-8")
    theirs = dry_run("--snakefile", str(plain), folder=folder)[0]
    alone = dry_run(*mine, *as_a_node(rule, ""), folder=folder)[0]
    return (
        models,
        jobs,
        ours,
        theirs,
        alone,
        dry_run("--snakefile", str(plain), *as_a_node("job", "i=1"), folder=folder)[0],
    )


def as_a_node(rule, wildcards):
    """What Snakemake adds to its command line on a node."""
    return ["--mode", "remote", "--target-jobs", f"{rule}:{wildcards}", "--allowed-rules", rule, "--force", "--nolock"]


def said(ours, theirs):
    return f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    found = []
    for times in [1] if options.short else options.times:
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(times, Path(folder).resolve()))
    lines = [
        (str(models), f"{jobs:,}", *said(ours, theirs), *said(alone, bare))
        for models, jobs, ours, theirs, alone, bare in found
    ]
    print(f"{told()}\n\n{table(HEAD, lines, options.markdown)}")
    if len(found) > 1:
        print(f"\ngrows as jobs^{exponent({jobs: ours for _, jobs, ours, *_ in found}):.2f}")
    for _, jobs, ours, theirs, alone, bare in found:
        say(
            beside(f"the plan, {jobs:,} jobs", ours, theirs, "s of CPU"),
            beside(f"the plan of one of {jobs:,} jobs, on its node", alone, bare, "s of CPU"),
        )


if __name__ == "__main__":
    main()
