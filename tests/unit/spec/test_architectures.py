"""The table's quirks, against what transformers' own classes do."""

import pytest
import torch
import transformers
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.spec import architectures, scopes

LEARNED = [
    "bert",
    "roberta",
    "distilbert",
    "albert",
    "xlm-roberta",
    "camembert",
    "ernie",
    "electra",
    "mpnet",
    "gpt_neo",
]


@pytest.mark.parametrize("kind", [*LEARNED, "mpt"])
def test_a_text_as_long_as_the_positions_is_read_and_a_longer_one_is_not(kind):
    model = tiny.model(kind)
    most = architectures.positions(model.config)
    ids = torch.full((1, most + 1), 5)  # no padding token
    model(input_ids=ids[:, :most])
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids)


def test_an_architecture_without_a_table_of_positions_names_no_end():
    assert architectures.positions(transformers.T5Config()) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "t5", "initializer_factor": 0.5}, 0.5),
        ({"model_type": "t5", "initializer_range": 0.3}, 1.0),
        ({"model_type": "llama", "initializer_range": 0.01}, 0.01),
        ({"model_type": "opt", "init_std": 0.006}, 0.006),
        ({"model_type": "opt"}, 0.02),
    ],
)
def test_a_fresh_head_is_as_wide_as_the_config_says_under_the_architecture_s_own_key(config, expected):
    assert architectures.fresh_head_deviation(config) == expected


def test_encoders_lose_no_head():
    assert set(architectures.families_with_fresh_head()) == {"encoder_decoder", "decoder"}
    with pytest.raises(InputError, match=r"'bert' has no `fresh_head` in knowcost/spec/architectures\.yaml"):
        architectures.fresh_head_deviation({"model_type": "bert"})


def test_a_block_takes_the_keys_of_the_one_that_it_is_like_and_replaces_those_that_it_gives():
    one = "a: {family: decoder, blocks: [x.#], embedding: e, final: f, layers: {x: [attention]}, other: [o]}\n"
    table = architectures.read(one + "b: {like: a, final: g, other: []}\nc: {like: b, embedding: w}")
    assert table["a"] == architectures.Architecture("decoder", ["x.#"], "e", "f", {"x": ["attention"]}, ["o"])
    assert table["b"] == architectures.Architecture("decoder", ["x.#"], "e", "g", {"x": ["attention"]}, [])
    assert table["c"] == architectures.Architecture("decoder", ["x.#"], "w", "g", {"x": ["attention"]}, [])


@pytest.mark.parametrize("table", ["b: {like: a}\na: {family: decoder}", "b: {like: b}", "b: {like: a}"])
def test_like_names_a_block_above(table):
    with pytest.raises(InputError, match=r"architectures\.yaml, 'b': `like: [ab]` is no block above it.*: none$"):
        architectures.read(table)


def test_only_t5_and_bart_s_kind_read_the_tie_key_in_a_way_of_their_own():
    found = [name for name, block in architectures.architectures().items() if block.keeps_tie_key]
    assert found == ["t5", "bart", "mbart", "pegasus", "m2m_100"]


def test_a_final_layer_may_have_several_names():
    assert architectures.architecture("gpt_neox").heads == ["embed_out", "lm_head"]
    assert architectures.architecture("bert").heads == ["cls.predictions.decoder"]


@pytest.mark.parametrize("kind", tiny.EVERY)
def test_patterns_take_names_without_the_base_model_s_prefix_too(kind):
    """transformers reads a file that lacks it, so scopes must say the same of it."""
    model = tiny.model(kind)
    prefix, block = f"{model.base_model_prefix}.", architectures.architecture(model.config.model_type)
    names = [name.removesuffix(".weight") for name, p in model.named_parameters() if p.dim() > 1]
    for pattern in (*block.layers, *block.blocks, *block.other, block.embedding):
        matched = [name for name in names if scopes.matches(pattern, name)]
        assert all(scopes.matches(pattern, name.removeprefix(prefix)) for name in matched), pattern
