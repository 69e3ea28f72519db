"""What the target `stale` takes for named: all of a study, and the downloads that its tables ask for."""

import copy
import hashlib
from pathlib import Path

import pytest
from helpers.workflow import CONFIG

from knowcost.common import addresses
from knowcost.plan import config
from knowcost.plan.named import named

BENCHMARKS = (
    "name\tformat\tsource\trevision\tfamilies\n"
    "mine\tcloze\tmine.jsonl\t\tencoder\n"
    "zipped\tcloze\thttps://example.org/b.zip?key=secret#a/b.jsonl\t\tencoder\n"
    "hub\tcloze\thf://datasets/org/name/b.jsonl\tv2\tencoder\n"
)
ADDRESSES = ["https://example.org/b.zip?key=secret", "hf://datasets/org/name/b.jsonl@v2"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models.tsv").write_text("name\tfamily\tsource\none\tencoder\t./here\ntwo\tencoder\torg/two\n")
    Path("benchmarks.tsv").write_text(BENCHMARKS)
    experiments = [{"name": "quantize", "steps": ["int8"], "scopes": ["overall"]}]
    others = {"again": {"seed": 1}, "texts": {"source": "texts.jsonl"}}
    given = copy.deepcopy(CONFIG) | {"other_calibrations": others}
    given["study"]["experiments"] = experiments
    return config.load(given)


def test_all_of_a_study_is_named(study):
    found = named(study)
    assert found.models == ["one", "two"]
    assert found.benchmarks == ["mine", "zipped", "hub"]
    assert found.calibrations == ["c4", "again", "texts"]
    assert found.archives == [(model, slug) for model in ("one", "two") for slug in ("dense", "int8@overall")]
    assert len(found.cells) == 12 and ("two", "int8@overall", "hub") in found.cells
    assert set(found.sources) == {"./here", "mine.jsonl", "texts.jsonl"}


def test_downloads_are_those_of_the_whole_addresses(study, monkeypatch):
    monkeypatch.setattr("os.environ", {})
    addresses.hand_down(study.secret)
    urls = [*ADDRESSES, f"{study.config['calibration']['source']}@main"]
    digests = {hashlib.sha256(url.encode()).hexdigest()[:16] for url in urls}
    assert {Path(path).name for path in named(study).downloads} == digests
