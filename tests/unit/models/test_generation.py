"""What generation_config.json says: the tokens that end an answer count for every variant, and nothing else."""

import json

import pytest
from helpers import tiny
from helpers.asking import rows_of
from helpers.questions import write

from knowcost.compress.archive import make as archive
from knowcost.models.load import load
from knowcost.score.engines import lm_eval as harness

FACTS = [{"question": question, "answers": ["w1"]} for question in ("w5 w6 w7", "w5")]


def said(folder, tmp_path):
    model, tokenizer = load(folder, device="cpu")
    rows, _ = rows_of(harness, model, tokenizer, write(tmp_path / "f.parquet", "triviaqa_closed", FACTS))
    return model.generation_config.eos_token_id, rows["prediction"].to_pylist()


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_what_ends_an_answer_is_the_same_for_every_variant(kind, tmp_path):
    tiny.fetched(kind, tmp_path / "model")
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    tiny.write_source(tmp_path / "model")
    for variant in ("dense", "int8@overall", "rtn-4bit@overall"):
        archive.make_archive("m", variant, archive.Inputs(tmp_path / "model"), tmp_path / variant)
        model, _ = load(tmp_path / variant, device="cpu")
        assert model.generation_config.eos_token_id == [7, 9]


def test_without_the_file_config_says_it(tmp_path):
    tiny.fetched("llama", tmp_path)
    (tmp_path / "generation_config.json").unlink()
    for ends, expected in ((7, [7]), ([7, 9], [7, 9]), (None, None)):
        config = json.loads((tmp_path / "config.json").read_text()) | {"eos_token_id": ends}
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert load(tmp_path, device="cpu")[0].generation_config.eos_token_id == expected


def test_nothing_else_in_the_file_stops_a_model_or_changes_an_answer(tmp_path):
    tiny.fetched("llama", tmp_path / "model")
    path = tmp_path / "model/generation_config.json"
    path.write_text("{}")
    _, expected = said(tmp_path / "model", tmp_path)
    for settings in (
        {"eos_token_id": "x", "bos_token_id": "x", "pad_token_id": "a"},
        {"eos_token_id": [[1], -1, 120, None, True, 5.0]},
        {"num_return_sequences": 3, "num_beams": 0, "cache_implementation": "none"},
        {"compile_config": {}, "max_length": "x", "do_sample": True, "temperature": 0.0},
    ):
        path.write_text(json.dumps(settings))
        assert said(tmp_path / "model", tmp_path) == (None, expected)
