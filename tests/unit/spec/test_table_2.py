"""The scopes of whole models, against Table 2 (in published millions), hand arithmetic and torch's own count."""

import json

import pytest
from helpers import parameters, tiny

from knowcost.common.errors import InputError
from knowcost.papers.cost_of_compression import printed as published

COLUMNS = ("overall", "attention", "feed_forward", "final", "total")
# The paper's slips, in millions: printed, and what the architecture has.
SLIPS = {("flan-t5-large", "feed_forward"): (311, 415), ("lamini-flan-t5-783m", "feed_forward"): (311, 415)}


def config(root, model):
    return json.loads((root / "resources" / "configs" / f"{model}.json").read_text())


@pytest.mark.parametrize("row", published.table("table2"), ids=lambda row: row["model"])
def test_table_2_to_the_nearest_million(root, row):
    """Rounded, not cut: BERT-base's 85.52 is printed as 86, BERT-large's 75.497 as 75."""
    ours = {column: round(n / 1e6) for column, n in parameters.count(config(root, row["model"])).items()}
    printed = {column: int(row[column]) for column in COLUMNS}
    for column in COLUMNS:
        if (row["model"], column) in SLIPS:
            wrong, printed[column] = SLIPS[row["model"], column]
            assert int(row[column]) == wrong
    assert ours == printed


@pytest.mark.parametrize(
    ("model", "attention", "feed_forward", "neither", "final"),
    [
        # 12 blocks of q, k, v; the output projection with the feed-forward; the head's transform in neither
        ("bert-base", 12 * 3 * 768**2, 12 * (768**2 + 2 * 768 * 3072), 768**2, 768 * 30522),
        # 24 depths of one stored block; embeddings of 128 go up to 1024 and, in the head, down again
        ("albert-large-v2", 24 * 4 * 1024**2, 24 * 2 * 1024 * 4096, 2 * 128 * 1024, 128 * 30000),
        # self-attention in 48 blocks, cross-attention in 24; gated, so three matrices: 415 M, not 311 M
        ("flan-t5-large", (48 + 24) * 4 * 1024**2, 48 * 3 * 1024 * 2816, 0, 1024 * 32128),
        ("vicuna-7b", 32 * 4 * 4096**2, 32 * 3 * 4096 * 11008, 0, 4096 * 32000),
    ],
)
def test_exact_counts_by_hand(root, model, attention, feed_forward, neither, final):
    overall = attention + feed_forward + neither
    assert parameters.count(config(root, model)) == {
        "overall": overall,
        "attention": attention,
        "feed_forward": feed_forward,
        "final": final,
        "total": overall + final,
    }


@pytest.mark.parametrize("kind", [kind for kind in tiny.MODELS if kind != "albert"])
def test_total_is_every_linear_weight_of_the_built_model(kind):
    model = tiny.model(kind)
    everything = sum(layer.weight.numel() for layer in tiny.linears(model).values())
    ours = parameters.count(model.config.to_dict())
    assert ours["total"] == everything
    assert ours["final"] == model.get_output_embeddings().weight.numel()
    assert all(type(n) is int for n in ours.values())


def albert(layers, groups, inner=1):
    return parameters.count(
        {"model_type": "albert", "vocab_size": 50, "embedding_size": 4, "hidden_size": 8, "intermediate_size": 12}
        | {"num_attention_heads": 2, "num_hidden_layers": layers, "num_hidden_groups": groups, "inner_group_num": inner}
    )


@pytest.mark.parametrize("groups", [1, 2, 4, 3])  # 3 does not divide 4: one group serves two depths
def test_albert_counts_once_per_depth_however_many_groups_share(groups):
    ours = albert(layers=4, groups=groups)
    assert ours["attention"] == 4 * 4 * 8 * 8
    assert ours["feed_forward"] == 4 * 2 * 8 * 12
    assert ours["overall"] == ours["attention"] + ours["feed_forward"] + 2 * 4 * 8


def test_albert_counts_every_layer_of_a_group():
    assert albert(layers=4, groups=1, inner=2)["attention"] == 2 * albert(layers=4, groups=1)["attention"]


def test_an_unknown_architecture_says_where_to_add_it():
    with pytest.raises(InputError, match=r"mamba.*architectures\.yaml"):
        parameters.count({"model_type": "mamba"})
    with pytest.raises(InputError):
        parameters.count({})
