"""The documentation, and comments in the code, name files that are there."""

import functools
import os
import re

import pytest

FOLDERS = ("config", "docs", "knowcost", "perf", "profiles", "tests", "workflow")
MADE = (".snakemake/", "exports/", "judgements/", "logs/", "results/", *(f"resources/{name}" for name in (
    "benchmarks", "calibration", "downloads", "models", "revisions", "world")))  # fmt: skip
WRITTEN = (".cff", ".lock", ".md", ".py", ".rst", ".smk", ".toml", ".tsv", ".yaml", ".yml")
IN_A_COMMENT = re.compile(r"(?<![\w/.-])(?:docs|knowcost|perf|workflow)/[\w/]+\.(?:md|py|smk)\b")


def pages(root):
    """Every file that people write, beside this one."""
    found = [path for path in root.iterdir() if path.is_file()]
    found += [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    return [path for path in sorted(found) if path.suffix in WRITTEN and path.name != "test_paths.py"]


def named(text):
    """What stands in backticks and is the path of a file as we write them, or of a folder ("spec/")."""
    words = re.findall(r"`([\w./-]+)`", text)
    return [word for word in words if word.endswith((*WRITTEN, "/")) and not word.startswith(MADE)]


def is_there(root, word):
    """A path from the root, from knowcost/ as the tour has it, or from config/; a name alone may stand anywhere."""
    if any((folder / word).exists() for folder in (root, root / "knowcost", root / "config")):
        return True
    return word in names(root)


@functools.cache
def names(root):
    """Of all files, alone; a folder that goes away meanwhile is no error, as it is to Path.rglob."""
    return {name for folder in FOLDERS for _, _, files in os.walk(root / folder) for name in files}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "config/README.md", "docs/*.md"])
def test_every_path_in_the_documentation_exists(root, page):
    texts = {path: named(path.read_text()) for path in root.glob(page)}
    assert any(texts.values())
    assert not [f"{path.name}: {word}" for path, words in texts.items() for word in words if not is_there(root, word)]


def test_every_module_that_a_comment_names_exists(root):
    found = [(page, word) for page in pages(root) for word in IN_A_COMMENT.findall(page.read_text())]
    assert len(found) > 20
    assert not [f"{page.relative_to(root)}: {word}" for page, word in found if not (root / word).exists()]


def test_what_is_gone_is_told_from_what_is_there(root):
    text = "`knowcost/keep.py` `spec/scopes.py`, `results/tables/`, `spec/`, `knowcost.load`, `gone.py`, `<x>/a.py`"
    assert named(text) == ["knowcost/keep.py", "spec/scopes.py", "spec/", "gone.py"]
    assert [word for word in named(text) if is_there(root, word)] == ["spec/scopes.py", "spec/"]
