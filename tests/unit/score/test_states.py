"""What lies beneath the final layer: its digest, and how many states are kept."""

import pytest
import torch

from knowcost.score import states
from knowcost.score.states import States, beneath

BERT = {
    "head": "cls.predictions.decoder.weight",
    "bias": "cls.predictions.decoder.bias",
    "transform": "cls.predictions.transform.dense.weight",
    "query": "bert.encoder.layer.1.attention.self.query.weight",
}
HEADS = {  # as tiny models of each name their parameters
    "bert": "cls.predictions.decoder",
    "roberta": "lm_head.decoder",
    "distilbert": "vocab_projector",
    "albert": "predictions.decoder",
    "electra": "generator_lm_head",
    "modernbert": "decoder",
}


def manifest(tensors=(), variant="magnitude-20@final", architecture="bert", base="weights"):
    """Of a variant that changes these tensors."""
    base = {"files": {"config.json": "c", "model.safetensors": base, "tokenizer.json": "t"}}
    named = {"architecture": architecture, "variant": variant, "base": base}
    return named | {"tensors": {name: f"digest of {name} of {variant}" for name in tensors}}


@pytest.mark.parametrize("architecture", HEADS)
def test_those_of_the_final_layer_have_the_dense_models(architecture):
    dense = beneath(manifest((), "dense", architecture))
    head = HEADS[architecture]
    for variant, parts in {
        "magnitude-20@final": ("weight", "bias"),
        "magnitude_structured-40@final": ("weight",),
        "int8@final": ("weight", "weight_scale", "bias"),
        "rtn-4bit@final": ("weight_packed", "weight_scale", "weight_zero_point", "weight_shape"),
    }.items():
        made = manifest([f"{head}.{part}" for part in parts], variant, architecture)
        assert beneath(made) == dense


def test_whatever_else_is_changed_has_another():
    found = [
        beneath(manifest((), "dense")),
        beneath(manifest((), "dense", base="other weights")),
        beneath(manifest([BERT["transform"]])),
        beneath(manifest([BERT["query"]], "magnitude-20@overall")),
        beneath(manifest([BERT["query"]], "magnitude-40@overall")),
        beneath(manifest([BERT["query"], BERT["transform"]], "magnitude-20@overall")),
    ]
    assert len(set(found)) == len(found)
    over = manifest([BERT["query"], BERT["head"], BERT["bias"]], "magnitude-20@overall")
    assert beneath(over) == found[3]  # what is done to the final layer as well makes no difference


@pytest.mark.parametrize("variant", ["dense^lora-r4", "magnitude-20@final^lora-r4", "brought-mine"])
def test_what_was_recovered_or_brought_has_none(variant):
    assert beneath({"variant": variant}) is None
    memo = States()
    memo.of("one").keep("asked", [torch.zeros(2)])
    assert memo.of(None) is None
    assert memo.of("one").kept("asked") is None


def test_states_are_those_of_one_digest_at_a_time():
    memo, made = States(), [torch.zeros(2), torch.ones(3)]
    memo.of("one").keep("a", made)
    memo.of("one").keep("b", made[:1])
    assert memo.of("one").kept("a") == made and memo.of("one").kept("c") is None
    assert memo.of("two").kept("a") is None
    assert memo.of("one").kept("a") is None  # and not come back to


def test_no_more_is_kept_than_there_is_room_for(monkeypatch, caplog):
    monkeypatch.setattr(states, "MOST", 40)  # bytes
    caplog.set_level("INFO")
    memo = States().of("one")
    memo.keep("a", [torch.zeros(2), torch.zeros(4)])
    assert not caplog.text
    memo.keep("b", [torch.zeros(5)])
    memo.keep("c", [torch.zeros(4)])
    assert [memo.kept(each) is not None for each in "abc"] == [True, False, True]
    assert caplog.text.count("are not kept") == 1


def test_facts_are_encoded_once_for_a_tokenizer_as_long_as_there_is_room(monkeypatch):
    monkeypatch.setattr(states, "MOST_FACTS", 5)
    memo, made = States(), []

    def encoded(count):
        made.append(count)
        return [(place, {"tokens": [place]}) for place in range(count)], 9

    for tokenizer, asked, count in [
        *[("one", "a", 2), ("one", "a", 2), ("one", "b", 4), ("one", "b", 4), ("one", "c", 3)],
        *[("two", "a", 1), ("two", "a", 1), ("one", "a", 2)],
    ]:
        facts, available = memo.facts(tokenizer, asked, lambda count=count: encoded(count))
        assert len(facts) == count and available == 9
    assert made == [2, 4, 4, 3, 1, 2]
