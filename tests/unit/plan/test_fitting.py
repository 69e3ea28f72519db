import json

import pytest
from helpers import tiny

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.plan import fitting
from knowcost.plan.config import Study


def study(source, steps, levels, scopes=("overall",), family="decoder"):
    experiment = {"name": "x", "steps": steps, "scopes": list(scopes), "levels": levels}
    config = {"study": {"groupings": ["paper"], "protocols": ["corrected"], "experiments": [experiment]}}
    config["calibration"] = {"name": "c4"}
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
    with pytest.raises(InputError, match=f"model 'm': {expected}"):
        fitting.check(study(here / "llama", steps, [level], scopes))


def test_a_tied_head_is_as_wide_as_the_embedding(here):
    tiny.fetched("llama-tied", here / "tied")
    with pytest.raises(InputError, match=r"lm_head\.weight: its 16 inputs"):
        fitting.check(study(here / "tied", ["gptq"], ["4bit-g12"], ["final"]))


def test_what_fits_passes_and_a_model_that_is_not_here_is_not_asked(here):
    fitting.check(study(here / "llama", ["wanda"], [50, "2of4", "4of8"], ["overall", "attention", "final"]))
    fitting.check(study(here / "llama", ["gptq"], ["4bit-g8", "3bit-g4-actorder", "8bit"]))
    fitting.check(study("some/hub-id", ["wanda"], ["5of10"]))


def test_a_fetched_copy_counts_only_while_the_table_names_its_source(here):
    tiny.fetched("llama", here / paths.model_dir("m"))
    source = here / paths.model_source("m")
    source.write_text(json.dumps(json.loads(source.read_text()) | {"source": "some/hub-id"}))
    with pytest.raises(InputError, match="do not divide"):
        fitting.check(study("some/hub-id", ["wanda"], ["5of10"]))
    fitting.check(study("another/hub-id", ["wanda"], ["5of10"]))
