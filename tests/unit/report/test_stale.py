"""What the study no longer names, on a folder written by hand: what is listed, what is removed, what never is."""

import logging
import os
import re
from pathlib import Path

import pytest

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.report import unnamed
from knowcost.report.stale import stale
from knowcost.report.unnamed import Named

KEY = "0123456789abcdef"
PRUNED = "magnitude-40@overall"
NAMED = Named(
    models=["one", "brought"],
    benchmarks=["boolq", "a.b.c"],
    calibrations=["c4"],
    archives=[("one", "dense"), ("one", "brought-brought")],
    cells=[("one", variant, name) for variant in ("dense", "brought-brought") for name in ("boolq", "a.b.c")],
    downloads=["resources/downloads/00000000000000aa"],
)
KEPT = [  # of the study, of somebody, and what is never removed
    "results/tables/drops.csv",
    "results/report.html",
    "results/.asked.json",
    "results/mine/notes.txt",
    "results/mine/web/manifest.json",
    "results/one/thresholds.json",
    "results/one/calibration/c4.parquet",
    "results/one/dense/manifest.json",
    "results/one/dense/scores/boolq.parquet",
    "results/one/dense/scores/notes.csv",
    "results/one/dense/scores/my-notes.parquet",
    f"results/one/dense/scores/.kept/boolq.{KEY}.20.parquet",
    f"results/one/dense/scores/.kept/boolq.{KEY}.all.parquet",
    "results/one/dense/scores/.kept/boolq.parquet",  # of an earlier version
    f"results/one/dense/scores/.kept/a.b.c.{KEY}.all.parquet",
    "results/one/brought-brought/manifest.json",
    "results/old/drawings/magnitude.svg",
    "resources/models/one/source.json",
    "resources/models/brought/source.json",
    "resources/models/by-hand/model.safetensors",
    "resources/revisions/one.json",
    "resources/benchmarks/boolq.parquet",
    "resources/benchmarks/mine.csv",
    "resources/benchmarks/my-notes.parquet",
    "resources/calibration/c4.arrow",
    "resources/downloads/00000000000000aa/.lock",
    "resources/downloads/00000000000000aa/boolq.jsonl",
    "resources/downloads/mine/.lock",
    "resources/published/table1.csv",
    "resources/world/facts.jsonl",
    "exports/one/dense/manifest.json",
    "exports/one/web/manifest.json",
    "judgements/0a/0a1.json",
    "logs/score/old.log",
]
STALE = {
    "resources/models/old": ["source.json", ".source.json", ".lock", "model.safetensors", ".cache/hub/a"],
    "resources/revisions/old.json": [""],
    "results/old": ["thresholds.json", ".thresholds.json", "calibration/c4.parquet", "dense/manifest.json",
                    "dense/config.json", "dense/scores/boolq.parquet", f"dense/scores/.kept/boolq.{KEY}.all.parquet",
                    "dense/judgements/boolq.parquet", f"{PRUNED}/.manifest.json"],
    f"results/one/{PRUNED}": ["manifest.json", "model.safetensors", "scores/boolq.parquet"],
    f"results/one/{PRUNED}^lora-r4": [".training/state.bin"],
    "results/one/calibration/wiki.parquet": [""],
    "results/one/*/scores/piqa.parquet": [],
    "resources/benchmarks/piqa.parquet": [""],
    "resources/calibration/wiki.arrow": [""],
    "resources/downloads/00000000000000bb": [".lock", "piqa.zip", "piqa/SHA256SUMS", "piqa/a/b.jsonl"],
    f"exports/one/{PRUNED}": ["manifest.json", "model.safetensors"],
    f"exports/one/{PRUNED}^lora-r4": ["SHA256SUMS", "manifest.json", "adapter/adapter_model.safetensors"],
}  # fmt: skip
PIQA = ["scores/piqa.parquet", f"scores/.kept/piqa.{KEY}.20.parquet", "judgements/piqa.parquet"]
UNSEALED = ("web", "SHA256SUMS", ".lock", ".training", "notes", "lora-r4")


