"""The text part of a larger model, saved with the lines that config/README.md has for it."""

import re
from pathlib import Path

import pytest
import torch
import transformers
from helpers import tiny
from helpers.fetching import row

from knowcost.common import files

README = Path(__file__).parents[3] / "config" / "README.md"
SEES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 8,
        "patch_size": 4}  # fmt: skip
ROTARY = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}}
LOOKS = {"depth": 1, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "out_hidden_size": 16,
         "fullatt_block_indexes": [0]}  # fmt: skip
WHOLE = {
    "gemma3": ({**tiny.HEADS}, SEES, {"mm_tokens_per_image": 4}),
    "llava": ({"model_type": "llama"}, SEES | {"model_type": "clip_vision_model"}, {"image_token_index": 7}),
    "qwen2_5_vl": ({"num_key_value_heads": 1} | ROTARY, LOOKS, {}),
}


def instructions(folder, text_folder):
    """The lines of the README, for these folders."""
    [code] = re.findall(r"\*\*The text part of a larger model\*\*.*?```python\n(.*?)```", README.read_text(), re.DOTALL)
    return re.sub(r"folder, text_folder = .*", f"folder, text_folder = {str(folder)!r}, {str(text_folder)!r}", code)


@pytest.mark.parametrize(("kind", "text"), [("gemma3", "gemma3_text"), ("llava", "llama"), ("qwen2_5_vl", "qwen2")])
def test_the_text_part_is_saved_let_in_and_answers_as_the_whole(tmp_path, get, kind, text):
    language, vision, keys = WHOLE[kind]
    config = transformers.AutoConfig.for_model(kind, text_config=tiny.COMMON | language, vision_config=vision, **keys)
    torch.manual_seed(0)
    whole = transformers.AutoModelForImageTextToText.from_config(config).eval()
    whole.save_pretrained(tmp_path / "whole")
    tiny.save_tokenizer(tmp_path / "whole")

    code = instructions(tmp_path / "whole", tmp_path / "text")
    if text == "qwen2":
        [line] = re.findall(r"`(config = transformers\.Qwen2Config\(.*\))`", README.read_text())
        code = re.sub(r"config = .*", line, code)
    exec(code, {})

    if text != "qwen2":  # whose tokenizer class makes its own of any file: not of the words that the test has
        get(row(tmp_path / "text", family="decoder"))
    assert files.read_json(tmp_path / "text" / "config.json")["model_type"] == text
    alone = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "text").eval()
    ids = torch.randint(8, 120, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(alone(input_ids=ids).logits, whole(input_ids=ids).logits)
