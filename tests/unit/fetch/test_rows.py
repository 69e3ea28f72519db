"""What the rows of the tables mean to planning: local or not, and what their jobs depend on."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fetching import row, write

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.fetch import rows


def test_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert all(rows.is_local(s) for s in ("./a", "../a", "/a/b", "resources/world/llama", "mine"))
    assert not any(rows.is_local(s) for s in ("bert-base-uncased", "google/flan-t5-base"))
    assert rows.local_inputs(row()) == []


SMALL = ["config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("held", "allow", "expected"),
    [
        ([*SMALL, "model.safetensors"], "", [*SMALL, "model.safetensors"]),
        ([*SMALL, "model.safetensors", INDEX, SHARDS[0], "pytorch_model.bin"], "", [*SMALL, "model.safetensors"]),
        ([*SMALL, INDEX, *SHARDS, "README.md"], "", [*SMALL, INDEX, *SHARDS]),
        (["spiece.model", "pytorch_model.bin", "old.bin"], "pickle", ["spiece.model", "pytorch_model.bin"]),
        (["own.py", "model.safetensors"], "remote_code", ["own.py", "model.safetensors"]),
        (["own.py", "model.safetensors"], "", ["model.safetensors"]),
        # refused by the job, which then has to run again when one of these changes
        (["config.json", "vocab.txt", "notes.txt"], "", ["config.json", "vocab.txt"]),
        (["config.json", "pytorch_model.bin"], "", ["config.json", "pytorch_model.bin"]),
    ],
)
def test_a_local_model_depends_on_every_file_that_is_taken_of_it(tmp_path, held, allow, expected):
    folder = write(tmp_path / "m", dict.fromkeys(held, b""))
    (folder / "onnx").mkdir()
    assert sorted(rows.local_inputs(row(folder, allow=allow))) == sorted(str(folder / name) for name in expected)


def test_a_folder_that_is_gone_is_no_reason_to_fetch_again_what_was_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gone = row("./gone")
    assert rows.local_inputs(gone) == []  # its job runs, and says what is wrong
    source = Path(paths.model_source(gone["name"]))
    source.parent.mkdir(parents=True)
    source.write_text("{}")
    assert rows.local_inputs(gone)[0] == "gone/config.json"  # which is not there, so the target counts as up to date


def test_what_the_workflow_makes_is_the_same_before_and_after(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    taught = row("resources/world/models/decoder")
    before = rows.local_inputs(taught)
    assert before == [f"{taught['source']}/{name}" for name in ("config.json", "model.safetensors", "tokenizer.json")]
    write(tmp_path / taught["source"], dict.fromkeys(["config.json", "generation_config.json"], b""))
    assert rows.local_inputs(taught) == before


def test_a_benchmark_depends_on_every_file_that_its_format_reads(tmp_path):
    write(tmp_path / "lama/Squad", {"test.jsonl": b"", ".test.jsonl.swp": b"", "note.txt": b""})
    write(tmp_path / "piqa", {"valid.jsonl": b"", "valid-labels.lst": b""})
    benchmark = {"name": "b", "revision": "", "sha256": ""}

    def inputs(**columns):
        return [str(Path(path).relative_to(tmp_path)) for path in rows.benchmark_inputs(benchmark | columns)]

    assert inputs(format="lama_squad", source=str(tmp_path / "lama")) == ["lama/Squad/test.jsonl"]
    assert inputs(format="piqa", source=str(tmp_path / "piqa/valid.jsonl")) == [
        "piqa/valid.jsonl",
        "piqa/valid-labels.lst",
    ]
    assert inputs(source=str(tmp_path / "texts.txt")) == ["texts.txt"]  # calibration data have no format
    assert rows.benchmark_inputs(benchmark | {"format": "piqa", "source": "https://a/b.zip"}) == []


def test_columns_that_are_empty_prepare_no_benchmark_again():
    """A table from before there were these columns gives the same parameters of the job as one that has them."""
    before = {"name": "b", "format": "lines", "source": "b.jsonl", "revision": "", "sha256": ""}
    row = before | {"families": "decoder", "new_tokens": "", "per_relation": "", "size_bounds": ""}
    assert rows.benchmark_columns(row) == before
    assert rows.benchmark_columns(row | {"per_relation": "5"}) == before | {"per_relation": "5"}


def test_clozes_are_looked_at_for_the_families_that_complete_them():
    """Encoders, or another order, prepare nothing again."""
    row = {"name": "b", "format": "cloze", "source": "b.jsonl", "families": "encoder"}
    assert "families" not in rows.benchmark_columns(row)
    assert "families" not in rows.benchmark_columns(row | {"format": "boolq", "families": "decoder"})
    for families in ("encoder_decoder,decoder", "decoder, encoder, encoder_decoder"):
        assert rows.benchmark_columns(row | {"families": families})["families"] == "encoder_decoder,decoder"


def test_a_name_that_snakemake_would_take_for_a_pattern(tmp_path):
    write(tmp_path / "lama/Squad", {"{x}.jsonl": b""})
    with pytest.raises(InputError, match=r"Squad/{x}\.jsonl: Snakemake reads .* as patterns; rename the file"):
        rows.benchmark_inputs({"format": "lama_squad", "source": str(tmp_path / "lama")})


def test_a_name_that_would_act_on_the_terminal_where_snakemake_shows_it(tmp_path):
    write(tmp_path / "lama/Squad", {"x\x1b[2J.jsonl": b""})
    with pytest.raises(InputError, match=r"has a control character in its name, .*; rename the file"):
        rows.benchmark_inputs({"format": "lama_squad", "source": str(tmp_path / "lama")})


def test_planning_loads_nothing_heavy(root):
    heavy = "{'torch', 'numpy', 'huggingface_hub'}"
    script = f"import sys, knowcost.fetch.rows; print([*({heavy} & sys.modules.keys())])"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