def write(path, data="x"):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(data)
    if Path(path).suffix in (".json", ".parquet", ".arrow") and not any(word in path for word in UNSEALED):
        seal.seal(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in KEPT:
        write(path)
    for path, inside in STALE.items():
        for name in inside:
            if name.endswith("/.manifest.json"):
                seal.write_json(f"{path}/{name}", {"of": "a digest", "made": {}})
            else:
                write(f"{path}/{name}".rstrip("/"), path)
    for name in PIQA:
        write(f"results/one/dense/{name}")
    return tmp_path


def listed(named=NAMED):
    return {each.path: each for each in unnamed.find(named)}


def there():
    return {str(path) for path in Path().rglob("*") if path.is_file() and path.suffix != seal.SUFFIX}


def lines(caplog, confirmed=None, named=NAMED):
    caplog.clear()
    caplog.set_level(logging.INFO)
    stale(named, confirmed)
    return caplog.messages


def number(said):
    return re.fullmatch(r"To remove these.*: snakemake --cores 1 stale --config delete=(s[0-9a-f]{6})", said[-1])[1]


def test_all_that_is_not_named_is_listed_and_nothing_else(folder):
    assert listed().keys() == STALE.keys()


def test_what_was_listed_is_removed_and_nothing_else(folder, caplog):
    said = lines(caplog)
    assert there() > set(KEPT), "listing removes nothing"
    assert re.match(r"Removed \d+ files; .* are free\.", lines(caplog, number(said))[0])
    assert there() == set(KEPT)
    for gone in ("results/one/" + PRUNED, "resources/models/old", "exports/one/" + PRUNED, "results/old/dense"):
        assert not Path(gone).exists()
    assert lines(caplog)[0] == "Nothing lies here that this study does not name."


def test_another_list_has_another_number_and_removes_nothing(folder, caplog):
    before = number(lines(caplog))
    write("resources/benchmarks/winogrande.parquet")
    files = there()
    said = lines(caplog, before)
    assert said[0] == f"delete: {before} is not the number of a list that may go, so nothing was removed:"
    assert there() == files and number(said) != before


def test_sizes_are_those_on_the_disk_and_links_count_once(folder, caplog):
    big = Path("results/old/dense/model.safetensors")
    big.write_bytes(bytes(20_000_000))
    os.link(big, "results/old/dense/again.safetensors")
    [line] = [line for line in lines(caplog) if line.endswith("  results/old")]
    assert re.match(r" *20\.[01] MB ", line)
    assert not any("other names" in line for line in caplog.messages)
    os.link(big, "results/one/dense/model.safetensors")  # as a renamed model has it
    assert any(re.search(r"20\.0 MB  of it have other names too", line) for line in lines(caplog))
    last = lines(caplog, number(caplog.messages))
    assert " kB are free" in last[0], "it stays on the disk"


def test_links_are_removed_and_not_what_they_lead_to(folder, caplog):
    Path("away").mkdir()
    for path, name in ((f"results/one/{PRUNED}", "variant"), ("results/old/dense", "dense"),
                       ("resources/models/old", "model")):  # fmt: skip
        Path(path).rename(f"away/{name}")
        Path(path).symlink_to(f"{folder}/away/{name}")
    behind = {path for path in there() if path.startswith("away")}
    Path("resources/downloads/00000000000000bb/piqa/link").symlink_to("../../../../away")
    lines(caplog, number(lines(caplog)))
    assert not any(Path(path).is_symlink() for path in (f"results/one/{PRUNED}", "results/old/dense"))
    assert not Path("resources/models/old").is_symlink()
    assert {path for path in there() if path.startswith("away")} == behind


def test_what_lies_behind_a_link_to_a_folder_stays(folder, caplog):
    Path("results/one").rename("away")
    Path("results/one").symlink_to("../away")
    said = lines(caplog)
    assert any(f"results/one/{PRUNED} (not removed: results/one is a link to ../away" in line for line in said)
    lines(caplog, number(said))
    assert Path(f"away/{PRUNED}/model.safetensors").exists()
    assert not Path("results/old/dense").exists()


def test_resources_that_are_shared_are_listed_and_stay(folder, caplog):
    Path("resources").rename("shared")
    Path("resources").symlink_to("shared")
    said = lines(caplog)
    [line] = [line for line in said if "resources/models/old" in line]
    assert "not removed: resources is a link to shared, where others may use it" in line
    lines(caplog, number(said))
    assert Path("shared/models/old/model.safetensors").exists()
    assert not Path("results/old/dense").exists()


def test_results_on_another_disk_are_removed(folder, caplog):
    Path("results").rename("disk")
    Path("results").symlink_to("disk")
    lines(caplog, number(lines(caplog)))
    assert not Path("disk/old/dense").exists() and Path("disk/one/dense/manifest.json").exists()


@pytest.mark.parametrize("source", ["resources/models/old", "./results/old/../old", "results/old/dense/config.json"])
def test_a_source_of_the_study_is_not_listed(folder, source):
    held = "resources/models/old" if "models" in source else "results/old"
    named = Named(**{**vars(NAMED), "sources": [source]})
    assert listed(named).keys() == STALE.keys() - {held}


def test_capitals_do_not_count(folder):
    named = Named(**{**vars(NAMED), "models": ["one", "brought", "OLD"], "benchmarks": ["BoolQ", "PIQA", "a.b.c"]})
    assert not {"resources/models/old", "resources/benchmarks/piqa.parquet"} & listed(named).keys()


def test_nothing_is_removed_while_another_snakemake_is_at_work(folder, caplog):
    right, files = number(lines(caplog)), there()
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.input.lock").write_text("")  # our own run's, which makes nothing
    Path(".snakemake/locks/0.output.lock").write_text("results/one/dense/manifest.json\n")
    with pytest.raises(InputError, match="another Snakemake is at work in this folder"):
        stale(NAMED, right)
    assert files < there()
    Path(".snakemake/locks/0.output.lock").unlink()
    stale(NAMED, right)
    assert not Path("results/old/dense").exists()


def test_kept_answers_and_what_is_missing_are_said(folder, caplog):
    said = lines(caplog)
    assert any(line.startswith("Never removed: 4 kept answers of what the study names") for line in said)
    assert any(line.startswith("3 results of this study are not made yet. A model that was only") for line in said)


def test_nothing_is_removed_with_a_configuration_of_which_nothing_is_here(folder, caplog):
    other = Named(["b"], ["boolq"], ["c4"], [("b", "dense")], [("b", "dense", "boolq")])
    said, files = lines(caplog, named=other), there()
    assert any("results/one" in line for line in said)
    assert said[-1].startswith("Nothing is removed before any result of this study is here. Is this its configuration")
    lines(caplog, unnamed.digest(unnamed.find(other)), other)
    assert there() == files
