"""The short form of what perf/ measures, one script after the other, in one table: `make bench`.

    python perf/bench.py [NAME ...] [--markdown]

NAME: of scripts, without .py; all of SHORT without any. Numbers of a machine that does something else meanwhile say
little. Fails where a script fails; a goal that is missed is no failure, since short forms measure few questions and
small models.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import told
from rows import HEAD, ROWS, Row, read, table

# {script: what makes it short}
SHORT = {
    "harness": ["--short"],
    "growth": ["--short"],
    "writing": ["--prompts", "6"],
    "planning": ["--short"],
    "final_layer": ["--sentences", "8"],
    "probing": ["--sentences", "32"],
    "pruning": ["--levels", "50"],
    "variants": ["--short"],
    "seven_b": ["--layers", "1"],
    "blocks": ["--layers", "12", "--samples", "4"],
    "int8": ["--rounds", "2", "--tokens", "32"],
    "seal": ["--times", "1", "--questions", "20"],
    "latency": ["--batch", "2", "--length", "256", "--rounds", "3"],
}
FAILED = "failed"


def run(script, file):
    """The rows of a script's short form, those in `file`; one says so where it failed or has none."""
    command = [sys.executable, str(Path(__file__).with_name(f"{script}.py")), *SHORT[script]]
    environment = os.environ | {ROWS: str(file)}
    start, used = time.perf_counter(), cpu()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    print(f"{script}: {time.perf_counter() - start:.0f} s, {cpu() - used:.0f} s of CPU", file=sys.stderr, flush=True)
    if done.returncode or not file.exists():
        print(done.stdout[-3000:], file=sys.stderr, flush=True)
        return [*read(file), Row(script, FAILED, "", "")]
    return read(file)


def cpu():
    """Seconds of the CPUs that all children have had so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", metavar="NAME")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if unknown := sorted(set(options.scripts) - set(SHORT)):
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(SHORT)}")
    with tempfile.TemporaryDirectory() as folder:
        found = {script: run(script, Path(folder) / script) for script in options.scripts or SHORT}
    lines = [row.cells for rows in found.values() for row in rows]
    print(f"{told()}\n\n{table(HEAD, lines, options.markdown)}")
    if failed := [script for script, rows in found.items() if FAILED in [row.ours for row in rows]]:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
