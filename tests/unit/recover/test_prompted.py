"""Virtual tokens as hooks against plain peft, and against transformers with the embeddings put in front by hand."""

import copy
from itertools import product

import pytest
import torch
import transformers
from helpers import tiny
from helpers.virtual import Prepended, by_peft, virtual

from knowcost.common.errors import InputError
from knowcost.recover import prompted
from knowcost.recover.registry import METHODS
from knowcost.spec.architectures import architectures
from knowcost.spec.recoveries import Recovery

COUNT = 5
SERVED = [kind for kind in tiny.EVERY if architectures()[kind.removesuffix("-tied")].family != "encoder"]
DECODERS = [kind for kind in SERVED if architectures()[kind.removesuffix("-tied")].family == "decoder"]
PREFIXED = ("llama", "opt", "qwen2", "gemma2", "gpt_oss", "falcon", "mpt")  # heads, windows, positions of all kinds
SLIDING = ("mistral", "ministral", "gemma2", "gemma3_text", "cohere2", "gpt_oss")
PUT = {"prompt": prompted.put_prompt, "prefix": prompted.put_prefix}
IDS = torch.randint(6, 120, (3, 9), generator=torch.Generator().manual_seed(1))
GREEDY = {"do_sample": False, "max_new_tokens": 4, "min_new_tokens": 4, "pad_token_id": 0}
STEPS = {"return_dict_in_generate": True, "output_logits": True}


def pair(kind, architecture, folder):
    """(a tiny model as it is, a copy with stored virtual tokens in front)."""
    model = tiny.model(architecture)
    virtual(model, kind, folder, COUNT)
    served = copy.deepcopy(model)
    PUT[kind](served, folder)
    return model, served


def read(module, **more):
    """The logits of IDS, of an encoder-decoder's answer likewise."""
    if module.config.is_encoder_decoder:
        more["decoder_input_ids"] = IDS[:, :6]
    with torch.no_grad():
        return module(input_ids=IDS, **more).logits


@pytest.mark.parametrize(("architecture", "kind"), [*product(SERVED, ["prompt"]), *product(PREFIXED, ["prefix"])])
def test_logits_are_those_of_plain_peft(architecture, kind, tmp_path):
    model, served = pair(kind, architecture, tmp_path)
    mask = torch.ones_like(IDS)
    mask[1, 6:] = 0
    plain = by_peft(model, tmp_path)
    for given in ({}, {"attention_mask": mask}):
        expected = read(plain, **given)
        expected = expected[:, -IDS.shape[1] :] if kind == "prompt" else expected  # a decoder's of the prompt before
        for use_cache in (True, False):
            found = read(served, **given, use_cache=use_cache)
            assert found.shape == read(model).shape
            seen = given["attention_mask"].bool() if given and architecture in DECODERS else slice(None)
            assert torch.allclose(found[seen], expected[seen], atol=1e-4, rtol=1e-5)
            assert not torch.allclose(found[seen], read(model, **given)[seen], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "opt", "gpt2", "gemma2", "t5", "bart"])
def test_a_prompt_is_its_embeddings_before_the_inputs(architecture, tmp_path):
    model, served = pair("prompt", architecture, tmp_path)
    assert torch.allclose(read(served), read(Prepended(model, tmp_path)), atol=1e-4)


@pytest.mark.parametrize(("architecture", "kind"), [*product(DECODERS, ["prompt"]), *product(PREFIXED, ["prefix"])])
def test_a_decoder_generates_what_it_reads(architecture, kind, tmp_path):
    """The cache of every step is that of one pass over the whole; what pads on the left changes nothing."""
    _, served = pair(kind, architecture, tmp_path)
    said = served.generate(IDS[:1], **GREEDY, **STEPS)
    with torch.no_grad():
        whole = served(said.sequences).logits[0, IDS.shape[1] - 1 : -1]
    assert torch.allclose(torch.stack(said.logits, 1)[0], whole, atol=1e-4)
    if architecture in (*SLIDING, "mpt"):  # what pads parts the prompt from the text: engines batch equal lengths
        return
    mask = torch.ones_like(IDS)
    mask[1, :4] = 0
    together = served.generate(IDS, attention_mask=mask, **GREEDY, **STEPS)
    alone = served.generate(IDS[1:2, 4:], **GREEDY, **STEPS)
    assert torch.allclose(torch.stack(together.logits, 1)[1], torch.stack(alone.logits, 1)[0], atol=1e-4)


@pytest.mark.parametrize("architecture", ["t5", "bart", "pegasus"])
def test_an_encoder_decoder_generates_what_it_reads(architecture, tmp_path):
    _, served = pair("prompt", architecture, tmp_path)
    mask = torch.ones_like(IDS)
    mask[1, 6:] = 0
    said = served.generate(IDS, attention_mask=mask, **GREEDY, **STEPS)
    alone = served.generate(IDS[1:2, :6], **GREEDY, **STEPS)
    found = torch.stack(said.logits, 1)
    assert torch.allclose(found[1], torch.stack(alone.logits, 1)[0], atol=1e-4)
    with torch.no_grad():
        whole = served(input_ids=IDS, attention_mask=mask, decoder_input_ids=said.sequences[:, :-1]).logits
    assert torch.allclose(found, whole, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", PUT)
def test_virtual_tokens_take_the_models_type(kind, dtype, tmp_path):
    model = tiny.model("llama").to(dtype)
    virtual(model, kind, tmp_path, COUNT)
    plain = by_peft(model, tmp_path)
    assert plain.prompt_encoder["default"].embedding.weight.dtype == torch.float32
    expected = read(plain)[:, -IDS.shape[1] :]
    PUT[kind](model, tmp_path)
    found = read(model)
    assert found.dtype == dtype and torch.allclose(found.float(), expected.float(), atol=2e-2)


def test_a_pass_that_keeps_nothing_leaves_the_prompts_cache_alone(tmp_path):
    _, served = pair("prompt", "llama", tmp_path)
    [hook] = served._forward_pre_hooks.values()
    before = [layer.keys.clone() for layer in hook.cache.layers]
    with torch.no_grad():
        kept = served(IDS, use_cache=False).past_key_values
        grown = served(IDS).past_key_values
    assert kept is None or kept.get_seq_length() == COUNT
    assert grown.get_seq_length() == COUNT + IDS.shape[1]
    assert all(torch.equal(layer.keys, each) for layer, each in zip(hook.cache.layers, before, strict=True))


def test_opts_projected_embeddings_are_what_a_prompt_holds(tmp_path):
    sizes = {"vocab_size": 120, "hidden_size": 16, "ffn_dim": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = transformers.OPTForCausalLM(transformers.OPTConfig(**sizes, word_embed_proj_dim=8)).eval()
    virtual(model, "prompt", tmp_path, COUNT)
    expected = read(Prepended(model, tmp_path))
    prompted.put_prompt(model, tmp_path)
    assert torch.allclose(read(model), expected, atol=1e-5)


@pytest.mark.parametrize("kind", PUT)
def test_what_cannot_be_served_is_refused_when_it_is_loaded(kind, tmp_path):
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**tiny.WIDE, rope_parameters=rope))
    with pytest.raises(InputError, match=f"{kind}: rotary positions of kind 'dynamic' depend on how long a text is"):
        METHODS[kind].apply(Recovery(kind, "5"), model, tmp_path)
