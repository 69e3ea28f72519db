"""What a study may not ask for is a clear message of planning, before any job. (That the workflow ends there, without a
plan, is shown in tests/workflow/test_bad_input.py.)"""

import copy
import math

import pytest
from helpers import tiny
from helpers.workflow import CONFIG, facts

from knowcost.common import addresses
from knowcost.common.errors import InputError
from knowcost.plan import batching, config, fitting


class Study:
    """A folder with two tables and a tiny BERT, and a configuration."""

    def __init__(self, folder):
        self.folder, self.config = folder, copy.deepcopy(CONFIG)

    def write_config(self, change):
        change(self.config)

    def add_row(self, table, *cells):
        with open(self.folder / table, "a") as f:
            f.write("\t".join(cells) + "\n")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny.fetched("bert", folder / "bert")
    return folder


@pytest.fixture
def project(tmp_path, checkpoints, monkeypatch):
    (tmp_path / "checkpoints").symlink_to(checkpoints)
    facts(tmp_path / "first.jsonl", 4)
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\t./checkpoints/bert\n")
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    monkeypatch.chdir(tmp_path)
    return Study(tmp_path)


def plan(project):
    """What the workflow does before anything else (workflow/rules/common.smk)."""
    study = config.load(project.config)
    batches = batching.batches(study)
    assert fitting.check(study) == []
    return batches


def refused(project, *expected):
    """Planning fails, and the message says all of this."""
    with pytest.raises(InputError) as error:
        plan(project)
    for part in expected:
        assert part in str(error.value)


def test_the_study_itself_is_planned(project):
    assert sum(len(batch.variants) for batch in plan(project)) == 6


