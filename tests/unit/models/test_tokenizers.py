"""A tokenizer pads with what the model knows, and answers in a batch are those of one prompt at a time."""

import json

import pytest
import torch
import transformers
from helpers import tiny
from helpers.asking import rows_of
from helpers.questions import write

from knowcost.common.errors import InputError
from knowcost.models.load import load
from knowcost.models.tokenizers import check_asked, load_tokenizer
from knowcost.score.engines import lm_eval as harness

FACTS = [{"question": question, "answers": ["w1"]} for question in ("w5 w6 w7 w8 w9", "w5", "w11 w12 w13", "w7 w8")]


@pytest.fixture
def folder(tmp_path):
    tiny.fetched("llama", tmp_path)
    return tmp_path


def with_padding(folder, token):
    """tokenizer_config.json with another padding token; one that the vocabulary lacks becomes id 120."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token": token}))


@pytest.mark.parametrize("token", ["<none of the 120>", None, "[PAD]", "w9"])
def test_answers_of_unequal_prompts_are_those_of_transformers_one_at_a_time(folder, token):
    with_padding(folder, token)
    plain = transformers.AutoTokenizer.from_pretrained(folder)
    assert plain.pad_token_id == {"<none of the 120>": 120, None: None, "[PAD]": 0, "w9": 15}[token]
    model, tokenizer = load(folder, device="cpu")
    rows, about = rows_of(harness, model, tokenizer, write(folder / "f.parquet", "triviaqa_closed", FACTS))
    assert about["asked"] == 4
    for fact, row in zip(FACTS, rows.to_pylist(), strict=True):
        ids = torch.tensor([plain.encode(f"Answer these questions:\n\nQ: {fact['question']}\nA:")])
        said = model.generate(ids, max_new_tokens=32, do_sample=False, num_beams=1, pad_token_id=0, eos_token_id=[2, 5])
        assert row["prediction"] == plain.decode(said[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_padding_token_of_the_model_s_own_stays(folder):
    assert load_tokenizer(folder, 120).pad_token == "[PAD]"
    with_padding(folder, "beyond")
    assert load_tokenizer(folder, 121).pad_token_id == 120
    assert load_tokenizer(folder, 120).pad_token == "[UNK]"


def test_what_transformers_cannot_read_is_named(folder):
    text = (folder / "tokenizer.json").read_text()
    for broken in ("", text[:1000], "[]", "{}", text.replace("WordLevel", "Nonsense")):
        (folder / "tokenizer.json").write_text(broken)
        with pytest.raises(InputError, match=rf"{folder}: .*cannot use the tokenizer in tokenizer\.json"):
            load_tokenizer(folder, 120)


def test_what_each_family_s_engines_take(folder):
    tokenizer = load_tokenizer(folder, 120)
    for family in ("encoder", "encoder_decoder", "decoder"):
        check_asked(tokenizer, family)
    tokenizer.mask_token = tokenizer.eos_token = None
    with pytest.raises(InputError, match=r"tokenizer .*: no mask token"):
        check_asked(tokenizer, "encoder")
    for family in ("encoder_decoder", "decoder"):
        with pytest.raises(InputError, match=r"tokenizer .*: no token ends a text"):
            check_asked(tokenizer, family)
    tokenizer.mask_token = "[UNK]"
    with pytest.raises(InputError, match=r"mask token '\[UNK\]' is not one token"):
        check_asked(tokenizer, "encoder")
