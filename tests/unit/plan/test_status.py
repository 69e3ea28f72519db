"""What `knowcost status` says of a folder."""

from pathlib import Path

import pytest
import yaml

from knowcost.__main__ import main
from knowcost.aggregate import names
from knowcost.common import paths

CONFIG = {
    "title": "Mine", "models": "models.tsv", "benchmarks": "benchmarks.tsv", "limit": 30,
    "study": {"groupings": ["paper"], "experiments": [
        {"name": "cut", "steps": ["magnitude"], "scopes": ["overall"], "levels": [20, 40], "recover": ["lora-r2"]}
    ]},
}  # fmt: skip
BLOCK = 4096  # bytes, the most that a small file takes on the disk here


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A study of one decoder and two benchmarks, one of which its dense model and one variant have been asked."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\none\tdecoder\t./here\n")
    rows = "one\tboolq\t./one\tdecoder\ntwo\tboolq\t./two\tdecoder\n"
    (tmp_path / "benchmarks.tsv").write_text(f"name\tformat\tsource\tfamilies\n{rows}")
    variants = ("dense", "magnitude-20@overall")
    made = [paths.model_source("one"), paths.benchmark("one"), *(paths.manifest("one", slug) for slug in variants)]
    made += [paths.scores("one", slug, "one") for slug in variants]
    made += [
        paths.export("one", "dense"),
        paths.log("fetch", "one"),
        paths.manifest("one", "magnitude-20@overall^lora-r2"),
    ]
    for path in made:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * BLOCK)
    monkeypatch.chdir(tmp_path)


def said(capsys, *options):
    assert main(["status", *options]) == 0
    return capsys.readouterr().out.splitlines()


def test_what_is_there_of_how_much(capsys):
    first, *lines, disk = said(capsys)
    assert first.startswith("knowcost: config/config.yaml; models models.tsv (1), benchmarks benchmarks.tsv (2), ")
    assert [line.strip() for line in lines] == [
        "1 of 1 models fetched",
        "1 of 2 benchmarks prepared",
        "2 of 3 variants archived",
        "1 of 2 variants recovered",
        "2 of 10 cells; 300 facts of 10 cells are still to be asked",  # what lies there is no answer of anything
        f"0 of {len(names.TABLES)} tables",
        "0 of 1 folders of facts",
        "0 of 1 figures",
        "0 of 1 page",
        "0 files of kept answers",
    ]
    kinds = dict(each.rsplit(" ", 2)[:2] for each in disk.removeprefix("On the disk: ").split(", "))
    assert list(kinds) == ["models", "benchmarks and texts", "archives", "answers", "exports", "logs"]
    assert float(kinds["archives"]) == pytest.approx(3 * BLOCK / 1e3, abs=1)


def test_another_configuration_lies_above_the_folder_s(capsys):
    Path("more.yaml").write_text("limit: 5\nstudy: {experiments: []}\n")
    first, *lines, _ = said(capsys, "--configfile", "more.yaml")
    assert "config/config.yaml, more.yaml; " in first and "limit 5" in first
    assert "       1 of 2 cells; 10 facts of 2 cells are still to be asked" in lines


def test_a_snakemake_that_is_at_work_is_named(capsys):
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.output.lock").write_text("")
    assert said(capsys)[-1].startswith("On the disk: ")
    Path(".snakemake/locks/0.output.lock").write_text("results/report.html\n")
    assert said(capsys)[-1].startswith("Snakemake is at work in this folder; if it was killed")


def test_a_configuration_that_is_wrong_is_named(capsys):
    Path("more.yaml").write_text("limits: 5\n")
    assert main(["status", "--configfile", "more.yaml"]) == 1
    assert "limits" in capsys.readouterr().err
