import contextlib
import shutil

import pytest
from helpers import tiny

from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.plan import fitting, resources
from knowcost.plan.config import Study


def study(source, steps, levels, scopes=("overall",), family="decoder"):
    experiment = {"name": "x", "steps": steps, "scopes": list(scopes), "levels": levels}
    config = {"study": {"groupings": ["paper"], "protocols": ["corrected"], "experiments": [experiment]}}
    config |= {"calibration": {"name": "c4"}, "models": "models.tsv"}
    return Study(config, {"m": {"name": "m", "family": family, "source": str(source)}}, {})


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a Llama whose layers have 16 and 24 inputs, and a head of its own."""
    monkeypatch.chdir(tmp_path)
    tiny.fetched("llama", tmp_path / "llama")
    return tmp_path


@pytest.mark.parametrize(
    ("steps", "level", "scopes", "expected"),
    [
        (["wanda"], "5of10", ["attention"], "wanda-5of10@attention: .*its 16 inputs do not divide into groups of 10"),
        (["magnitude_layer"], "8of16", ["overall"], ".*down_proj.weight: its 24 inputs do not divide into groups"),
        (["rtn"], "4bit-g16", ["feed_forward"], "rtn-4bit-g16@feed_forward: .*down_proj.weight: its 24 inputs"),
        (["sparsegpt", "gptq"], "2of4+4bit-g12", ["attention"], "gptq-4bit-g12@attention: .*its 16 inputs"),
        (["gptq"], "4bit-g12", ["final"], "gptq-4bit-g12@final: lm_head.weight: its 16 inputs"),
    ],
)
def test_a_level_that_no_layer_can_hold(here, steps, level, scopes, expected):
    with pytest.raises(InputError, match=f"models.tsv: row 'm': {expected}"):
        fitting.check(study(here / "llama", steps, [level], scopes))


def test_a_tied_head_is_as_wide_as_the_embedding(here):
    tiny.fetched("llama-tied", here / "tied")
    with pytest.raises(InputError, match=r"lm_head\.weight: its 16 inputs"):
        fitting.check(study(here / "tied", ["gptq"], ["4bit-g12"], ["final"]))


def test_what_fits_passes_and_a_model_that_is_not_here_is_not_asked(here):
    assert (
        fitting.check(study(here / "llama", ["wanda"], [50, "2of4", "4of8"], ["overall", "attention", "final"])) == []
    )
    assert fitting.check(study(here / "llama", ["gptq"], ["4bit-g8", "3bit-g4-actorder", "8bit"])) == []
    assert fitting.check(study("some/hub-id", ["wanda"], ["5of10"])) == []


def test_a_fetched_copy_counts_only_while_the_table_names_its_source(here):
    tiny.fetched("llama", here / paths.model_dir("m"))
    source = here / paths.model_source("m")
    seal.write_json(source, seal.read_json(source) | {"source": "some/hub-id"})
    with pytest.raises(InputError, match="do not divide"):
        fitting.check(study("some/hub-id", ["wanda"], ["5of10"]))
    assert fitting.check(study("another/hub-id", ["wanda"], ["5of10"])) == []


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:20])


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        (cut("config.json"), "llama/config.json: not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "llama/config.json: expected a JSON object"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": ["llama"]}'),
            "llama/config.json: no model_type",
        ),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "mamba"}'),
            "architecture 'mamba' is not known",
        ),
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), "llama/config.json: not JSON"),
        (lambda folder: (folder / "config.json").unlink(), "llama/config.json: missing"),
        (lambda folder: [(folder / "config.json").unlink(), (folder / "config.json").mkdir()], "llama/config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "llama has no tokenizer"),
        (cut("model.safetensors"), "llama/model.safetensors: not a safetensors file"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has neither model.safetensors nor"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "model.safetensors.index.json"),
            "has model.safetensors.index.json but none of its shards",
        ),
        (lambda folder: shutil.rmtree(folder), "there is no folder llama; correct the source column, or make it"),
    ],
)
def test_a_broken_model_is_named_with_its_row_and_stops_no_other(here, breaks, expected):
    asked = study("./llama", ["gptq"], ["4bit-g12"])
    tiny.fetched("llama", here / "sound")
    asked.models["sound"] = {"name": "sound", "family": "decoder", "source": "./sound"}
    breaks(here / "llama")
    with pytest.raises(InputError, match=r"models\.tsv: row 'sound': gptq-4bit-g12@overall: "):
        fitting.check(asked)  # the other one is looked at all the same
    del asked.models["sound"]
    [broken] = fitting.check(asked)
    assert broken.startswith("models.tsv: row 'm': ") and expected in broken
    assert resources.size(asked.models["m"]).parameters > 0  # a guess, and no error


def test_a_source_that_is_too_long_for_a_path_is_named(here):
    [broken] = fitting.check(study(f"./{'a' * 300}", ["wanda"], [50]))
    assert broken.startswith("models.tsv: row 'm': there is no folder aaa")
    assert fitting.check(study("a" * 300, ["wanda"], [50])) == []  # the hub will say what it is


@pytest.mark.parametrize("contents", ["", '{"files": ', "[]"])
def test_a_damaged_note_on_a_fetched_model_is_named(here, contents):
    tiny.fetched("llama", here / paths.model_dir("m"))
    (here / paths.model_source("m")).write_text(contents)
    [broken] = fitting.check(study("some/hub-id", ["wanda"], [50]))
    assert broken.startswith("models.tsv: row 'm': resources/models/m/source.json: damaged; delete it")


def test_an_index_beside_whole_weights_does_not_count(here):
    (here / "llama/model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00009.safetensors"}}'
    )
    assert fitting.check(study("./llama", ["wanda"], [50])) == []


def test_a_recovery_that_a_model_cannot_have(here):
    tiny.fetched("bloom", here / "bloom")
    asked = study(here / "bloom", ["gptq"], ["3bit"])
    asked.config["study"]["experiments"][0]["recover"] = ["dynamic_prompt-3+7"]
    with pytest.raises(InputError, match=r"row 'm': variant 'gptq-3bit@overall\^dynamic_prompt-3\+7': .*'bloom'"):
        fitting.check(asked)
    asked.config["study"]["experiments"][0]["recover"] = ["prompt-3"]
    assert fitting.check(asked) == []


@pytest.mark.parametrize("kind", ["opt", "gpt2", "mpt"])  # which call their positions differently
def test_prompts_longer_than_the_window_are_refused(here, kind):
    tiny.saved(kind, here / kind)
    asked = study(here / kind, ["gptq"], ["3bit"])
    for recovery in ("prompt-63", "prefix-64", "prompt-100"):
        asked.config["study"]["experiments"][0]["recover"] = [recovery]
        with pytest.raises(
            InputError, match=rf"row 'm': variant .*{recovery}.* leave nothing of the model's 64 positions"
        ):
            fitting.check(asked)
    asked.config["study"]["experiments"][0]["recover"] = ["prompt-62", "lora-r16"]
    assert fitting.check(asked) == []


@pytest.mark.parametrize("recovery", ["lora-r17", "eora-r999999"])
def test_a_rank_that_no_layer_has_is_refused(here, recovery):
    """The layers are 16 x 16, 24 x 16 and 16 x 24; the head, 120 x 16, is in no block."""
    asked = study(here / "llama", ["gptq"], ["3bit"])
    asked.config["study"]["experiments"][0]["recover"] = [recovery]
    with pytest.raises(InputError, match=rf"row 'm': variant .*{recovery}.*: no layer .* has a rank above 16; name a"):
        fitting.check(asked)


def test_answers_as_long_as_the_window_are_refused(here):
    tiny.saved("gpt2", here / "gpt2")
    asked = study(here / "gpt2", ["gptq"], ["3bit"])
    asked.config["benchmarks"] = "benchmarks.tsv"
    talks = {"name": "talks", "format": "mt_bench", "families": "decoder", "new_tokens": "64"}
    asked.benchmarks["talks"] = talks
    with pytest.raises(InputError, match=r"'talks': answers of 64 tokens leave nothing of the model's 64 positions"):
        fitting.check(asked)
    talks["new_tokens"] = ""  # 1,024 by its kind
    with pytest.raises(
        InputError, match=r"answers of 1,024 tokens leave .* in the column new_tokens of benchmarks\.tsv"
    ):
        fitting.check(asked)
    talks["new_tokens"] = "60"
    assert fitting.check(asked) == []
    asked.config["study"]["experiments"][0]["recover"] = ["prompt-4"]
    with pytest.raises(InputError, match="answers of 60 tokens and 4 virtual ones leave nothing"):
        fitting.check(asked)


@pytest.mark.parametrize(("kind", "new", "refused"), [("bart", 65, True), ("bart", 64, False), ("t5", 600, False)])
def test_an_encoder_decoder_writes_within_its_positions(here, kind, new, refused):
    """T5 has n_positions of 512 in its config.json, and positions without end."""
    tiny.saved(kind, here / kind)
    asked = study(here / kind, ["rtn"], ["3bit"], family="encoder_decoder")
    asked.config["benchmarks"] = "benchmarks.tsv"
    row = {"name": "talks", "format": "mt_bench", "families": "encoder_decoder", "new_tokens": str(new)}
    asked.benchmarks["talks"] = row
    with pytest.raises(InputError, match="answers of 65 tokens") if refused else contextlib.nullcontext():
        assert fitting.check(asked) == []