def experiment(key, value):
    return lambda config: config["study"]["experiments"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(modles="x"), ["'modles' was unexpected", "known keys here", "models"]),
        (lambda c: c["study"].update(gruopings=[]), ["study", "'gruopings' was unexpected"]),
        (experiment("levels", [0]), ["study.experiments: 'prune': magnitude needs a level from 1 to 99", "not 0"]),
        (experiment("levels", [100]), ["magnitude needs a level from 1 to 99 (percent), not 100"]),
        (experiment("levels", [20, 0.5]), ["study.experiments: 'prune': level 0.5: levels are percent", "write 50"]),
        (experiment("levels", [True]), ["study.experiments: 'prune': levels: True is not of type"]),
        (experiment("levels", "20, 40"), ["'prune': levels: '20, 40' is not", "in square brackets"]),
        (experiment("families", ["decodr"]), ["study.experiments: 'prune': families: 'decodr' is not one of"]),
        (lambda c: c["study"]["experiments"][1].pop("name"), ["study.experiments: the 2nd experiment: 'name' is"]),
        (lambda c: c["study"]["experiments"].append("prune"), ["study.experiments: 'prune' is not of type 'object'"]),
        (lambda c: c.update(judge={"rubrics": [7.5]}), ["judge.rubrics: 7.5 is not of type 'string'"]),
        (experiment("steps", ["magic"]), ["no method 'magic'; known: magnitude", "rtn, int8"]),
        (experiment("steps", ["magnitude", "lost"]), ["'prune': 'lost' is no step to choose; study.protocols"]),
        (experiment("scopes", ["atention"]), ["no scope 'atention'", "known: attention"]),
        (experiment("steps", ["int8"]), ["none of int8 takes `levels`"]),
        (experiment("levels", ["2of4"]), ["'prune': magnitude needs a level from 1 to 99 (percent), not 2of4"]),
        (experiment("levels", ["4 bit"]), ["'prune': magnitude needs a level", "not 4 bit"]),
        (experiment("steps", ["wanda", "gptq"]), ["'prune': gptq needs a level like 4bit", "not 20"]),
        (lambda c: c.update(calibration={"length": 1}), ["calibration.length: 1 is less than the minimum of 2"]),
        (lambda c: c.update(other_calibrations={"b": {"sead": 1}}), ["other_calibrations.b", "'sead' was unexpected"]),
        (lambda c: c.update(other_calibrations={"c4": {"seed": 1}}), ["'c4' is already the name of the main ones"]),
        (lambda c: c.update(other_calibrations={"main": {"seed": 1}}), ["other_calibrations: 'main' is", "rename it"]),
        (experiment("calibrations", ["c4"]), ["'prune': none of magnitude looks at data; remove `calibrations`"]),
        (
            lambda c: c["study"]["experiments"][0].update(steps=["wanda"], calibrations=["b"]),
            ["'prune': no calibration data 'b'; known: c4"],
        ),
        (
            lambda c: c.update(other_calibrations={"C4": {"seed": 1}}),
            ["calibration data 'c4' and 'C4' differ"],
        ),
        (
            lambda c: (
                c.update(other_calibrations={"b" * 100: {"seed": 1}}),
                c["study"]["experiments"][0].update(
                    steps=["wanda", "gptq"], levels=["50+4bit"], scopes=["overall"], calibrations=["b" * 100]
                ),
            ),
            # wanda-50@overall~ and gptq-4bit@overall~ are 17 and 18 characters
            ["variant 'wanda-50@overall~bbb", "has 236 characters", "take fewer steps, or shorter names"],
        ),
        (lambda c: c.update(compress={"device": "tpu"}), ["compress.device: 'tpu' does not match"]),
        (lambda c: c.update(models="nowhere.tsv"), ["no table 'nowhere.tsv'"]),
        (lambda c: c.update(models=""), ["models: '' does not match", "path of the model table"]),
        (lambda c: c.update(models="a" * 5000), ["no table 'aaa"]),
        (experiment("levels", ["9" * 5000]), ["study.experiments: 'prune': levels: '999", "is too long"]),
        (lambda c: c.update(score=None), ["score: None is not of type 'object'; leave the key out"]),
        (lambda c: c.update(study=[]), ["study: [] is not of type 'object'"]),
        (lambda c: c.update(gpu={"memory_gb": math.nan}), ["gpu.memory_gb: nan is not", "type: [number, 'null']"]),
        (lambda c: c.update(gpu={"memory_gb": ".inf"}), ["gpu.memory_gb: '.inf' is not", "const: auto"]),
        (lambda c: c["study"].update(tolerance=math.inf), ["study.tolerance: inf is not of type 'number'"]),
        (lambda c: c.update(limit=True), ["limit: True is not of type 'integer'"]),
        (lambda c: c.update(limit=10**400), ["limit: ", "greater than the maximum of 1000000000"]),
        (lambda c: c.update(title=1.5), ["title: 1.5 is not of type 'string'; put a text in quotes"]),
        (lambda c: c.update(calibration={"name": "con/../x"}), ["calibration.name: 'con/../x' does not match"]),
        (lambda c: c.update(calibration={"name": "c4\n"}), ["calibration.name: 'c4\\n' does not match"]),
        (
            lambda c: c.update(calibration={"source": "{a}.txt"}),
            ["calibration.source: '{a}.txt'", "Snakemake", "rename"],
        ),
        (lambda c: c["study"].update(tolerance=1), ["study.tolerance: 1 is greater than or equal to the maximum of 1"]),
        (lambda c: c.update(limit=0), ["limit: 0 is less than the minimum of 1"]),
        (lambda c: c.update(archive="zip"), ["archive: 'zip' is not one of ['full', 'sparse', 'changed', 'recipe']"]),
        (lambda c: c.update(shard_size="5 gigabytes"), ["shard_size: '5 gigabytes' does not match"]),
        (lambda c: c["study"].update(budget={"size": "8 GB"}), ["study.budget.size: '8 GB'", "like 8GB, or null"]),
        (lambda c: c["study"].update(budget={"size": "9999999999GB"}), ["study.budget.size: '9999999999GB'"]),
        (lambda c: c["study"].update(budget={"points": -1}), ["study.budget.points: -1 is less"]),
    ],
)
def test_a_wrong_key_or_value_starts_no_job(project, change, expected):
    project.write_config(change)
    refused(project, *expected)


