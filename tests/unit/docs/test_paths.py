"""The documentation names files that are there."""

import re

import pytest

FOLDERS = ("config", "docs", "knowcost", "perf", "profiles", "tests", "workflow")
MADE = (".snakemake/", "exports/", "logs/", "results/", *(f"resources/{name}" for name in (
    "benchmarks", "calibration", "downloads", "models", "revisions", "world")))  # fmt: skip
WRITTEN = (".cff", ".lock", ".md", ".py", ".rst", ".smk", ".toml", ".tsv", ".yaml", ".yml")


def named(text):
    """What stands in backticks and is the path of a file as we write them, or of a folder ("spec/")."""
    words = re.findall(r"`([\w./-]+)`", text)
    return [word for word in words if word.endswith((*WRITTEN, "/")) and not word.startswith(MADE)]


def is_there(root, word):
    """A path from the root, from knowcost/ as the tour has it, or from config/; a name alone may stand anywhere."""
    if any((folder / word).exists() for folder in (root, root / "knowcost", root / "config")):
        return True
    return "/" not in word and any(found for folder in FOLDERS for found in (root / folder).rglob(word))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "config/README.md", "docs/*.md"])
def test_every_path_in_the_documentation_exists(root, page):
    texts = {path: named(path.read_text()) for path in root.glob(page)}
    assert any(texts.values())
    assert not [f"{path.name}: {word}" for path, words in texts.items() for word in words if not is_there(root, word)]


def test_what_is_gone_is_told_from_what_is_there(root):
    text = "`knowcost/keep.py` `spec/scopes.py`, `results/tables/`, `spec/`, `knowcost.load`, `kept.py`, `<x>/a.py`"
    assert named(text) == ["knowcost/keep.py", "spec/scopes.py", "spec/", "kept.py"]
    assert [word for word in named(text) if is_there(root, word)] == ["spec/scopes.py", "spec/"]
