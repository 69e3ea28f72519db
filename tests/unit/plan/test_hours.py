"""What a study asks for in all, against sums done by hand."""

import pytest

from knowcost.__main__ import main
from knowcost.plan import config, hours

EXPERIMENT = {"name": "few", "families": ["decoder"], "steps": ["gptq"], "scopes": ["overall"], "levels": ["3bit"],
              "recover": ["lora-r2", "lora-r4"]}  # fmt: skip


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
    """Compress: the dense copy without a GPU, 0.4 + 5 x 14 seconds; GPTQ 75.4, 3 x 2 x 7e9 x 262,144 / 1e14 and a
    sweep of 1e-7 x 7e9 x 4.21 / 8. Recover: 61.4, 1,000 and 7e9 x (6 x 40.96e6 + 2 x 11 x 65,536) / 2e13, of which the
    first hour is asked for three times. Score: dense (twice) and compressed, and two recovered variants, of 10,000
    facts with 80 tokens and 5 prompts each."""
    compress, recover, score = hours.asked(configured(80))
    gptq = 75.4 + 110.1 + 368.4
    assert (compress.jobs, compress.gpus) == (2, 1)
    assert compress.gpu_hours == pytest.approx(gptq / 3600, rel=5e-3)
    assert compress.thread_hours == pytest.approx((71 + 2 * gptq) / 3600, rel=5e-3)
    assert (compress.asked_gpu_hours, compress.asked_thread_hours) == (38 / 60, (14 + 2 * 38) / 60)
    trained = 1061.4 + 7e9 * (6 * 40.96e6 + 22 * 65_536) / 2e13
    assert (recover.jobs, recover.gpu_hours) == (2, pytest.approx(2 * trained / 3600, rel=1e-3))
    assert recover.longest == pytest.approx((600 + 1.5 * trained + 1.5 * 3600) / 3600, abs=1 / 60)
    told = 10_000 * (80 * 14e9 / 1e14 + 5 * 0.0003)  # seconds, once
    expected = 3 * told + 2 * told + 2 * (8.4 + 2 * (14 + 56) + 2 * 0.15)
    assert (score.jobs, score.gpu_hours) == (2, pytest.approx(expected / 3600, rel=1e-3))


def test_without_gpus_threads_work(configured):
    assert all(each.gpu_hours == each.asked_gpu_hours == each.gpus == 0 for each in hours.asked(configured(None)))


def test_the_command_prints_a_line_for_each_stage(configured, capsys):
    assert main(["hours", "study.yaml", "80"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines[2:6]] == [["compress", "2"], ["recover", "2"], ["score", "2"], ["all", "6"]]
    assert lines[2][2:] == ["0", "0", "1", "2", "0.6", "1"]


def test_the_folder_s_own_configuration_lies_under_the_file_as_in_a_run(configured, tmp_path, capsys):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text((tmp_path / "study.yaml").read_text())
    (tmp_path / "study.yaml").write_text("limit: 3\n")
    assert main(["hours", "study.yaml", "80"]) == 0
    assert capsys.readouterr().out.splitlines()[5].split()[:2] == ["all", "6"]


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