@pytest.mark.parametrize(
    ("table", "cells", "expected"),
    [
        ("models.tsv", ("two", "decodr", "./x"), ["row 'two'", "'decodr' is not one of"]),
        ("models.tsv", ("one", "encoder", "./x"), ["two rows are named 'one'"]),
        *[
            ("models.tsv", (name, "encoder", "./x"), [f"models.tsv: no model may be called '{name}'", "rename it"])
            for name in ("tables", "figures", "explore", "report.facts", "report.html", "report.html.sha256", "Tables")
        ],
        ("models.tsv", ("ONE", "encoder", "./x"), ["models.tsv: model 'one' and 'ONE' differ in nothing but capitals"]),
        (
            "benchmarks.tsv",
            ("First", "cloze", "first.jsonl", "encoder"),
            ["benchmarks.tsv: benchmark 'first' and 'First' differ", "rename one"],
        ),
        *[
            ("models.tsv", (name, "encoder", "./x"), ["models.tsv", "does not match"])
            for name in ("-x", ".", "a/../b", "a b")
        ],
        ("models.tsv", ("a" * 101, "encoder", "./x"), ["models.tsv", "is too long"]),
        ("models.tsv", ("two", "encoder", "./<x>"), ["row 'two': source: './<x>' does not match", "Snakemake"]),
        ("models.tsv", ("two", "decoder", "./checkpoints/bert"), ["no benchmark asks models of family 'decoder'"]),
        (
            "benchmarks.tsv",
            ("b", "lines", "x", "encoder"),
            ["family 'encoder' cannot be asked 'lines'", "may hold decoder"],
        ),
        ("benchmarks.tsv", ("b", "arc", "x", "encoder"), ["may hold encoder_decoder, decoder"]),
        ("benchmarks.tsv", ("b", "lama_trx", "x", "encoder"), ["no format 'lama_trx'", "lama_trex"]),
        ("models.tsv", ("two  encoder ./x",), ["models.tsv:3: columns are parted by tabs, this line has blanks"]),
        ("models.tsv", ("two", "encoder ./x"), ["models.tsv:3: columns are parted by tabs", "'two encoder ./x'"]),
        ("benchmarks.tsv", ("b", "cloze first.jsonl encoder"), ["benchmarks.tsv:3: columns are parted by tabs"]),
        ("models.tsv", ("two", "encodr", "./my models/x"), ["models.tsv:3: row 'two': family: 'encodr' is not"]),
    ],
)
def test_a_wrong_row_starts_no_job(project, table, cells, expected):
    project.add_row(table, *cells)
    refused(project, *expected)


def test_levels_are_those_of_slugs_however_they_are_written(project):
    project.write_config(experiment("levels", ["20%", 40.0, "60 percent"]))
    assert config.load(project.config).config["study"]["experiments"][0]["levels"] == [20, 40, 60]


