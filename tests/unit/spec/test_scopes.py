import pytest
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, family_of

KINDS = ["bert", "roberta", "distilbert", "albert", "t5", "llama", "opt"]


def taken(kind, scope, grouping="paper", quantizing=False):
    model = tiny.model(kind)
    return scopes.layers(model.config.model_type, tiny.linears(model), grouping, scope, quantizing)


@pytest.mark.parametrize("kind", KINDS)
def test_overall_is_every_linear_layer_of_torch_without_the_final_one(kind):
    model = tiny.model(kind)
    layers = tiny.linears(model)
    final = next(name for name, module in layers.items() if module is model.get_output_embeddings())
    assert set(taken(kind, "overall")) == layers.keys() - {final}
    assert set(taken(kind, "overall", quantizing=True)) == layers.keys()
    assert taken(kind, "final") == [final]


@pytest.mark.parametrize("kind", KINDS)
def test_attention_and_feed_forward_share_nothing_and_nothing_escapes_but_the_head_s_transform(kind):
    attention, feed_forward = set(taken(kind, "attention")), set(taken(kind, "feed_forward"))
    assert attention and feed_forward and not attention & feed_forward
    rest = set(taken(kind, "overall")) - attention - feed_forward
    expected = {
        "bert": {"cls.predictions.transform.dense"},
        "roberta": {"lm_head.dense"},
        "distilbert": {"vocab_transform"},
        "albert": {"albert.encoder.embedding_hidden_mapping_in", "predictions.dense"},
    }
    assert rest == expected.get(kind, set())


@pytest.mark.parametrize(("kind", "matrices"), [("bert", 3), ("roberta", 3), ("distilbert", 4)])
def test_the_paper_counts_bert_s_output_projection_as_feed_forward(kind, matrices):
    # Table 2: 21 M attention parameters in BERT-base are 12 x 3 x 768^2; 14 M in DistilBERT are 6 x 4 x 768^2.
    assert len(taken(kind, "attention")) == 2 * matrices
    assert len(taken(kind, "attention", "canonical")) == 2 * 4


def test_t5_attention_splits_two_ways():
    everything = set(taken("t5", "attention"))
    assert set(taken("t5", "self_attention")) | set(taken("t5", "cross_attention")) == everything
    assert set(taken("t5", "encoder_attention")) | set(taken("t5", "decoder_attention")) == everything
    assert set(taken("t5", "cross_attention")) < set(taken("t5", "decoder_attention"))
    assert len(everything) == (2 + 2 * 2) * 4


def test_groupings_matter_only_where_an_architecture_draws_them_apart():
    assert scopes.grouping_matters("encoder", "attention")
    assert scopes.grouping_matters("encoder", "feed_forward")
    assert not scopes.grouping_matters("encoder", "overall")
    assert not scopes.grouping_matters("decoder", "attention")


def test_layers_nobody_claims_are_listed_and_the_message_says_where_to_add_them():
    names = ["model.layers.0.self_attn.q_proj", "model.layers.0.moe.router", "model.layers.11.moe.router"]
    with pytest.raises(InputError, match=r"model\.layers\.#\.moe\.router\n.*architectures\.yaml") as error:
        scopes.check_claimed("llama", names)
    assert "q_proj" not in str(error.value)
    with pytest.raises(InputError, match=r"model\.layers\.#\.self_attn\.q_proj"):
        scopes.check_claimed("mamba", names)


def test_an_unknown_architecture_or_empty_scope_is_an_error():
    with pytest.raises(InputError, match=r"'mamba' is not known; `knowcost propose FOLDER` prints"):
        family_of("mamba")
    with pytest.raises(InputError, match="no linear layer"):
        scopes.layers("llama", ["model.layers.0.self_attn.q_proj"], "paper", "cross_attention")


def test_patterns_match_whole_parts_only():
    assert scopes.matches("layer.#.output.dense", "bert.encoder.layer.3.output.dense")
    assert not scopes.matches("layer.#.output.dense", "bert.encoder.layer.3.attention.output.dense")
    assert not scopes.matches("shared", "notshared")


def test_what_a_block_says_of_a_name():
    bert = architecture("bert")
    output = "bert.encoder.layer.3.attention.output.dense"
    assert scopes.claims(bert, output) == [("attention",)]
    assert scopes.claims(bert, output, "paper") == [("feed_forward",)]
    assert scopes.claims(bert, "cls.predictions.transform.dense") == [()]
    assert scopes.claims(bert, "cls.predictions.decoder") == ["final"]
    assert scopes.claims(bert, "bert.embeddings.word_embeddings") == ["embedding"]
    assert scopes.claims(bert, "bert.pooler.dense") == ["other"]
    assert scopes.claims(bert, "classifier") == []
