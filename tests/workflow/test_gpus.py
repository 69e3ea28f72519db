"""Which jobs ask for GPUs: as the Slurm profile says, unless the user's own configuration says otherwise."""

import csv
import re

import pytest
import yaml
from helpers.workflow import OFFLINE, jobs, snakemake

from knowcost.plan import config, design


def planned(root, tmp_path, *options):
    """A dry run with the Slurm profile, and without a network."""
    return snakemake(root, "-n", "--profile", "slurm", "--directory", str(tmp_path), *options, **OFFLINE)


def gpus(run):
    """{rule of a scoring job: how many GPUs it asks for}."""
    rules = re.findall(r"^rule (score_\S+):\n(?:    .*\n)*?    resources: (.*)$", run.stdout + run.stderr, re.M)
    asked = {rule: re.search(r"\bgpu=(\d+)", resources) for rule, resources in rules}
    return {rule: int(found[1]) if found else 0 for rule, found in asked.items()}


def test_the_paper_s_13_models_ask_for_gpus_on_slurm_and_a_dry_run_shows_all_jobs(root, tmp_path):
    preset = root / "config/presets/paper.yaml"
    run = planned(root, tmp_path, "--configfile", str(preset))
    assert jobs(run)["compress_variant"] == len(design.archives(config.load(yaml.safe_load(preset.read_text()))))
    by_model = {}
    for rule, count in gpus(run).items():
        by_model.setdefault(re.fullmatch(r"score_(.+)-(?:float|int8)(?:-[01]+)?", rule)[1], set()).add(count)
    with open(root / "config/presets/paper.models.tsv") as f:
        names = [row["name"] for row in csv.DictReader((line for line in f if line[0] != "#"), delimiter="\t")]
    assert len(names) == 13
    assert by_model == {name: {1} for name in names}


@pytest.fixture
def vicuna(tmp_path):
    """Configures one 7B in float16 and two variants, and what else is to stand in the configuration."""

    def write(text=""):
        row = "vicuna-7b\tdecoder\tlmsys/vicuna-7b-v1.1\tfloat16\n"
        (tmp_path / "models.tsv").write_text(f"name\tfamily\tsource\tdtype\n{row}")
        experiment = "{name: q, steps: [int8], scopes: [overall]}"
        (tmp_path / "mine.yaml").write_text(f"models: models.tsv\nstudy: {{experiments: [{experiment}]}}\n{text}")
        return ["--configfile", str(tmp_path / "mine.yaml")]

    return write


@pytest.mark.parametrize(
    ("in_file", "options", "expected"),
    [
        # 7e9 parameters while not here: in float16 (1.1 x 14 + 4) / 21.6 = 0.9, in int8 (1.1 x 28 + 4) / 21.6 = 1.6
        ("gpu: {memory_gb: 24}\n", [], (1, 2)),
        ("", ["--config", "gpu={memory_gb: 24}"], (1, 2)),
        # 19.4 / 7.2 = 2.7 and 34.8 / 7.2 = 4.8
        ("gpu: {memory_gb: 24}\n", ["--config", "gpu={memory_gb: 8}"], (3, 5)),
        ("", ["--config", "gpu={memory_gb: null}"], (0, 0)),
        ("gpu: {memory_gb: null}\n", [], (0, 0)),
    ],
)
def test_what_the_user_says_of_gpus_counts_and_a_large_model_gets_several(
    root, tmp_path, vicuna, in_file, options, expected
):
    asked = gpus(planned(root, tmp_path, *vicuna(in_file), *options))
    assert asked == {"score_vicuna-7b-float": expected[0], "score_vicuna-7b-int8": expected[1]}
