"""`snakemake --lint` without its one complaint that does not fit here: the stages share the pinned environment."""

import subprocess
import sys
from pathlib import Path

CONDA = "Specify a conda environment or container for each rule."


def complaints(text):
    """[(where, what)] of a lint report, which prints "Lints for <where>:" and then "    * <what>"."""
    where, found = "", []
    for line in text.splitlines():
        if line.startswith("Lints for"):
            where = line.removeprefix("Lints for ").rstrip(":")
        elif line.strip().startswith("* "):
            found.append((where, line.strip()[2:].rstrip(":")))
    return found


def main():
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    run = subprocess.run(
        [snakemake, "--lint", "--configfile", "config/presets/demo.yaml"], capture_output=True, text=True
    )
    found = [c for c in complaints(run.stdout + run.stderr) if not c[1].startswith(CONDA.rstrip("."))]
    for where, what in found:
        print(f"{where}: {what}")
    if run.returncode not in (0, 1) or (run.returncode and not complaints(run.stdout + run.stderr)):
        sys.exit(run.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
