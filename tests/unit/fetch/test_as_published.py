"""Checkpoints as their authors put them on the hub, made small: their keys of config.json, their old names and what
they hold beside the model. All are let in; the logits are those of plain transformers on the same folder."""

import json

import pytest
import torch
import transformers
from helpers import tiny
from helpers.fetching import row
from safetensors.torch import save_file

from knowcost.models.base import Base
from knowcost.models.load import load
from knowcost.spec.architectures import family_of

WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 120}
BERT = WIDE | {
    "architectures": ["BertForMaskedLM"], "model_type": "bert", "gradient_checkpointing": False, "hidden_act": "gelu",
    "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "pad_token_id": 0, "position_embedding_type": "absolute",
    "transformers_version": "4.6.0.dev0", "type_vocab_size": 2, "use_cache": True, "directionality": "bidi",
    "pooler_fc_size": 768, "pooler_num_fc_layers": 3, "classifier_dropout": None,
}  # fmt: skip
ROBERTA = WIDE | {
    "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "bos_token_id": 0, "eos_token_id": 2,
    "hidden_act": "gelu", "layer_norm_eps": 1e-05, "max_position_embeddings": 514, "pad_token_id": 1,
    "type_vocab_size": 1,
}  # fmt: skip
DISTILBERT = {
    "activation": "gelu", "architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert", "dim": 16,
    "hidden_dim": 24, "max_position_embeddings": 512, "n_heads": 2, "n_layers": 2, "pad_token_id": 0, "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": False, "tie_weights_": True, "vocab_size": 120,
}  # fmt: skip
ALBERT = WIDE | {
    "architectures": ["AlbertForMaskedLM"], "model_type": "albert", "bos_token_id": 2, "eos_token_id": 3,
    "attention_probs_dropout_prob": 0, "down_scale_factor": 1, "embedding_size": 8, "gap_size": 0,
    "hidden_act": "gelu_new", "hidden_dropout_prob": 0, "inner_group_num": 1, "net_structure_type": 0,
    "num_hidden_groups": 1, "num_memory_blocks": 0, "pad_token_id": 0, "type_vocab_size": 2,
}  # fmt: skip
T5 = {
    "architectures": ["T5WithLMHeadModel"], "model_type": "t5", "d_ff": 24, "d_kv": 8, "d_model": 16,
    "decoder_start_token_id": 0, "eos_token_id": 1, "is_encoder_decoder": True, "n_positions": 512, "num_heads": 2,
    "num_layers": 2, "output_past": True, "pad_token_id": 0, "relative_attention_num_buckets": 32, "vocab_size": 120,
    "task_specific_params": {"summarization": {"early_stopping": True, "max_length": 200, "num_beams": 4}},
}  # fmt: skip
FLAN = T5 | {
    "architectures": ["T5ForConditionalGeneration"], "feed_forward_proj": "gated-gelu", "num_decoder_layers": 2,
    "relative_attention_max_distance": 128, "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": True,
}  # fmt: skip
LLAMA = WIDE | {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1, "eos_token_id": 2,
    "max_position_embeddings": 4096, "num_key_value_heads": 2, "pad_token_id": 0, "pretraining_tp": 1,
    "rms_norm_eps": 1e-05, "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float16",
}  # fmt: skip
LLAMA_1 = LLAMA | {"architectures": ["LLaMAForCausalLM"], "max_sequence_length": 2048, "pad_token_id": -1}
SCALED = LLAMA | {"rope_scaling": {"factor": 8.0, "type": "linear"}}
LLAMA_3 = LLAMA | {"rope_theta": 500000.0, "rope_scaling": {
    "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64,
    "rope_type": "llama3"}}  # fmt: skip
OPT = {
    "architectures": ["OPTForCausalLM"], "model_type": "opt", "_remove_final_layer_norm": False, "bos_token_id": 2,
    "activation_dropout": 0.0, "do_layer_norm_before": True, "eos_token_id": 2, "ffn_dim": 24, "hidden_size": 16,
    "layerdrop": 0.0, "max_position_embeddings": 2048, "num_attention_heads": 2, "num_hidden_layers": 2,
    "pad_token_id": 1, "prefix": "</s>", "torch_dtype": "float16", "vocab_size": 120, "word_embed_proj_dim": 16,
}  # fmt: skip
OPT_350M = OPT | {"do_layer_norm_before": False, "word_embed_proj_dim": 8}
VICUNA = {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "max_length": 4096, "pad_token_id": 0,
          "temperature": 0.9, "top_p": 0.6}  # fmt: skip


