"""Archives of models whose files hold layers otherwise, or under other names, than transformers builds them."""

import copy

import pytest
import torch
from helpers import tiny
from safetensors.torch import load_file, save_file
from torch.nn.utils import prune

from knowcost.common import files, paths
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import rebuild, storage
from knowcost.compress.archive.make import Inputs
from knowcost.models.blueprint import AUTO
from knowcost.models.experts import separate
from knowcost.models.load import load
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, family_of

KINDS = ["gpt2", "gpt_neox", "mixtral", "qwen2_moe", "gpt_oss", "bart", "pegasus"]


def archived(tmp_path, kind, slug, keep=storage.FULL):
    """(in-memory model, folder of its archive)."""
    model = tiny.fetched(kind, tmp_path / "model")
    archive.make_thresholds(tmp_path / "model", [("paper", "overall", [40])], tmp_path / "thresholds.json")
    archive.make_archive("m", slug, Inputs(tmp_path / "model", tmp_path / "thresholds.json"), tmp_path / "out", keep)
    return model, tmp_path / "out"


def plain(folder, kind, **loading):
    return AUTO[family_of(kind)].from_pretrained(folder, **loading).eval()


def stored(folder):
    """{name: shape} of a checkpoint's files."""
    return {name: tensor.shape for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}


def untied(model):
    head = model.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach().clone())


@pytest.mark.parametrize("kind", ["gpt2", "mixtral", "gpt_oss"])
def test_a_pruned_archive_is_torch_s_pruning_of_the_layers_apart(tmp_path, kind):
    """Experts count among the weights of the scope; the file has the names and shapes of the checkpoint."""
    model, out = archived(tmp_path, kind, "magnitude-40@overall")
    assert stored(out) == stored(tmp_path / "model")
    expected = separate(copy.deepcopy(model))
    layers = tiny.linears(expected)
    names = scopes.layers(kind, layers, "paper", "overall")
    for name in names:  # torch's pruning wants no views
        layers[name].weight = torch.nn.Parameter(layers[name].weight.contiguous())
    prune.global_unstructured([(layers[n], "weight") for n in names], prune.L1Unstructured, amount=0.4)
    for name in names:
        prune.remove(layers[name], "weight")
    reloaded = plain(out, kind)
    answers = tiny.logits(reloaded)
    state = separate(reloaded).state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.state_dict().items())
    torch.testing.assert_close(answers, tiny.logits(expected), rtol=1e-4, atol=1e-4)  # sums in another order
    entry = files.read_json(out / paths.MANIFEST)["parameters"]["scope"]["overall"]
    assert entry["parameters"] == sum(layers[name].weight.numel() for name in names)


@pytest.mark.parametrize("kind", ["gpt_neox", "bart"])
def test_a_pruned_head_keeps_its_name_and_leaves_the_embeddings(tmp_path, kind):
    model, out = archived(tmp_path, kind, "magnitude_structured-40@final")
    names = stored(tmp_path / "model").keys() | {f"{architecture(kind).heads[0]}.weight"}
    assert stored(out).keys() == names
    untied(model)
    prune.ln_structured(model.get_output_embeddings(), "weight", amount=0.4, n=1, dim=0)
    assert torch.equal(tiny.logits(plain(out, kind)), tiny.logits(model))


