"""Where a model is put. There are no GPUs here: what torch says of them is made up, and a disk stands in for one."""

import re
import shutil
from types import SimpleNamespace

import accelerate
import pytest
import torch
import transformers
from helpers import tiny
from safetensors.torch import load_file, save_file

from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.models import load

SEVEN_B = 6_738_415_616  # parameters of Llama-7B: 13.5 GB in float16, and 1.1 x 13.5 + 4 = 18.8 GB with all it needs


@pytest.fixture
def gpus(monkeypatch):
    """Make torch see so many GPUs of so many gigabytes, and every checkpoint have the parameters of a 7B."""

    def see(count, gigabytes):
        about = SimpleNamespace(total_memory=int(gigabytes * 1e9))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: about)
        tensors = {"all": SimpleNamespace(size=SEVEN_B)}
        monkeypatch.setattr(load, "Checkpoint", lambda folder: SimpleNamespace(tensors=tensors))

    return see


@pytest.mark.parametrize(
    ("count", "gigabytes", "dtype", "quantized", "device", "expected"),
    [
        (2, 24, "float16", False, "cuda", False),  # 18.8 < 0.9 x 24 = 21.6
        (2, 16, "float16", False, "cuda", True),
        (1, 16, "float16", False, "cuda", False),  # nowhere to spread it to: out of memory will say so
        (2, 24, "float32", False, "cuda", True),
        (2, 24, "float16", True, "cuda", True),  # int8 archives compute in float32
        (4, 80, "float32", False, "cuda", False),
        (2, 16, "float16", False, "cuda:1", False),  # the user chose one
        (2, 16, "float16", False, "cpu", False),
    ],
)
def test_a_model_is_spread_when_one_gpu_of_several_cannot_hold_it(
    gpus, count, gigabytes, dtype, quantized, device, expected
):
    gpus(count, gigabytes)
    assert load.needs_several_gpus("x", dtype, quantized, torch.device(device)) is expected


@pytest.fixture
def archives(tmp_path):
    """A model, dense and with int8 everywhere; {variant: folder}, and the model."""
    model = tiny.fetched("llama", tmp_path / "model")
    folders = {slug: tmp_path / slug for slug in ("dense", "int8@overall")}
    for slug, folder in folders.items():
        archive.make_archive("m", slug, archive.Inputs(tmp_path / "model"), folder)
    return folders, model


def test_accelerate_is_asked_to_place_a_model_that_is_spread(archives, monkeypatch):
    folders, model = archives
    asked = []
    real = load.AUTO["decoder"].from_pretrained

    def from_pretrained(*args, **kwargs):
        asked.append(kwargs["device_map"])
        made = real(*args, **kwargs)
        made[0].hf_device_map = {"model": 0, "lm_head": 1}
        return made

    monkeypatch.setattr(load.AUTO["decoder"], "from_pretrained", from_pretrained)
    for spread in (False, True):
        monkeypatch.setattr(load, "needs_several_gpus", lambda *_, spread=spread: spread)
        loaded, _ = load.load(folders["dense"], device="cpu")
        assert torch.equal(tiny.logits(loaded), tiny.logits(model))
    assert asked == [None, "auto"]


def test_int8_layers_are_spread_too(archives, monkeypatch, tmp_path):
    """Their int8 weights are buffers. The last block goes to the disk, as it would to a second GPU."""
    folders, _ = archives
    whole, _ = load.load(folders["int8@overall"], device="cpu")
    monkeypatch.setattr(load, "needs_several_gpus", lambda *_: True)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.rotary_emb": "cpu"}
    places |= {"model.layers.1": "disk", "model.norm": "disk", "lm_head": "disk"}
    monkeypatch.setattr(accelerate, "infer_auto_device_map", lambda *_, **__: places)
    dispatch = accelerate.dispatch_model
    monkeypatch.setattr(
        accelerate, "dispatch_model", lambda m, p: dispatch(m, p, "cpu", offload_dir=tmp_path, offload_buffers=True)
    )
    spread, _ = load.load(folders["int8@overall"], device="cpu")
    assert spread.get_submodule("model.layers.1.mlp.up_proj").weight.device.type == "meta"  # not in memory
    assert torch.equal(tiny.logits(spread), tiny.logits(whole))


