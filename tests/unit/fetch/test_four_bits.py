"""A gpt-oss as it was released, saved in bfloat16 with the lines that config/README.md has for it."""

import re
from pathlib import Path

import pytest
import torch
import transformers
from helpers import tiny
from safetensors.torch import load_file, save_file

from knowcost.common import files
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.torch_tensors import to_torch

README = Path(__file__).parents[3] / "config" / "README.md"
VALUES = [0, 0.5, 1, 1.5, 2, 3, 4, 6]  # of the four bits of a number, the highest of which is its sign (OCP MX, E2M1)


@pytest.fixture
def released(tmp_path, monkeypatch):
    """{tensor of the experts: (its codes, two in a byte, the lower first; the exponents of groups of 32)}."""
    monkeypatch.chdir(tmp_path)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_local_experts": 3, "num_experts_per_tok": 2}
    config = transformers.GptOssConfig(
        vocab_size=120, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=16, **sizes
    )
    folder = Path("gpt-oss-20b")
    transformers.GptOssForCausalLM(config).bfloat16().save_pretrained(folder)
    tiny.save_tokenizer(folder)
    stored, packed = load_file(folder / "model.safetensors"), {}
    for name in [name for name in stored if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inputs, outputs = stored.pop(name).shape
        codes = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8)
        scales = torch.randint(122, 128, (experts, outputs, inputs // 32), dtype=torch.uint8)
        stored |= {f"{name}_blocks": codes, f"{name}_scales": scales}
        packed[name] = codes, scales
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    said = {"quantization_config": {"quant_method": "mxfp4"}}
    files.write_json(folder / "config.json", files.read_json(folder / "config.json") | said)
    return packed


def test_its_experts_become_the_numbers_that_their_bits_stand_for(released):
    [code] = re.findall(r"\*\*gpt-oss\*\*.*?```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(code, {})
    dense = Checkpoint("gpt-oss-20b-bf16")
    assert "quantization_config" not in dense.config
    values = torch.tensor([*VALUES, *(-v for v in VALUES)])
    for name, (codes, scales) in released.items():
        both = torch.stack([values[(codes & 15).long()], values[(codes >> 4).long()]], dim=-1)
        exact = both.flatten(-2) * 2.0 ** (scales.int() - 127)[..., None]
        owner, _, leaf = name.rpartition(".")
        for expert, matrix in enumerate(exact.flatten(-2)):
            found = to_torch(dense.tensors[f"{owner}.{expert}.{leaf}.weight"])
            assert found.dtype == torch.bfloat16 and torch.equal(found.float(), matrix), (name, expert)
    tiny.write_source(dense.folder)  # the door lets it in
