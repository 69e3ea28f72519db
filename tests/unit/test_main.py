"""The command: help, the answer of a run, and what it says where there is no run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import fake_results

import knowcost
from knowcost.__main__ import UNREAD, main
from knowcost.aggregate import job
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.report import answer as report_answer


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and said.startswith("usage: knowcost")
    assert all(name in said for name in ("answer", "facts", "status", "hours", "propose"))


@pytest.mark.parametrize(
    "arguments", [[], ["guess"], ["answer", "--loudly"], ["facts", "m"], ["facts", "m", "v", "--forgotten", "--gained"]]
)
def test_other_words_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: knowcost" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"knowcost {knowcost.__version__}\n"


def test_answer_of_the_run_in_this_folder(tmp_path, monkeypatch, capsys):
    made = fake_results.make(tmp_path, models={"tiny-bert": "encoder"}, facts=60)
    job.aggregate(*made, tmp_path / paths.TABLES, fake_results.SETTINGS)
    monkeypatch.chdir(tmp_path)
    assert main(["answer"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("- tiny-bert (encoder) answers ")
    assert last == "The whole study: results/report.html"


def test_the_answer_does_not_act_on_the_terminal(tmp_path, monkeypatch, capsys):
    (tmp_path / paths.TABLES).mkdir(parents=True)
    (tmp_path / paths.TABLES / "drops.parquet").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report_answer, "answer", lambda folder: ["by \x1b[2J models"])
    assert main(["answer"]) == 0
    assert capsys.readouterr().out.startswith("- by \\x1b[2J models\n")

    def broken():
        raise InputError("\x1b]0;x\x07: missing")

    monkeypatch.setattr(report_answer, "main", broken)
    assert main(["answer"]) == 1
    assert capsys.readouterr().err == "knowcost: \\x1b]0;x\\x07: missing\n"


def test_a_reader_that_stops_reading_is_no_error(root):
    """`knowcost hours ... | head -1`: the reader is gone before anything is said."""
    command = [sys.executable, "-m", "knowcost", "hours", "config/presets/recovery.yaml", "80"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, cwd=root, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.stderr == "" and done.returncode == UNREAD


def test_no_run_in_this_folder(tmp_path):
    asked = subprocess.run(
        [sys.executable, "-m", "knowcost", "answer"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(knowcost.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 1 and asked.stdout == ""
    assert asked.stderr.startswith("knowcost: results/tables: no tables in this folder; run `snakemake`")
    assert "Traceback" not in asked.stderr
