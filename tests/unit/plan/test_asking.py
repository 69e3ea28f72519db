"""How many facts are still to be asked, before anything is done: by what a real scoring job of a tiny model kept."""

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers import tiny

from knowcost.benchmarks import expected, prepared
from knowcost.common import paths
from knowcost.compress.archive import make as archive
from knowcost.plan import asking, config
from knowcost.plan.design import Cell
from knowcost.score import index
from knowcost.score import job as score

OPTIONS = {"tokens_per_batch": 512, "device": "cpu"}
SETTLED = index.SETTLED
INT8, HALF, DENSE = "int8@overall", "magnitude-50@overall", "dense"
EXPERIMENTS = [
    {"name": "quantize", "steps": ["int8"], "scopes": ["overall"]},
    {"name": "prune", "steps": ["magnitude"], "scopes": ["overall"], "levels": [50]},
]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that loads the study of one encoder and nine clozes, with what is changed in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(index, "SETTLED", 0)  # what was made just now is as it stays
    tiny.fetched("bert", tmp_path / "model")
    for slug in (DENSE, INT8):
        archive.make_archive("m", slug, archive.Inputs(tmp_path / "model"), Path(paths.archive_dir("m", slug)))
    lines = [json.dumps({"id": str(i), "cloze": f"w{i} [MASK]", "answer": "w9"}) + "\n" for i in range(9)]
    (tmp_path / "own.jsonl").write_text("".join(lines))
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\nm\tencoder\tmodel\n")
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nown\tcloze\town.jsonl\tencoder\n")

    def load(**changes):
        given = {"models": "models.tsv", "benchmarks": "benchmarks.tsv", "study": {"experiments": EXPERIMENTS}}
        return config.load(given | {"score": OPTIONS} | changes)

    return load


def prepare():
    prepared.prepare({"name": "own", "format": "cloze", "families": "encoder"}, "own.jsonl", paths.benchmark("own"))


def left(study):
    index.load.cache_clear()  # as a process that starts
    found = asking.to_ask(study)
    return [found[Cell("m", slug, "own")] for slug in (DENSE, INT8, HALF)]


def test_facts_that_are_kept_are_not_to_be_asked(study):
    assert left(study(limit=4)) == [4, 4, 4] and left(study())[0] == expected.UNKNOWN
    prepare()
    assert left(study()) == [9, 9, 9]
    whole = study(limit=6)
    score.score("m", [DENSE, INT8], ["own"], asking.settings(whole, "m"))
    assert left(whole) == [0, 0, 6]
    assert left(study(limit=4)) == [0, 4, 4]  # int8 depends on what is asked together
    assert left(study()) == [3, 9, 9] == left(study(limit=20))
    assert left(study(limit=6, score=OPTIONS | {"batch_size": 3})) == [0, 0, 6]  # of the harness
    assert left(study(limit=6, score=OPTIONS | {"tokens_per_batch": 64})) == [6, 6, 6]
    score.score("m", [DENSE, INT8], ["own"], asking.settings(study(), "m"))
    assert left(study()) == [0, 0, 9] and left(whole) == [0, 0, 6]


def test_the_index_saves_opening_what_is_as_it_was(study, monkeypatch):
    prepare()
    score.score("m", [DENSE, INT8], ["own"], asking.settings(study(), "m"))
    expected = left(study())
    opened = []
    for module, name in ((index.storage, "read_manifest"), (index.kept, "listed"), (index.prepared, "metadata")):
        ask = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, _ask=ask, **more: opened.append(args[0]) or _ask(*args, **more))
    assert left(study()) == expected == [0, 0, 9] and not opened
    shutil.rmtree(paths.kept_dir("m", INT8))
    assert left(study()) == [0, 9, 9] and not opened
    os.utime(paths.manifest("m", DENSE), (1, 1))
    assert left(study()) == [0, 9, 9] and opened == [paths.manifest("m", DENSE)]


@pytest.mark.parametrize("spoilt", ["{", "[]", '{"results/m/dense/manifest.json": {}}'])
def test_an_index_that_is_spoilt_is_made_anew(study, spoilt):
    prepare()
    expected = left(study())
    Path(paths.ASKED).write_text(spoilt)
    assert left(study()) == expected and json.loads(Path(paths.ASKED).read_text()).keys() > {
        "results/m/dense/manifest.json"
    }


def test_what_changes_in_the_same_tick_of_the_clock_is_seen(study, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", SETTLED)
    prepare()
    folder = Path(paths.kept_dir("m", DENSE))
    folder.mkdir(parents=True)
    before = folder.stat()
    assert left(study()) == [9, 9, 9]
    score.score("m", [DENSE], ["own"], asking.settings(study(), "m"))
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert left(study()) == [0, 9, 9]


def test_what_cannot_be_read_is_to_be_asked(study, monkeypatch):
    prepare()
    Path(paths.kept_dir("m", DENSE)).mkdir(parents=True)

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(index.kept, "listed", refused)
    assert left(study()) == [9, 9, 9]


def test_an_index_that_cannot_be_written_stops_nothing(study):
    prepare()
    Path(paths.ASKED).mkdir()
    assert left(study()) == [9, 9, 9]


def test_without_results_nothing_is_written(study):
    shutil.rmtree("results")
    assert left(study(limit=3)) == [3, 3, 3] and not Path("results").exists()
