"""Who gave the configuration, and in which folders a table is looked for."""

import copy

import pytest
from helpers.workflow import CONFIG, facts

from knowcost.common.errors import InputError
from knowcost.plan import config, origin
from knowcost.plan.origin import Origin


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of a run, without a configuration or tables."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with defaults, a preset and two tables, elsewhere."""
    folder = tmp_path / "repository"
    (folder / "config/presets").mkdir(parents=True)
    (folder / "config/config.yaml").write_text("models: config/models.tsv\nbenchmarks: config/benchmarks.tsv\n")
    (folder / "config/presets/demo.yaml").write_text("models: config/models.tsv\n")
    (folder / "config/models.tsv").write_text("name\n")
    monkeypatch.setattr(origin, "ROOT", folder)
    monkeypatch.setattr(origin, "DEFAULTS", folder / "config/config.yaml")
    return folder


def own(folder, text="models: config/models.tsv\n"):
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config/config.yaml").write_text(text)
    return folder / "config/config.yaml"


def find(by, **given):
    return origin.find("config/models.tsv", "models", given or {"models": "config/models.tsv"}, by)


def test_what_the_user_s_own_file_names_is_looked_for_in_this_folder_alone(here, repository):
    by = Origin([own(here)])
    with pytest.raises(InputError) as said:
        find(by)
    words = (
        f"models: no table 'config/models.tsv' in {here}, where this runs (--directory); config/config.yaml names it"
    )
    assert str(said.value).startswith(words)
    assert str(said.value).endswith(f"the workflow's own is {repository}/config/models.tsv")
    (here / "config/models.tsv").touch()
    assert find(by).samefile(here / "config/models.tsv")


def test_what_the_repository_s_files_name_is_here_or_in_the_repository(here, repository):
    table = repository / "config/models.tsv"
    own(here, "limit: 3\n")  # names no table
    for by in (Origin(), Origin([repository / "config/presets/demo.yaml"]), Origin([here / "config/config.yaml"])):
        assert origin.find("config/models.tsv", "models", {}, by) == table
    (here / "config/models.tsv").touch()
    assert origin.find("config/models.tsv", "models", {}, Origin()).samefile(here / "config/models.tsv")


def test_the_last_who_names_it_counts(here, repository, tmp_path):
    preset, mine = repository / "config/presets/demo.yaml", tmp_path / "mine.json"
    mine.write_text('{"models":\t"config/models.tsv"}')  # as Snakemake takes it
    given = {"models": "config/models.tsv"}
    assert Origin([preset, mine]).who("models", given) == (str(mine), True)
    assert Origin([mine, preset]).who("models", given) == (str(preset), False)
    assert Origin([mine, preset], {"models": "x"}).who("models", given) == ("--config", True)
    assert Origin().who("models", given) == ("the configuration", True)  # of a workflow that uses this one
    assert Origin([mine]).who("limit", {}) == (str(repository / "config/config.yaml"), False)


def test_the_configuration_of_the_folder_is_one_where_it_is_not_the_workflow_s_own(here, repository, monkeypatch):
    assert origin.here() is None
    own(here)
    assert origin.here() == origin.CONFIG
    monkeypatch.chdir(repository)
    assert origin.here() is None


def test_whose_configuration_it_is_in_words(here, repository, monkeypatch):
    mine = Origin([origin.CONFIG, repository / "config/presets/demo.yaml"], {"limit": 1})
    assert mine.words() == f"config/config.yaml, {repository}/config/presets/demo.yaml, --config"
    forgotten = f"{repository}/config/config.yaml (there is no config/config.yaml here)"
    assert (Origin().words(), Origin([], {"limit": 1}).words()) == (forgotten, f"{forgotten}, --config")
    monkeypatch.chdir(repository)
    assert Origin().words() == "config/config.yaml"


def test_a_link_to_nothing_is_not_passed_over_for_the_workflow_s_own_study(here, repository):
    own(here).unlink()
    for leads_to in ("nowhere.yaml", "config.yaml"):
        (here / "config/config.yaml").symlink_to(leads_to)
        with pytest.raises(InputError, match=r"^config/config\.yaml: (is no readable configuration|cannot be read)"):
            origin.here()
        (here / "config/config.yaml").unlink()


@pytest.mark.parametrize("text", ["a: [", "- models\n", "# all commented out\n", None])
def test_what_is_no_configuration_is_said_with_its_name(here, repository, text):
    own(here, text or "")
    if text is None:
        (here / "config/config.yaml").unlink()
        (here / "config/config.yaml").mkdir()
    with pytest.raises(
        InputError, match=r"^config/config\.yaml: (is no readable|expected the keys of a) configuration"
    ):
        origin.here()


def test_a_study_says_which_tables_it_read(here, root):
    facts(here / "first.jsonl", 4)
    (here / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    given = copy.deepcopy(CONFIG) | {"models": str(root / "config/models.tsv")}
    given["models"] = "models.tsv"
    with pytest.raises(InputError, match="--config names it"):
        config.load(given, by=Origin([], {"models": "models.tsv"}))
    (here / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\tx/y\n")
    study = config.load(given, by=Origin([], {"models": "models.tsv"}))
    assert [origin.shown(file) for file in study.tables.values()] == ["models.tsv", "benchmarks.tsv"]
