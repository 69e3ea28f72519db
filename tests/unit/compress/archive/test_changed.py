"""What an archive changed of its base, tensor by tensor: as its files hold it in full, however it was kept."""

import re

import pytest
import torch
import xxhash
from helpers import tiny
from helpers.calibrated import calibrated
from safetensors.torch import load_file, save_file

from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage
from knowcost.compress.archive.changed import changed
from knowcost.models.base import Base


def made(folder, kind, slug, mode="full"):
    """(manifest, folder of the archive, its Base) of a tiny model."""
    if not (folder / "model").exists():
        tiny.fetched(kind, folder / "model", torch.float16)
    if not (folder / "windows").exists():
        calibrated(folder / "windows", model=folder / "model")
        archive.make_thresholds(folder / "model", [("paper", "overall", [40])], folder / "cuts.json")
    inputs = archive.Inputs(folder / "model", folder / "cuts.json", folder / "windows")
    archive.make_archive("m", slug, inputs, folder / mode, storage.Keep(mode))
    return storage.verify(folder / mode), folder / mode, Base(folder / "model")


def held(folder):
    """{name: torch tensor} of a folder's files; of a Conv1D, which GPT-2's have, the transpose."""
    tensors = {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}
    return {
        name: tensor.T if re.search(r"c_(attn|proj|fc)\.weight$", name) else tensor for name, tensor in tensors.items()
    }


def xxh3(tensor):
    return xxhash.xxh3_128_hexdigest(tensor.contiguous().view(torch.uint8).numpy().tobytes())


CASES = [
    ("llama", "dense"),
    ("llama", "magnitude-40@overall"),
    ("llama", "magnitude-40@overall+rtn-4bit@attention"),
    ("llama-tied", "int8@overall"),  # unties the head
    ("llama-tied", "magnitude_structured-40@final"),
    ("bert", "magnitude_structured-40@final"),  # whose bias is a tensor of its own then
    ("gpt2", "magnitude-40@overall"),
    ("gpt2", "int8@attention"),
    ("gpt2", "rtn-4bit@feed_forward"),
    ("llama", "gptq-3bit-g8@overall"),
    ("llama", "wanda-2of4@overall"),
]


@pytest.mark.parametrize(("kind", "slug"), CASES)
def test_the_tensors_that_are_not_the_base_s_are_named_by_their_digests_and_given_back_in_every_mode(
    tmp_path, kind, slug
):
    manifest, folder, _ = made(tmp_path, kind, slug)
    base, full = held(tmp_path / "model"), held(folder)
    expected = {
        name: tensor
        for name, tensor in full.items()
        if name not in base or tensor.dtype != base[name].dtype or not torch.equal(tensor, base[name])
    }
    assert manifest["tensors"] == {name: xxh3(tensor) for name, tensor in expected.items()}
    assert bool(expected) == (slug != "dense") and len(expected) < len(full)
    for mode in storage.MODES:
        found = changed(*made(tmp_path, kind, slug, mode))
        assert {name: (tensor.shape, tensor.whole().tobytes()) for name, tensor in found.items()} == {
            name: (tuple(tensor.shape), tensor.contiguous().view(torch.uint8).numpy().tobytes())
            for name, tensor in expected.items()
        }, mode


def test_experts_are_layers_of_their_own(tmp_path):
    manifest, folder, _ = made(tmp_path, "gpt_oss", "magnitude-40@overall")
    stack = load_file(next(folder.glob("*.safetensors")))["model.layers.1.mlp.experts.down_proj"]
    name = "model.layers.1.mlp.experts.2.down_proj.weight"
    assert manifest["tensors"][name] == xxh3(stack[2].T)
    for mode in storage.MODES:
        found = changed(*made(tmp_path, "gpt_oss", "magnitude-40@overall", mode))
        assert found.keys() == manifest["tensors"].keys()
        assert all(tensor.whole().size for tensor in found.values()), mode


def test_a_tied_head_that_is_lost_is_a_tensor_that_the_base_does_not_hold(tmp_path):
    manifest, _, _ = made(tmp_path, "llama-tied", "lost@final", "recipe")
    embedding = held(tmp_path / "model")["model.embed_tokens.weight"]
    assert manifest["tensors"] == {"lm_head.weight": xxh3(embedding)}


def test_a_tensor_that_comes_out_as_it_was_is_not_named(tmp_path):
    tiny.saved("llama", tmp_path / "model", torch.float16)
    path, name = tmp_path / "model/model.safetensors", "model.layers.0.self_attn.q_proj.weight"
    save_file(load_file(path) | {name: torch.zeros(16, 16, dtype=torch.float16)}, path, {"format": "pt"})
    tiny.write_source(tmp_path / "model")
    manifest, _, _ = made(tmp_path, "llama", "magnitude-40@overall")
    assert set(manifest["touched"]) - manifest["tensors"].keys() == {name}


@pytest.mark.parametrize("mode", storage.MODES)
def test_a_tensor_with_another_digest_says_whose_it_is(tmp_path, mode):
    manifest, folder, base = made(tmp_path, "llama", "magnitude-40@overall", mode)
    name = "model.layers.0.mlp.up_proj.weight"
    manifest["tensors"][name] = 32 * "0"
    found = changed(manifest, folder, base)
    with pytest.raises(InputError, match=rf"m magnitude-40@overall: tensor {re.escape(name)} has digest .* says 000"):
        found[name].whole()
    found["model.layers.0.mlp.down_proj.weight"].whole()


def test_another_base_an_older_manifest_and_a_tensor_that_is_nowhere_are_refused(tmp_path):
    manifest, folder, base = made(tmp_path, "llama", "magnitude-40@overall", "recipe")
    tiny.fetched("llama", tmp_path / "other", torch.float16, seed=1)
    with pytest.raises(InputError, match="other weights"):
        changed(manifest, folder, Base(tmp_path / "other"))
    with pytest.raises(InputError, match=r"names tensor lm_tail\.weight"):
        changed(manifest | {"tensors": {"lm_tail.weight": ""}}, folder, base)
    del manifest["tensors"]
    with pytest.raises(InputError, match=r"manifest\.json: of an older version of knowcost, without digests"):
        changed(manifest, folder, base)
