"""MMLU's subjects by discipline."""

import functools
from pathlib import Path

import yaml


@functools.cache
def discipline_of() -> dict[str, str]:
    """{subject: discipline} of MMLU, from benchmarks/disciplines.yaml."""
    found = yaml.safe_load(Path(__file__).with_name("disciplines.yaml").read_text(encoding="utf-8"))
    return {subject: discipline for discipline, subjects in found.items() for subject in subjects}
