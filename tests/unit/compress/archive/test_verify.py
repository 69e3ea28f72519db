"""What a manifest says of an archive, counted by torch."""

import hashlib

import pytest
import torch
from helpers import tiny
from safetensors.torch import load_file

from knowcost import compress
from knowcost.common import files, paths
from knowcost.compress.archive import make as archive

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")


def made(folder, kind, slug, dtype=torch.float32):
    """(the model in memory, folder of its archive, manifest)"""
    model = tiny.fetched(kind, folder / "model", dtype)
    archive.make_thresholds(folder / "model", [("paper", "attention", [20])], folder / "cuts.json")
    archive.make_archive("m", slug, archive.Inputs(folder / "model", folder / "cuts.json"), folder / "out")
    return model, folder / "out", files.read_json(folder / "out" / paths.MANIFEST)


def weights(model, names):
    return {f"{n}.weight": m.weight for n, m in tiny.linears(model).items() if n.rpartition(".")[2] in names}


def counted(parameters, zeros):
    return {"parameters": parameters, "zeros": zeros, "sparsity": zeros / parameters}


@pytest.mark.parametrize("kind", ["llama", "llama-tied"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_manifest_says_what_was_made_of_what(tmp_path, kind, dtype):
    model, out, said = made(tmp_path, kind, "magnitude-20@attention", dtype)
    source = files.read_json(tmp_path / "model" / paths.SOURCE)
    attention, rest = weights(model, ATTENTION), weights(model, FEED_FORWARD)
    size, others = (sum(w.numel() for w in each.values()) for each in (attention, rest))
    gone = round(0.2 * size)
    head = 120 * 16
    stored = sum(p.numel() for p in model.parameters())
    cut = load_file(out / "model.safetensors")
    assert said["parameters"]["scope"] == {
        "overall": counted(size + others, gone),
        "attention": counted(size, gone),
        "feed_forward": counted(others, 0),
        "final": counted(head, 0),
    }
    assert (said["parameters"]["total"], said["parameters"]["touched"]) == (stored, size)
    assert set(said["touched"]) == attention.keys()
    width = torch.finfo(dtype).bits // 8
    masks = {name: len(w.flatten()) / 8 for name, w in attention.items()}
    masked = {name: masks[name] + width * int(torch.count_nonzero(cut[name])) for name in attention}
    smallest = {name: min(masked[name], width * attention[name].numel()) for name in attention}
    assert said["bytes"]["real"] == width * (stored - size) + sum(smallest.values())
    assert said["bytes"]["loaded"] == width * stored and said["bytes"]["format"] == "bitmask"
    assert sum(said["bytes"]["formats"].values()) == said["bytes"]["real"]
    slug = "magnitude-20@attention"
    assert (said["model"], said["variant"], said["steps"]) == ("m", slug, [slug])
    assert (said["family"], said["architecture"], said["tied"]) == ("decoder", "llama", kind == "llama-tied")
    assert said["stage_version"] == compress.STAGE_VERSION
    digests = {name: entry["sha256"] for name, entry in source["files"].items()}
    assert said["base"] == {"source": "test", "commit": None, "requested_revision": None, "files": digests}
    here = {p.name: p for p in out.iterdir() if "manifest.json" not in p.name}
    assert said["files"] == {
        name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
        for name, path in here.items()
    }


def test_a_tied_head_that_was_cut_is_tied_no_more(tmp_path):
    _, _, said = made(tmp_path, "llama-tied", "int8@overall")
    assert not said["tied"] and "lm_head.weight" in said["touched"]


def test_parts_of_an_encoder_decoder_are_counted_by_torch(tmp_path):
    model, _, said = made(tmp_path, "t5", "magnitude-20@attention")
    parts = {"self_attention": ".SelfAttention.", "cross_attention": ".EncDecAttention."}
    parts |= {"encoder_attention": "encoder.", "decoder_attention": "decoder."}
    scope = said["parameters"]["scope"]
    attention = {name: m.weight.numel() for name, m in tiny.linears(model).items() if "Attention" in name}
    for name, part in parts.items():
        assert scope[name]["parameters"] == sum(size for layer, size in attention.items() if part in layer)
    assert scope["attention"]["parameters"] == sum(attention.values()) == said["parameters"]["touched"]
    assert scope["self_attention"]["zeros"] + scope["cross_attention"]["zeros"] == scope["attention"]["zeros"] > 0
    assert scope["final"]["parameters"] == 120 * 16


def test_layers_that_the_groupings_draw_differently_are_counted_under_both(tmp_path):
    """BERT's attention.output.dense: to the paper a feed-forward layer, to the canonical grouping one of attention."""
    model, _, said = made(tmp_path, "bert", "dense")
    sizes = {name: m.weight.numel() for name, m in tiny.linears(model).items() if ".layer." in name}
    of = {part: sum(size for name, size in sizes.items() if part in name) for part in (".self.", "attention.output")}
    rest = sum(sizes.values()) - sum(of.values())
    assert {key: value["parameters"] for key, value in said["parameters"]["scope"].items()} == {
        "overall": sum(sizes.values()) + 16 * 16,  # the dense layer before the final one is in no part
        "attention": of[".self."],
        "feed_forward": of["attention.output"] + rest,
        "canonical.attention": of[".self."] + of["attention.output"],
        "canonical.feed_forward": rest,
        "final": 120 * 16,
    }