def test_accelerate_s_own_plan_takes_int8_modules(archives, monkeypatch):
    folders, _ = archives
    whole, _ = load.load(folders["int8@overall"], device="cpu")
    monkeypatch.setattr(load, "needs_several_gpus", lambda *_: True)
    spread, _ = load.load(folders["int8@overall"], device="cpu")  # with no GPU, the plan is the CPU
    assert torch.equal(tiny.logits(spread), tiny.logits(whole))


def test_the_example_of_the_documentation(root, archives, tmp_path, monkeypatch, capsys):
    page = (root / "config/README.md").read_text()
    (example,) = re.findall(r"^```python\n(from knowcost.load import load\n.*?)^```$", page, re.M | re.S)
    folders, _ = archives
    (tmp_path / "results/opt-125m").mkdir(parents=True)
    folders["int8@overall"].rename(tmp_path / "results/opt-125m/int8@overall")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    assert isinstance(names["model"], transformers.LlamaForCausalLM) and not names["model"].training
    assert isinstance(names["tokenizer"], transformers.PreTrainedTokenizerBase)
    ids = names["asked"]["input_ids"]
    for _ in range(5):
        ids = torch.cat([ids, names["model"](ids).logits[:, -1:].argmax(-1)], 1)
    assert capsys.readouterr().out == names["tokenizer"].decode(ids[0]) + "\n"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """{how its weights are held: folder} of one model: as they are, int8, packed."""
    folder = tmp_path_factory.mktemp("stored")
    tiny.fetched("llama", folder / "model")
    slugs = {"floats": "dense", "int8": "int8@overall", "packed": "rtn-4bit@overall"}
    for kind, slug in slugs.items():
        archive.make_archive("m", slug, archive.Inputs(folder / "model"), folder / kind)
    return folder


def altered(stored, kind, folder, change):
    """A folder with the same files, the tensors of the weights' {name: tensor} changed; no manifest that would say."""
    shutil.copytree(stored / kind, folder, ignore=shutil.ignore_patterns("manifest.json*", "source.json*"))
    (weights,) = folder.glob("*.safetensors")
    state = load_file(weights)
    change(state)
    save_file(state, weights, {"format": "pt"})
    return folder


@pytest.mark.parametrize("kind", ["floats", "int8", "packed"])
def test_a_model_that_lacks_weights_is_not_asked(stored, tmp_path, kind):
    """transformers fills them at random, with no more than a warning."""
    whole = altered(stored, kind, tmp_path / "whole", lambda state: None)
    load.load(whole, device="cpu")
    lacking = altered(
        stored, kind, tmp_path / "lacking", lambda state: state.pop("model.layers.1.input_layernorm.weight")
    )
    with pytest.raises(InputError, match=r"lacking.*missing.*model\.layers\.1\.input_layernorm\.weight"):
        load.load(lacking, device="cpu")


@pytest.mark.parametrize("kind", ["floats", "int8", "packed"])
def test_a_model_with_weights_of_another_shape_is_not_asked(stored, tmp_path, kind):
    def widen(state):
        state["model.layers.1.input_layernorm.weight"] = torch.ones(17)

    with pytest.raises(InputError, match=r"wide.*another shape.*model\.layers\.1\.input_layernorm\.weight"):
        load.load(altered(stored, kind, tmp_path / "wide", widen), device="cpu")


@pytest.mark.parametrize("name", ["special_tokens_map.json", "model.safetensors.index.json", "int8.model.safetensors"])
def test_a_folder_to_which_something_was_added_is_not_loaded(tmp_path, name):
    tiny.fetched("llama", tmp_path / "model")
    archive.make_archive("m", "int8@overall", archive.Inputs(tmp_path / "model"), tmp_path / "out")
    for folder, by in (("model", "source"), ("out", "manifest")):
        if (tmp_path / folder / name).exists():
            continue
        load.load(tmp_path / folder)
        (tmp_path / folder / name).write_text("{}")
        with pytest.raises(InputError, match=rf"{folder}/{name}: is not in .*{by}\.json"):
            load.load(tmp_path / folder)
