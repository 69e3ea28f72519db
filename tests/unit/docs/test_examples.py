"""Every example of the documentation that is written to be copied into a file is one that the project takes."""

import csv
import re

import pytest
import yaml
from helpers.benchmark_files import prepare
from snakemake.cli import get_argument_parser

from knowcost.plan import config

PAGES = ("README.md", "CONTRIBUTING.md", "config/README.md", "docs/*.md")
LANGUAGES = ("bash", "json", "python", "text", "tsv", "yaml")


def pages(root):
    return [path for page in PAGES for path in sorted(root.glob(page))]


def blocks(root):
    """[(path, language, text)] of all fenced blocks."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
    return [(path, *block) for path in pages(root) for block in fenced.findall(path.read_text())]


def examples(root, language):
    found = [text for _, written, text in blocks(root) if written == language]
    assert found
    return found


def take_yaml(text, options):
    """A configuration over the defaults, or keys of a profile, which are options of snakemake."""
    given = yaml.safe_load(text)
    if not given.keys() <= options:
        config.load(given)


def take_table(text, folder):
    """A table of models or of benchmarks, beside the other one that it needs."""
    (folder / "table.tsv").write_text(text)
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    if "family" in rows[0]:
        return config.load({"models": str(folder / "table.tsv")})
    families = {family.strip() for row in rows for family in row["families"].split(",")}
    models = "".join(f"{family}\t{family}\t./x\n" for family in sorted(families))
    (folder / "models.tsv").write_text(f"name\tfamily\tsource\n{models}")
    return config.load({"models": str(folder / "models.tsv"), "benchmarks": str(folder / "table.tsv")})


@pytest.fixture(scope="module")
def options():
    """The long options of snakemake, without their dashes."""
    actions = get_argument_parser()._actions
    return {option[2:] for action in actions for option in action.option_strings if option.startswith("--")}


def test_every_block_says_what_it_is(root):
    found = blocks(root)
    assert not [(path, text) for path, language, text in found if language not in LANGUAGES]
    fences = sum(path.read_text().count("```") for path in pages(root))
    assert fences == 2 * len(found)


def test_every_yaml_example_is_a_configuration_or_a_profile(root, options):
    for text in examples(root, "yaml"):
        take_yaml(text, options)


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_every_key_of_a_profile_is_an_option_also_where_it_is_commented_out(root, options, profile):
    text = (root / f"profiles/{profile}/config.yaml").read_text()
    keys = set(re.findall(r"^(?:# )?([a-z]+(?:-[a-z]+)*): ", text, re.M))
    assert keys and keys <= options


def test_every_table_example_is_one(root, tmp_path):
    for text in examples(root, "tsv"):
        take_table(text, tmp_path)


def test_every_json_example_is_a_benchmark_of_one_s_own(root, tmp_path):
    for text in examples(root, "json"):
        (tmp_path / "example.jsonl").write_text(text)
        format = "conversation" if '"turns"' in text else "cloze"
        rows, _ = prepare(format, tmp_path / "example.jsonl", tmp_path / "example.parquet")
        assert len(rows) == len(text.splitlines())
