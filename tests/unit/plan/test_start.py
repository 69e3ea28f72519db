"""What is said before anything is planned."""

import copy

import pytest
from helpers.workflow import CONFIG, facts

from knowcost.common import paths, seal
from knowcost.plan import config, design, start
from knowcost.plan.origin import Origin


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function: the study of a small folder, with these changes of its configuration."""
    monkeypatch.chdir(tmp_path)
    facts(tmp_path / "first.jsonl", 4)
    rows = "".join(f"{name}\tencoder\tx/{name}\n" for name in ("one", "two"))
    (tmp_path / "models.tsv").write_text(f"name\tfamily\tsource\n{rows}")
    (tmp_path / "only.tsv").write_text("name\tfamily\tsource\ntwo\tencoder\tx/two\n")
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    return lambda **changes: config.load(copy.deepcopy(CONFIG) | changes)


def experiments(levels):
    step = {"name": "prune", "steps": ["magnitude"], "scopes": ["overall"], "levels": levels}
    return CONFIG["study"] | {"experiments": [step]}


def finished(study):
    """What the report's job leaves of a study."""
    seal.write_json(paths.STUDY, start.about(study))
    with open(paths.REPORT, "w"):
        pass


def test_the_study_in_one_line(study, tmp_path):
    of = study(limit=30)
    asked = dict.fromkeys(design.cells(of), 0)
    asked |= dict.fromkeys(list(asked)[:4], 30) | {list(asked)[4]: 10}
    assert start.line(of, Origin([tmp_path / "config/config.yaml"], {"limit": 30}), asked) == (
        "knowcost: config/config.yaml, --config; models models.tsv (2), benchmarks benchmarks.tsv (1), 12 variants, "
        "limit 30; 12 cells: 5 to be asked, 7 kept"
    )
    for name in of.benchmarks:
        seal.write_json(paths.benchmark(name), {})
    assert start.line(of, Origin([]), asked).endswith("12 cells: 5 to be asked (130 facts), 7 kept")
    assert start.stopped(asked) == "knowcost: stopped; 7 of 12 cells kept, the same command goes on from there"
    finished(of)
    said = start.line(study(), Origin([tmp_path / "mine.yaml"]), {design.cells(of)[0]: 0})
    assert said.startswith("knowcost: mine.yaml; ")
    assert said.endswith("1 variant, no limit; 1 cell: all kept. Page of the last run: results/report.html")


def test_a_study_that_grows_replaces_nothing_that_is_missed(study):
    assert list(start.replaced(study())) == []
    finished(study(limit=3, models="only.tsv", study=experiments([20])))
    assert list(start.replaced(study(limit=4, study=experiments([20, 40])))) == []
    assert list(start.replaced(study(study=experiments([20])))) == []


def test_a_level_less_is_one_short_sentence(study):
    finished(study(study=experiments([20, 30, 40, 50, 60, 70, 80])))
    assert list(start.replaced(study(study=experiments([20])))) == [
        "results/report.html has 6 variants that this study does not name any more (magnitude-30@overall, "
        "magnitude-40@overall, magnitude-50@overall, magnitude-60@overall and 2 more). The next page leaves that out; "
        "archives and answers stay."
    ]


def test_another_study_s_page_is_said_to_be_replaced_and_how_to_keep_it(study):
    finished(study(title="The other"))
    (said,) = start.replaced(study(title="Mine", models="only.tsv", limit=2))
    assert said == (
        "results/report.html here is of the study 'The other', not of 'Mine'; it has what this one has not: models "
        "one; more facts (no limit, this one: limit 2). A run to the end replaces it, results/tables and "
        "results/figures; archives and answers stay. To keep both, give this study a folder of its own (--directory)."
    )
    (said,) = start.replaced(study(title="Mine"))
    assert "'The other', not of 'Mine'. A run to the end" in said
    finished(study(limit=20))
    (said,) = start.replaced(study(limit=10))
    assert "; it has what this one has not: more facts (limit 20, this one: limit 10). A run" in said


def test_what_is_damaged_or_not_there_says_nothing(study, tmp_path):
    finished(study(title="The other"))
    (tmp_path / paths.STUDY).write_text("{}")
    assert list(start.replaced(study())) == []
    for older in ({"title": "The other"}, ["The other"]):
        seal.write_json(tmp_path / paths.STUDY, older)
        assert list(start.replaced(study())) == []
    (tmp_path / paths.STUDY).unlink()
    assert list(start.replaced(study())) == []
