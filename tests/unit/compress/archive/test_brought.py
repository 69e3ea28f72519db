"""Checkpoints that are stored in other ways than transformers writes them, compressed: to what the usual way gives."""

import json

import pytest
import torch
from helpers import tiny
from helpers.calibrated import calibrated
from safetensors.torch import load_file, save_file

from knowcost.compress.archive import make as archive
from knowcost.models.load import load

EMBEDDING = "model.embed_tokens.weight"
OTHERS = {"classifier.weight": torch.ones(2, 16), "score.weight": torch.ones(3, 5), "position_ids": torch.arange(4)}


def old_names(state):
    gone = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta", "bert.": ""}
    for new, old in gone.items():
        state = {name.replace(new, old): tensor for name, tensor in state.items()}
    return state


def moved(old, new):
    return lambda state: {new if name == old else name: tensor for name, tensor in state.items()}


def inside(prefix):
    """As who saves a module that holds the model writes it; transformers takes off the prefix of its base model."""

    def wrapped(state):
        return {prefix + name: tensor for name, tensor in state.items()}

    return wrapped


def with_others(state):
    return state | OTHERS


WAYS = [
    ("t5-tied", moved("shared.weight", "decoder.embed_tokens.weight")),
    ("t5-tied", moved("shared.weight", "lm_head.weight")),
    ("llama-tied", moved(EMBEDDING, "lm_head.weight")),
    ("opt", moved("model.decoder.embed_tokens.weight", "lm_head.weight")),
    ("bert", old_names),
    ("t5", inside("transformer.")),
    ("llama", inside("model.")),
    ("llama-tied", inside("model.")),
    ("bert", inside("bert.")),
    ("albert", inside("albert.")),
    ("bert", with_others),
    ("llama", with_others),
]
VARIANTS = ["dense", "magnitude-50@final", "int8@overall", "sparsegpt-50@overall", "gptq-4bit@overall"]


def archives(folder, kind, change=dict):
    """{variant: logits} of a tiny model whose file was changed."""
    tiny.fetched(kind, folder / "model")
    save_file(
        change(load_file(folder / "model/model.safetensors")), folder / "model/model.safetensors", {"format": "pt"}
    )
    tiny.write_source(folder / "model")
    calibrated(folder / "windows.parquet", model=folder / "model")
    inputs = archive.Inputs(folder / "model", folder / "cuts.json", folder / "windows.parquet")
    archive.make_thresholds(folder / "model", [("paper", "final", [50])], folder / "cuts.json")
    found = {}
    for slug in VARIANTS:
        archive.make_archive("m", slug, inputs, folder / slug)
        found[slug] = tiny.logits(load(folder / slug)[0])
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = archives(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return get


@pytest.mark.parametrize(("kind", "change"), WAYS, ids=lambda value: getattr(value, "__name__", value))
def test_compressed_alike_however_it_is_stored(tmp_path, usual, kind, change):
    expected, found = usual(kind), archives(tmp_path, kind, change)
    assert not torch.equal(expected["dense"], expected["magnitude-50@final"])
    for slug in VARIANTS:
        assert torch.equal(found[slug], expected[slug]), slug


def test_an_encoder_decoder_without_a_start_token_begins_with_padding(tmp_path):
    """T5 says so in its documentation; transformers gives no other default."""
    models = {}
    for name, start in (("given", 0), ("missing", ...)):
        folder = tmp_path / name
        tiny.fetched("t5", folder)
        config = json.loads((folder / "config.json").read_text()) | {"decoder_start_token_id": start}
        if start is ...:
            del config["decoder_start_token_id"]
            (folder / "generation_config.json").unlink(missing_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        tiny.write_source(folder)
        calibrated(tmp_path / "windows.parquet", model=folder)
        inputs = archive.Inputs(folder, calibration=tmp_path / "windows.parquet")
        archive.make_archive("m", "sparsegpt-50@overall", inputs, tmp_path / f"{name}-sparse")
        models[name] = load(tmp_path / f"{name}-sparse")[0]
    ids = torch.arange(6, 18).reshape(2, 6)
    with torch.inference_mode():
        losses = [model(input_ids=ids, labels=ids).loss for model in models.values()]
    assert losses[0] == losses[1]
