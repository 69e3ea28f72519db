"""On what a measurement was made."""

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "transformers", "lm_eval", "peft", "snakemake")


def told() -> str:
    """The processor, its cores, the memory, and the versions of what was measured, in one line."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{processor()}, {cores} cores, {memory:.0f} GiB; Python {platform.python_version()}, {versions}"


def processor() -> str:
    """The processor's name as Linux has it, else as Python has it."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
