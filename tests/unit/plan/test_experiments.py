"""Experiments for which a study has no models are named."""

import pytest
import yaml

from knowcost.common.errors import InputError
from knowcost.plan import experiments
from knowcost.plan.config import Study
from knowcost.plan.origin import DEFAULTS, ROOT

PARTS = ["self_attention", "cross_attention", "encoder_attention", "decoder_attention"]


def said(families, *entries):
    models = {family: {"family": family} for family in families}
    return experiments.check(Study({"study": {"experiments": list(entries)}}, models, {}))


def experiment(*scopes, **more):
    return {"name": "mine", "steps": ["int8"], "scopes": list(scopes), **more}


def test_a_scope_that_a_family_of_the_study_has_is_not_spoken_of():
    assert said(["decoder"], experiment("overall", "final")) == []
    assert said(["decoder", "encoder_decoder"], experiment("overall", "cross_attention")) == []


def test_a_scope_that_no_model_has_is_named_and_left_out():
    (sentence,) = said(["decoder"], experiment("overall", "cross_attention", "self_attention"))
    assert sentence == (
        "study.experiments: 'mine': no model that it is for has the scope cross_attention or self_attention, so it is "
        "left out; decoder has attention, feed_forward, overall, final"
    )
    families = experiment("overall", "cross_attention", families=["decoder"])
    assert len(said(["decoder", "encoder_decoder"], families)) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (experiment("cross_attention"), "'mine' makes no variant: .* scope cross_attention; decoder has attention, "),
        (experiment("overall", families=["encoder"]), "'mine' makes no variant: it is for models of encoder, and the"),
    ],
)
def test_an_experiment_that_makes_nothing_is_an_error(entry, expected):
    with pytest.raises(InputError, match=expected):
        said(["decoder"], experiment("overall"), entry)


def test_the_defaults_are_for_all_families_and_a_preset_is_named_where_nothing_is_left():
    defaults = yaml.safe_load(DEFAULTS.read_text())["study"]["experiments"]
    assert any(set(PARTS) & set(each["scopes"]) for each in defaults)
    assert said(["decoder"], *defaults) == []
    demo = yaml.safe_load((ROOT / "config/presets/demo.yaml").read_text())["study"]["experiments"]
    (parts,) = (each for each in demo if each["scopes"] == PARTS)
    (sentence,) = said(["decoder"], parts)
    assert sentence.startswith(f"study.experiments: '{parts['name']}' makes no variant")
