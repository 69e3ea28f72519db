"""What a study asks for in all, against sums done by hand."""

import pytest

from knowcost.__main__ import main
from knowcost.plan import config, hours, resources
from knowcost.plan.resources import Size, Work
from knowcost.plan.training import Training

EXPERIMENT = {"name": "few", "families": ["decoder"], "steps": ["gptq"], "scopes": ["overall"], "levels": ["3bit"],
              "recover": ["lora-r2", "lora-r4"]}  # fmt: skip
SEVEN = Size(7_000_000_000, 14.0)  # what a model is taken for that is not here


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """A configuration of one model that was not fetched, under one compression and two recoveries."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\tdtype\nmine\tdecoder\tx/mine\tfloat16\n")
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfacts\tcloze\tfacts.jsonl\tdecoder\n")
    (tmp_path / "facts.jsonl").touch()
    (tmp_path / "study.yaml").write_text(
        f"models: models.tsv\nbenchmarks: benchmarks.tsv\nstudy: {{experiments: [{EXPERIMENT}]}}\n"
    )
    given = {"models": "models.tsv", "benchmarks": "benchmarks.tsv", "study": {"experiments": [EXPERIMENT]}}
    return lambda memory: config.load(given, memory)


def test_gpu_hours_by_hand(configured):
    """Compress: the dense copy without a GPU, GPTQ 60 + 30 x 7 minutes. Score: two of the compressed or dense and two
    recovered variants, in jobs of 30 minutes and, a cell, 4 + 7 + 2 x 7e9 x 5e5 / 2e13 / 60."""
    compress, recover, score = hours.asked(configured(80))
    assert (compress.jobs, compress.gpu_hours, compress.gpus) == (2, 270 / 60, 1)
    assert compress.thread_hours == pytest.approx((43 * 1 + 270 * 2) / 60) and compress.longest == 4.5
    minutes = resources.needs(
        Work("recover", SEVEN, "float32", gpu_memory_gb=80, training=Training(40_960_000, 2 * 1024, 64 * 1024))
    )["runtime"]
    assert (recover.jobs, recover.gpu_hours) == (2, pytest.approx(2 * minutes / 60)) and minutes > 900
    assert (score.jobs, score.gpu_hours) == (2, pytest.approx(2 * 64 / 60))  # 30 + 2 x 16.83


def test_without_gpus_threads_work(configured):
    assert all(each.gpu_hours == 0 and each.gpus == 0 for each in hours.asked(configured(None)))


def test_the_command_prints_a_line_for_each_stage(configured, capsys):
    assert main(["hours", "study.yaml", "80"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines[1:5]] == [["compress", "2"], ["recover", "2"], ["score", "2"], ["all", "6"]]
    assert lines[1][2:] == ["4", "10", "4.5", "1"]


def test_the_folder_s_own_configuration_lies_under_the_file_as_in_a_run(configured, tmp_path, capsys):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text((tmp_path / "study.yaml").read_text())
    (tmp_path / "study.yaml").write_text("limit: 3\n")
    assert main(["hours", "study.yaml", "80"]) == 0
    assert capsys.readouterr().out.splitlines()[4].split()[:2] == ["all", "6"]


@pytest.mark.parametrize(
    ("text", "memory", "words"),
    [
        (None, "80", "study.yaml: is no readable configuration"),
        ("a: [", "80", "study.yaml: is no readable configuration"),
        ("- models", "80", "study.yaml: expected the keys of a configuration"),
        ("limit: 3", "much", "GPU_MEMORY_GB 'much': expected gigabytes of one GPU, such as 80"),
        ("limit: 3", "-1", "GPU_MEMORY_GB '-1': expected gigabytes"),
        ("limit: 3", "nan", "GPU_MEMORY_GB 'nan': expected gigabytes"),
        ("nonsense: 3", "80", "nonsense"),
    ],
)
def test_what_is_wrong_is_said(text, memory, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "study.yaml").write_text(text)
    assert main(["hours", "study.yaml", memory]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
