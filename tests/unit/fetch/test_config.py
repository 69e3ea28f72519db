"""Tokens that config.json names: let in where the model can start and pad with them, else refused at the door."""

import json

import pytest
import torch
import transformers
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.fetch.config import described_model
from knowcost.models.load import load


def t5(folder, **keys):
    tiny.fetched("t5", folder)
    config = json.loads((folder / "config.json").read_text()) | keys
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if value is not ...}))


@pytest.mark.parametrize(("start", "padding"), [(0, None), (0, -1), (None, 0), (..., 0), (0, 119), (..., ...)])
def test_a_decoder_starts_with_what_transformers_starts_with(tmp_path, start, padding):
    t5(tmp_path, decoder_start_token_id=start, pad_token_id=padding)
    described_model(tmp_path)
    model, _ = load(tmp_path, device="cpu")
    ids, answer = torch.tensor([[7, 8, 9]]), torch.tensor([[11, 12]])
    shifted = torch.tensor([[0, 11]])  # T5's own start, 0, before the answer
    with torch.no_grad():
        expected = tiny.model("t5")(input_ids=ids, decoder_input_ids=shifted).logits
        torch.testing.assert_close(model(input_ids=ids, labels=answer).logits, expected)


@pytest.mark.parametrize(("start", "padding"), [(..., None), (..., -1), (..., 120), (120, 0), (-1, 0), (None, None)])
def test_a_decoder_that_cannot_start_is_refused(tmp_path, start, padding):
    t5(tmp_path, decoder_start_token_id=start, pad_token_id=padding)
    with pytest.raises(InputError, match=rf"{tmp_path / 'config.json'}: .*start.* token .*120"):
        described_model(tmp_path)


def test_a_model_that_looks_at_its_positions_is_let_in(tmp_path):
    tiny.fetched("llama", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["rope_parameters"]
    rope = {"rope_theta": 10000.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}}
    (tmp_path / "config.json").write_text(json.dumps(config | rope))
    described_model(tmp_path)
    plain = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert torch.equal(tiny.logits(load(tmp_path, device="cpu")[0]), tiny.logits(plain))
