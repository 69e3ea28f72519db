"""The method: what its archive holds, whom it serves, and how a model answers with it."""

import shutil

import pytest
import torch
import transformers
from helpers import tiny
from safetensors.torch import load_file, save_file

from knowcost.common.errors import InputError
from knowcost.recover import dynamic, registry
from knowcost.recover.method import Settings, Work
from knowcost.spec import recoveries
from knowcost.spec.architectures import architectures
from knowcost.spec.variants import parse

METHOD = registry.METHODS["dynamic_prompt"]
SETTINGS = Settings(0, 0, 0, 0.0, 0.0, 0, True, 0, 0, "float32")
DECODERS = [name for name, each in architectures().items() if each.family == "decoder"]


@pytest.fixture
def parts(tmp_path):
    """The archives of two prompts, as PEFT stores them: {length: folder}."""
    folders = {size: tmp_path / f"part-{size}" for size in (3, 7)}
    for size, folder in folders.items():
        folder.mkdir()
        values = torch.randn(size, 16, generator=torch.Generator().manual_seed(size))
        save_file({"prompt_embeddings": values}, folder / "adapter_model.safetensors")
    return folders


def make(parts, out, text="dynamic_prompt-3+7", kind="llama"):
    out.mkdir()
    recovery = recoveries.parse(text)
    work = Work(recovery, "decoder", tiny.model(kind), None, out, SETTINGS, out, tiny.model, parts)
    return METHOD.make(work, out)


def test_the_archive_holds_the_parts_as_they_are(parts, tmp_path):
    made = make(parts, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "prompt-3.safetensors",
        "prompt-7.safetensors",
    ]
    for size, folder in parts.items():
        copy = tmp_path / "out" / f"prompt-{size}.safetensors"
        assert copy.read_bytes() == (folder / "adapter_model.safetensors").read_bytes()
    # stored: 10 vectors of 16; cached: keys and values of 10 tokens in 2 layers with 2 heads of 8
    assert (made.parameters, made.cached, made.about) == (160, 640, {})


@pytest.mark.parametrize(("text", "lengths"), [("dynamic_prompt-3+7", 2), ("dynamic_prompt-3+7-input", 1)])
def test_a_model_answers_with_what_was_made(parts, tmp_path, text, lengths):
    make(parts, tmp_path / "out", text)
    for folder in parts.values():  # the archive stands by itself
        shutil.rmtree(folder)
    model, plain = tiny.model("llama"), tiny.model("llama")
    METHOD.apply(recoveries.parse(text), model, tmp_path / "out")
    ids = torch.arange(6, 15)[None]
    with torch.no_grad():
        logits = model(ids).logits
        [chosen] = dynamic.of(model).chosen()
        assert len(chosen) == lengths
        if len(set(chosen)) == 1:
            prompt = load_file(tmp_path / "out" / f"prompt-{chosen[0]}.safetensors")["prompt_embeddings"]
            embedded = torch.cat([prompt[None], plain.get_input_embeddings()(ids)], dim=1)
            torch.testing.assert_close(logits, plain(inputs_embeds=embedded).logits[:, chosen[0] :])
    assert METHOD.positions(recoveries.parse(text), "decoder") == 7


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"prompt_embeddings": torch.zeros(2, 16)}, r"expected one tensor 'prompt_embeddings' of shape \(3, 16\)"),
        ({"prompt_embeddings": torch.zeros(3, 24)}, r"found {'prompt_embeddings': \(3, 24\)}"),
        ({"prompt": torch.zeros(3, 16)}, r"found {'prompt': \(3, 16\)}"),
        ({"prompt_embeddings": torch.full((3, 16), torch.nan)}, "not finite"),
    ],
)
def test_a_prompt_that_is_none(parts, tmp_path, tensors, expected):
    save_file(tensors, parts[3] / "adapter_model.safetensors")
    with pytest.raises(InputError, match=rf"out/prompt-3\.safetensors: .*{expected}"):
        make(parts, tmp_path / "out")


def test_a_damaged_file_is_named(parts, tmp_path):
    make(parts, tmp_path / "out")
    (tmp_path / "out" / "prompt-7.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match=r"out/prompt-7\.safetensors: no prompt can be read"):
        METHOD.apply(recoveries.parse("dynamic_prompt-3+7"), tiny.model("llama"), tmp_path / "out")


@pytest.mark.parametrize("name", DECODERS)
def test_the_table_says_whom_the_interface_reaches(name):
    """Those whose code calls transformers' attention functions, and none else."""
    config = transformers.AutoConfig.for_model(name)
    kind = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    assert kind._can_set_attn_implementation() is not architectures()[name].own_attention


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama"},
        {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0}}},
    ],
)
def test_whom_it_serves(config):
    METHOD.check_config(config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "bloom"}, "the attention of 'bloom' is not reached"),
        ({"model_type": "phi3", "rope_scaling": {"type": "longrope"}}, "kind 'longrope'"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "dynamic"}}, "kind 'dynamic'"),
        ({"model_type": "gemma3_text", "rope_parameters": {"a": {"rope_type": "dynamic"}}}, "kind 'dynamic'"),
    ],
)
def test_whom_it_does_not_serve(config, expected):
    with pytest.raises(InputError, match=rf"dynamic_prompt: .*{expected}.*leave this recovery out"):
        METHOD.check_config(config)


def test_its_parts_are_prompts_trained_alike():
    variant = parse("gptq-3bit@overall^dynamic_prompt-26+50-input-kl~half")
    expected = ["gptq-3bit@overall^prompt-26-kl~half", "gptq-3bit@overall^prompt-50-kl~half"]
    assert [part.slug for part in registry.parts(variant)] == expected
    with pytest.raises(InputError, match="only decoder"):
        registry.check_variant(variant, "encoder_decoder")