@pytest.mark.parametrize(
    ("format", "column", "cell", "expected"),
    [
        ("cloze", "new_tokens", "9", ["new_tokens is '9', but format 'cloze' takes none; leave", "do: cnn_dailymail,"]),
        ("mt_bench", "size_bounds", "3,7", ["'mt_bench' takes none", "do: cnn_dailymail"]),
        ("cnn_dailymail", "size_bounds", "7,3", ["benchmarks.tsv: b: size_bounds: '7,3'; expected the words from"]),
        ("cnn_dailymail", "size_bounds", "3, 7", ["size_bounds: '3, 7' does not match", "300,700"]),
        ("cnn_dailymail", "new_tokens", "0", ["new_tokens: '0' does not match"]),
        ("cloze", "per_relation", "x", ["per_relation: 'x' does not match"]),
    ],
)
def test_a_wrong_word_on_what_is_taken_of_a_benchmark_starts_no_job(project, format, column, cell, expected):
    rows = [("name", "format", "source", "families", column), ("b", format, "first.jsonl", "decoder", cell)]
    (project.folder / "benchmarks.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    refused(project, *expected)


def test_a_published_companion_is_prepared_as_its_benchmark_is(project):
    said = {"new_tokens": "9", "per_relation": "2", "size_bounds": "3,7"}
    cells = ("s", "cnn_dailymail", "s.jsonl", "decoder", *said.values())
    with open(project.folder / "benchmarks.tsv", "w") as table:
        table.write("name\tformat\tsource\tfamilies\t" + "\t".join(said) + "\n" + "\t".join(cells) + "\n")
        table.write("first\tcloze\tfirst.jsonl\tencoder\n")
    project.write_config(lambda config: config["study"].update(protocols=["corrected", "published"]))
    study = config.load(project.config)
    companion = study.benchmarks["s@published"]
    assert companion["format"] == "cnn_dailymail_published" and said.items() <= companion.items()


def test_a_family_that_contradicts_the_architecture_starts_no_job(project):
    project.add_row("models.tsv", "two", "decoder", "./checkpoints/bert")
    project.add_row("benchmarks.tsv", "b", "boolq", "first.jsonl", "decoder")
    refused(
        project, "models.tsv: row 'two': family is 'decoder', but 'bert' in checkpoints/bert/config.json is 'encoder'"
    )


@pytest.mark.parametrize(
    ("step", "level", "expected"),
    [
        ("wanda", "5of10", "models.tsv: row 'one': wanda-5of10@overall: "),
        ("rtn", "4bit-g64", "do not divide into groups of 64; take a divisor"),
    ],
)
def test_a_level_that_a_local_model_cannot_hold_starts_no_job(project, step, level, expected):
    experiment = {"name": "x", "steps": [step], "scopes": ["overall"], "levels": [level]}
    project.write_config(lambda config: config["study"]["experiments"].append(experiment))
    refused(project, expected, "bert.encoder.layer.0")


def test_tables_and_sources_in_the_home_folder(project, monkeypatch):
    home = project.folder
    monkeypatch.setenv("HOME", str(home))
    (home / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\t~/checkpoints/bert\n")
    (home / "benchmarks.tsv").write_text(
        f"name\tformat\tsource\tfamilies\nfirst\tcloze\tfile://{home}/first.jsonl\tencoder\n"
    )
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    project.config |= {"models": "~/models.tsv", "benchmarks": "~/benchmarks.tsv"}
    project.config |= {"calibration": {"source": "~/c.txt"}, "other_calibrations": {"more": {"source": "~/d.txt"}}}
    assert plan(project)
    study = config.load(project.config)
    assert study.models["one"]["source"] == f"{home}/checkpoints/bert"
    assert study.benchmarks["first"]["source"] == f"{home}/first.jsonl"
    assert study.config["calibration"]["source"] == f"{home}/c.txt"
    assert study.config["other_calibrations"]["more"]["source"] == f"{home}/d.txt"


def test_a_home_folder_of_nobody_is_named_with_its_row(project):
    project.add_row("models.tsv", "two", "encoder", "~nobody-of-this-name/bert")
    with pytest.raises(InputError, match=r"models\.tsv:3: row 'two': source: .*no such home folder"):
        plan(project)


def test_a_query_is_hidden_everywhere_but_in_one_place(project):
    source = "https://a.example/b.jsonl?token=planted"
    with open("benchmarks.tsv", "a") as f:
        f.write(f"second\tcloze\t{source}\tencoder\n")
    project.config |= {
        "calibration": {"source": f"{source}1"},
        "other_calibrations": {"more": {"source": f"{source}2"}},
    }
    study = config.load(project.config)
    assert sorted(study.secret) == [source, f"{source}1", f"{source}2"]
    assert "planted" not in repr(study)
    assert study.benchmarks["second"]["source"] == addresses.hidden(source) != source
    assert study.config["calibration"]["source"] == addresses.hidden(f"{source}1")


@pytest.mark.parametrize("source", ["https://me:planted@a.example/b", "https://planted@a.example/b"])
def test_a_login_in_an_address_is_refused_and_not_said(project, source):
    for change in ({"calibration": {"source": source}}, {"other_calibrations": {"more": {"source": source}}}):
        with pytest.raises(InputError, match=r"calibration.*source: .*~/\.netrc") as said:
            config.load(project.config | change)
        assert "planted" not in str(said.value)
    with open("models.tsv", "a") as f:
        f.write(f"two\tencoder\t{source}\n")
    with pytest.raises(InputError, match=r"models\.tsv:3: row 'two': source: .*~/\.netrc") as said:
        config.load(project.config)
    assert "planted" not in str(said.value)


def test_texts_are_not_called_what_marks_facts_that_none_tell(project):
    with pytest.raises(InputError, match=r"'never' does not.*`never` is what benchmarks call facts that no texts tell"):
        config.load(project.config | {"calibration": {"name": "never"}})
    with pytest.raises(InputError, match=r"other_calibrations.*never"):
        config.load(project.config | {"other_calibrations": {"never": {"seed": 1}}})


def test_a_value_that_the_schema_refuses_is_shown_without_its_query(project):
    with pytest.raises(InputError, match=r"calibration\.source: 'https://a\.example/\{b\}\?hidden") as said:
        config.load(project.config | {"calibration": {"source": "https://a.example/{b}?token=planted"}})
    assert "planted" not in str(said.value)


def test_a_query_on_the_command_line_is_refused(project):
    source = "https://a.example/texts.txt?token=planted#x"
    study = config.load(project.config | {"calibration": {"source": source}})
    config.refuse_secrets_in(["snakemake", "--configfile", "token.yaml"], study)
    with pytest.raises(InputError, match=r"a\.example/texts\.txt\?hidden-.* --configfile") as said:
        config.refuse_secrets_in(["snakemake", "--config", f"calibration={{source: {source}}}"], study)
    assert "planted" not in str(said.value)
    short = config.load(project.config | {"calibration": {"source": "https://a.example/texts.txt?1"}})
    config.refuse_secrets_in(["snakemake", "--cores", "1", "--configfile", "token.yaml"], short)
