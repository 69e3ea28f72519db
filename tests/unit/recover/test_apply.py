"""A loaded model becomes the recovered one, by what its manifest says."""

import copy

import pytest
import torch
from helpers import tiny
from helpers.virtual import Prepended, virtual

from knowcost.recover.apply import apply


@pytest.mark.parametrize("architecture", ["opt", "t5"])
def test_a_prompt_takes_positions_and_answers(architecture, tmp_path):
    model, family = tiny.model(architecture), {"opt": "decoder", "t5": "encoder_decoder"}[architecture]
    virtual(model, "prompt", tmp_path, 3)
    loaded = copy.deepcopy(model)
    assert apply({"variant": "gptq-3bit@overall", "family": family}, loaded, tmp_path) == 0
    assert torch.equal(tiny.logits(loaded), tiny.logits(model))
    assert apply({"variant": "gptq-3bit@overall^prompt-3", "family": family}, loaded, tmp_path) == 3
    ids = torch.tensor([[7, 8, 9]])
    answer = {"decoder_input_ids": ids} if architecture == "t5" else {}
    with torch.no_grad():
        found = loaded(input_ids=ids, **answer).logits
    assert torch.allclose(found, Prepended(model, tmp_path)(input_ids=ids, **answer).logits, atol=1e-4)
