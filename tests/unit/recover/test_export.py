"""Exports of recovered variants, as plain transformers and PEFT load them."""

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
import transformers
from helpers import recovered, tiny
from safetensors.torch import load_file

from knowcost.common import paths
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.compress.archive import storage
from knowcost.recover import adapters, export, masked

PRUNED, PACKED = "magnitude-50@overall", "gptq-3bit@overall"


def exported(slug):
    """The export of a variant of `m`, just made."""
    out = Path(paths.export("m", slug)).parent
    export.export("m", slug, out)
    export.check("m", slug)
    return out


def plain(folder):
    """What people without knowcost load, in float32."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize(
    ("slug", "keep", "weights"),
    [(f"{PRUNED}^lora-r2", "recipe", "as archived"), (f"{PRUNED}^eora-r3", "sparse", "as archived"),
     (f"{PACKED}^lora-r2", "changed", "floats"), ("dense^lora-r2", "full", "as archived")],
)  # fmt: skip
def test_plain_peft_loads_the_adapter_onto_the_checkpoint(slug, keep, weights, tmp_path, monkeypatch):
    """From archives of all modes: the same logits as the model that is asked here, and others than without it."""
    monkeypatch.chdir(tmp_path)
    compressed = slug.partition("^")[0]
    recovered.study("llama", *([] if compressed == "dense" else [compressed]), keep=storage.Keep(keep))
    archive = recovered.recover(slug)
    out = exported(slug)
    asked = recovered.loaded(compressed)
    before = tiny.logits(asked)
    adapters.inject(asked, archive)
    base = plain(out)
    assert torch.equal(tiny.logits(base), before)
    found = tiny.logits(peft.PeftModel.from_pretrained(base, out / "adapter").eval())
    torch.testing.assert_close(found, tiny.logits(asked), atol=1e-6, rtol=1e-5)
    assert (found - before).abs().max() > 1e-4
    about = json.loads((out / "manifest.json").read_text())
    assert (about["variant"], about["weights"]) == (slug, weights)
    assert about["adapter"] == ["adapter_config.json", "adapter_model.safetensors"]
    assert about["stands_on"]["variant"] == compressed


def test_a_prompt_stands_in_front_of_what_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", PRUNED)
    recovered.recover(f"{PRUNED}^prompt-3")
    out = exported(f"{PRUNED}^prompt-3")
    base = plain(out)
    ids = torch.tensor([[7, 8, 9]])
    table = base.get_input_embeddings().weight
    prompt = load_file(out / "adapter/adapter_model.safetensors")["prompt_embeddings"]
    with torch.inference_mode():
        wanted = base(inputs_embeds=torch.cat([prompt, table[ids[0]]])[None]).logits
        found = peft.PeftModel.from_pretrained(base, out / "adapter").eval()(input_ids=ids).logits
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_merged_checkpoint_is_as_sparse_as_the_pruned_one(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study(kind, PRUNED)
    archive = recovered.recover(f"{PRUNED}^mask_lora-r2")
    out = exported(f"{PRUNED}^mask_lora-r2")
    assert not (out / "adapter").exists()
    asked, pruned, found = recovered.loaded(PRUNED), recovered.loaded(PRUNED), plain(out)
    masked.merge(asked, archive)
    torch.testing.assert_close(tiny.logits(found), tiny.logits(asked))
    assert not torch.equal(tiny.logits(found), tiny.logits(pruned))
    for one, other in zip(found.parameters(), pruned.parameters(), strict=True):
        assert torch.equal(one == 0, other == 0)


def test_zeros_are_held_against_the_file_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", PRUNED)
    recovered.recover(f"{PRUNED}^mask_lora-r2")
    monkeypatch.setattr(masked, "merged", lambda name, weight, a, b: weight + 1)
    with pytest.raises(BrokenPromise, match=r"q_proj\.weight is not zero where the pruned weight is"):
        exported(f"{PRUNED}^mask_lora-r2")


def test_what_lies_there_is_held_against_the_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slug = f"{PRUNED}^eora-r2"
    recovered.study("llama", PRUNED)
    recovered.recover(slug)
    out = exported(slug)
    weights = out / "adapter/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=r"adapter/adapter_model\.safetensors is damaged or was changed"):
        export.check("m", slug)
    exported(slug)
    (out / "adapter/more").touch()
    with pytest.raises(InputError, match="adapter/more: is not in"):
        export.check("m", slug)
    exported(slug)
    other = Path(paths.export("m", f"{PRUNED}^eora-r3")).parent
    shutil.move(out, other)
    with pytest.raises(InputError, match=r"is of m magnitude-50@overall\^eora-r2, but this is the place of"):
        export.check("m", f"{PRUNED}^eora-r3")


def test_an_adapter_beside_another_base_is_not_exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recovered.study("llama", PRUNED)
    recovered.recover(f"{PRUNED}^eora-r2")
    recovered.give_other_weights(PRUNED, "magnitude-20@overall")
    with pytest.raises(InputError, match="was recovered from other weights than those of"):
        export.export("m", f"{PRUNED}^eora-r2", tmp_path / "out")
    assert not (tmp_path / "out").exists()
