"""Versions of tiny models as other tools leave them: GGUF files, and our own archives exported. For tests only."""

import json

import gguf
import numpy as np
import tokenizers
import torch
import transformers as tf

from helpers import tiny

HEADS, KEYS = 4, 2
CONFIG = {"vocab_size": 120, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": HEADS,
          "num_key_value_heads": KEYS, "intermediate_size": 128, "tie_word_embeddings": False, "bos_token_id": None,
          "eos_token_id": 5, "pad_token_id": 0}  # fmt: skip
NAMES = {  # llama.cpp's, as its converter has them
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.layers": "blk",
}


def llama(folder=None, **changes):
    """A random Llama whose layers can be cut in blocks of 32, its weights large enough to tell its answers apart.

    folder: where it is saved with a tokenizer; changes: of CONFIG.
    """
    torch.manual_seed(0)
    made = tf.LlamaForCausalLM(tf.LlamaConfig(**CONFIG | changes)).eval()
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() == 2:
                weight.mul_(5)
    if folder:
        made.save_pretrained(folder)
        tiny.save_tokenizer(folder)
    return made


def bpe(folder):
    """Save a byte-level BPE of 300 tokens in a folder. Returns it as write_gguf takes it."""
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"], initial_alphabet=sorted(alphabet))
    inner.train_from_iterator(["the capital of France is Paris, and that of Italy is Rome"] * 3, trainer)
    tf.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>", pad_token="</s>").save_pretrained(folder)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {"tokens": tokens, "merges": [" ".join(pair) for pair in model["merges"]]}


def write_gguf(model, path, kind="F16", tokenizer=None):
    """A Llama as a GGUF, its matrices in a type of llama.cpp's. Returns {transformers' name: array as it is read back}.

    tokenizer: {"tokens", "merges"} of a byte-level BPE; None for one beside the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    config = model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    writer.add_eos_token_id(config.eos_token_id)
    if tokenizer:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list(tokenizer["tokens"])
        writer.add_token_merges(tokenizer["merges"])
    held = {}
    for name, weight in model.state_dict().items():
        array = weight.numpy()
        quantized = gguf.GGMLQuantizationType[kind] if array.ndim == 2 else gguf.GGMLQuantizationType.F32
        packed = gguf.quantize(_rotated(name, array), quantized)
        writer.add_tensor(_renamed(name), packed, raw_dtype=quantized)
        held[name] = gguf.dequantize(gguf.quantize(array, quantized), quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def _renamed(name):
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def _rotated(name, array):
    """llama.cpp turns neighbouring pairs of a head's rows, transformers its halves: queries and keys change places."""
    heads = {"q_proj": HEADS, "k_proj": KEYS}.get(name.split(".")[-2])
    if heads is None or array.ndim != 2:
        return array
    rows, columns = array.shape
    return np.ascontiguousarray(array.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, -1))