def plus(tensors, **copies):
    """With these tensors beside, and copies of others under these names (__ for a dot)."""
    return lambda state: state | tensors | {new.replace("__", "."): state[old].clone() for new, old in copies.items()}


def old_names(state):
    return {name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): t for name, t in state.items()}


def bert(state):
    heads = {"bert.pooler.dense": 16, "cls.seq_relationship": 2}
    beside = {f"{name}.weight": torch.ones(rows, 16) for name, rows in heads.items()}
    beside |= {f"{name}.bias": torch.ones(rows) for name, rows in heads.items()}
    return old_names(state) | beside | {"bert.embeddings.position_ids": torch.arange(512)[None]}


def rotary(state):
    return state | {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.ones(4) for i in range(2)}


def bare(state):
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


roberta = plus(
    {"roberta.pooler.dense.weight": torch.ones(16, 16), "roberta.embeddings.position_ids": torch.arange(514)[None]},
    lm_head__decoder__weight="roberta.embeddings.word_embeddings.weight", lm_head__decoder__bias="lm_head.bias",
)  # fmt: skip
albert = plus(
    {"albert.pooler.weight": torch.ones(16, 16), "sop_classifier.classifier.weight": torch.ones(2, 16)},
    predictions__decoder__weight="albert.embeddings.word_embeddings.weight",
    predictions__decoder__bias="predictions.bias",
)
BOTH = {"encoder__embed_tokens__weight": "shared.weight", "decoder__embed_tokens__weight": "shared.weight"}
UNUSED = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": torch.ones(32, 2)}
HEAD = {"lm_head.weight": torch.arange(1920.0).reshape(120, 16).sin()}

PUBLISHED = {
    "bert-base-uncased": (BERT, bert, None),
    "roberta-base": (ROBERTA, roberta, None),
    "distilbert": (DISTILBERT, plus({}, vocab_projector__weight="distilbert.embeddings.word_embeddings.weight"), None),
    "albert-base-v2": (ALBERT, albert, None),
    "t5-small": (T5, plus(UNUSED, **BOTH), None),
    "flan-t5": (FLAN, plus(HEAD, **BOTH), None),
    "t5-v1_1": (FLAN, plus(HEAD), None),
    "llama-1": (LLAMA_1, rotary, None),
    "vicuna": (LLAMA, rotary, VICUNA),
    "linear rope": (SCALED, dict, None),
    "llama-3": (LLAMA_3, dict, None),
    "opt-125m": (OPT, dict, None),
    "opt-1.3b": (OPT, bare, None),
    "opt-6.7b": (OPT, plus({}, lm_head__weight="model.decoder.embed_tokens.weight"), None),
    "opt-350m": (OPT_350M, dict, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_let_in_and_computed_as_transformers_computes_it(tmp_path, get, name):
    config, change, generation = PUBLISHED[name]
    origin, family = tmp_path / "origin", family_of(config["model_type"])
    origin.mkdir()
    (origin / "config.json").write_text(json.dumps(config))
    if generation:
        (origin / "generation_config.json").write_text(json.dumps(generation))
    tiny.save_tokenizer(origin)
    torch.manual_seed(0)
    made = tiny.AUTO[family].from_config(transformers.AutoConfig.from_pretrained(origin))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    half = config.get("torch_dtype") == "float16"
    state = change({name: t for name, t in made.state_dict().items() if name not in made.all_tied_weights_keys})
    state = {name: t.half() if half else t.clone() for name, t in state.items()}
    save_file(state, origin / "model.safetensors", {"format": "pt"})
    get(row(origin, family=family))
    plain = tiny.AUTO[family].from_pretrained(origin, dtype=torch.float32).eval()
    assert torch.equal(tiny.logits(load(get.folder)[0]), tiny.logits(plain))
    assert set(Base(get.folder).fills) == set(plain.state_dict())
