import logging
import subprocess
import sys

import pytest

from knowcost.common import log

SCRIPT = """
import errno, os, sys
from knowcost.common import log
from knowcost.common.errors import BrokenPromise, InputError
log.setup("job.log", threads=1)
import logging
logging.getLogger("knowcost.x").info("progress")
logging.getLogger("other").warning("noise")
logging.getLogger("httpx2").info("one of thousands of requests")
raise {error}
"""


def run(folder, root, error):
    """(return code, console, log file) of a job that ends in an error."""
    script = SCRIPT.format(error=error)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    return done.returncode, done.stderr, (folder / "job.log").read_text()


@pytest.mark.parametrize(
    ("error", "message", "traceback"),
    [
        ("InputError('models.tsv: no such thing')", "models.tsv: no such thing", False),
        ("OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", "The disk is full", False),
        ("KeyError('a bug')", "a bug", True),
        ("BrokenPromise('3 zeros, expected 4')", "3 zeros, expected 4", True),
    ],
)
def test_only_a_mistake_in_the_program_shows_where_it_happened(tmp_path, root, error, message, traceback):
    code, console, file = run(tmp_path, root, error)
    assert code != 0
    for text in (console, file):
        assert message in text and "progress" in text
        assert ("Traceback" in text) == traceback
    assert "noise" in file and "noise" not in console
    assert "thousands" not in file


def test_what_nobody_can_act_on_is_not_in_the_log(tmp_path, root):
    """Libraries say it wherever PEFT makes or loads an adapter; another warning stays."""
    (tmp_path / "job.py").write_text(
        "from knowcost.common import log\nlog.setup('job.log')\nimport peft, transformers, warnings\n"
        "config = transformers.LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,"
        " num_attention_heads=2)\n"
        "model = transformers.LlamaForCausalLM(config)\n"
        "peft.get_peft_model(model, peft.LoraConfig(r=1, target_modules=['q_proj']))\n"
        "warnings.warn('mind this')\n"
    )
    subprocess.run([sys.executable, "job.py"], cwd=tmp_path, env={"PYTHONPATH": str(root)}, check=True)
    said = (tmp_path / "job.log").read_text()
    assert "mind this" in said and "gemm_4bit" not in said and "is_gradient_checkpointing" not in said


def test_control_characters_of_facts_reach_neither_terminal_nor_log(tmp_path, root):
    _, console, file = run(tmp_path, root, r"InputError('facts.tsv:3: \x1b]0;x\x07 \x9b2J \u202e \udc80')")
    for text in (console, file):
        assert r"facts.tsv:3: \x1b]0;x\x07 \x9b2J \u202e \udc80" in text
        assert all(char.isprintable() or char == "\n" for char in text)
    _, console, file = run(tmp_path, root, r"type('\x1bBug', (Exception,), {})")
    assert r"\x1bBug" in file and "\x1b" not in file + console


OFFLINE = """
from knowcost.common import log
log.setup("job.log", online={online})
import datasets, huggingface_hub
print(huggingface_hub.is_offline_mode(), datasets.config.HF_HUB_OFFLINE)
"""


@pytest.mark.parametrize("online", [False, True])
def test_only_a_job_that_fetches_may_ask_the_hub(tmp_path, root, online):
    environment = {"PYTHONPATH": str(root), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", OFFLINE.format(online=online)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(not online)] * 2


def test_scripts_other_than_those_that_fetch_are_offline(root):
    scripts = list((root / "workflow/scripts").glob("*.py"))
    online = {path.name for path in scripts if "online=True" in path.read_text()}
    assert online == {path.name for path in scripts if path.name.startswith("fetch_")} != set()
    assert all("log.setup(" in path.read_text() for path in (root / "workflow/scripts").glob("*.py"))


def test_a_slurm_job_says_which_gpus_it_was_given(tmp_path, root):
    slurm = {"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "n2", "SLURM_STEP_GPUS": "0,1", "CUDA_VISIBLE_DEVICES": "0,1"}
    command = [sys.executable, "-c", 'from knowcost.common import log; log.setup("job.log")']
    subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(root)} | slurm, check=True)
    assert "Slurm job 17 on node n2, GPUs: 0,1 (CUDA_VISIBLE_DEVICES=0,1)" in (tmp_path / "job.log").read_text()


def test_long_work_says_every_five_seconds_how_far_it_is(monkeypatch, caplog):
    now = 100.0
    monkeypatch.setattr(log.time, "monotonic", lambda: now)
    caplog.set_level("INFO")
    progress = log.Progress(logging.getLogger("knowcost.x"))
    for done in range(1, 13):
        now += 1.5
        progress.say("read %d of %d", done, 12)
    # after 6.0, 12.0 and 18.0 s: the first calls that are more than five seconds behind the line before
    assert [record.getMessage() for record in caplog.records] == [
        "read 4 of 12, 6 s so far", "read 8 of 12, 12 s so far", "read 12 of 12, 18 s so far",
    ]  # fmt: skip
    assert progress.seconds == 18.0 and caplog.records[0].name == "knowcost.x"


HOMELESS = """
from knowcost.common import log
log.setup("job.log")
import matplotlib.font_manager, matplotlib
print(matplotlib.get_configdir())
"""


def test_a_home_folder_that_cannot_be_written_is_left_alone(tmp_path, root):
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "HOME": "/proc/nothing"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / ".snakemake/caches/MPLCONFIGDIR")
    assert "failed" not in (tmp_path / "job.log").read_text() + done.stderr