@pytest.mark.parametrize("slug", ["rtn-4bit@overall", "rtn-4bit@attention"])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_archives_load_here_and_claim_their_format_where_transformers_reads_it(tmp_path, kind, slug):
    compressed_tensors = pytest.importorskip("compressed_tensors.compressors", reason="compressed-tensors")
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from transformers import CompressedTensorsConfig

    model, out = archived(tmp_path, kind, slug)
    loaded, _ = load(out, device="cpu")
    said = files.read_json(out / "config.json")["quantization_config"]
    if said["quant_method"] == "compressed-tensors":
        other = plain(out, kind, quantization_config=CompressedTensorsConfig(dequantize=True))
        assert torch.equal(tiny.logits(other), tiny.logits(loaded))
    else:
        assert kind in ("gpt2", "mixtral", "qwen2_moe") or (kind, slug) == ("gpt_oss", "rtn-4bit@overall")
        with pytest.raises(OSError, match=r"no file named model\.safetensors"):
            plain(out, kind)
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(num_bits=4, symmetric=False, strategy="channel")
    )
    read = compressed_tensors.BaseCompressor.get_value_from_registry("pack-quantized")
    apart = separate(loaded).state_dict()
    [path] = out.glob("*.safetensors")
    tensors = load_file(path)
    layers = [name.removesuffix(".weight_packed") for name in tensors if name.endswith("_packed")]
    for layer in layers:
        parts = {name: tensors[f"{layer}.{name}"] for name in
                 ("weight_packed", "weight_scale", "weight_zero_point", "weight_shape")}  # fmt: skip
        name = layer.replace("block_sparse_moe", "mlp")  # Mixtral's, in files and in the model
        assert torch.equal(apart[f"{name}.weight"], read.decompress(parts, scheme)["weight"]), layer
    linear = tiny.linears(separate(model))
    assert len(layers) == len(scopes.layers(kind, linear, "paper", slug.partition("@")[2]))


@pytest.mark.parametrize("slug", ["magnitude-40@overall", "int8@attention", "rtn-4bit@overall"])
@pytest.mark.parametrize(
    ("kind", "mode"), [("gpt2", "changed"), ("gpt_oss", "changed"), ("gpt_oss", "recipe"), ("gpt_oss", "sparse")]
)
def test_whatever_is_kept_the_full_archive_comes_back(tmp_path, kind, slug, mode):
    _, out = archived(tmp_path, kind, slug, storage.Keep(mode))
    rebuild.export(out, tmp_path / "model", tmp_path / "exported", ("m", slug))
    _, whole = archived(tmp_path / "again", kind, slug)
    [expected], [found] = whole.glob("*.safetensors"), (tmp_path / "exported").glob("*.safetensors")
    assert (found.name, found.read_bytes()) == (expected.name, expected.read_bytes())


def without_prefix(state):
    return {name.removeprefix("transformer."): tensor for name, tensor in state.items()}


def under_its_name_in_the_model(state):
    return {name.replace("embed_out", "lm_head"): tensor for name, tensor in state.items()}


def with_all_four_embeddings(state):
    shared = state["model.shared.weight"]
    names = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
    return state | {name: shared.clone() for name in names}


@pytest.mark.parametrize(
    ("kind", "change"),
    [("gpt2", without_prefix), ("gpt_neox", under_its_name_in_the_model), ("bart", with_all_four_embeddings)],
)
def test_a_head_is_pruned_whatever_names_a_file_has(tmp_path, kind, change):
    """The archive has the file's names, and that of the head where it had none; transformers reads it."""
    model = tiny.fetched(kind, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})
    tiny.write_source(tmp_path / "model")
    archive.make_archive("m", "magnitude_structured-40@final", Inputs(tmp_path / "model"), tmp_path / "out")
    assert stored(tmp_path / "out") == stored(tmp_path / "model") | {"lm_head.weight": (120, 16)}
    untied(model)
    prune.ln_structured(model.get_output_embeddings(), "weight", amount=0.4, n=1, dim=0)
    assert torch.equal(tiny.logits(plain(tmp_path / "out", kind)), tiny.logits(model))


@pytest.mark.parametrize("mode", ["full", "sparse", "changed"])
def test_a_stack_of_experts_stays_in_one_shard(tmp_path, mode):
    _, out = archived(tmp_path, "gpt_oss", "magnitude-40@overall", storage.Keep(mode, 20_000))
    rebuild.export(out, tmp_path / "model", tmp_path / "exported", ("m", "magnitude-40@overall"))
    assert len(list((tmp_path / "exported").glob("*.safetensors"))) > 2
    assert stored(tmp_path / "exported") == stored(tmp_path / "model")
    assert tiny.logits(plain(tmp_path / "exported", "gpt_oss")).isfinite().all()
