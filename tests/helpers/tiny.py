"""Tiny models of every architecture with random weights, and fetched folders made of them. For tests only."""

import torch
import transformers as tf

from knowcost.common import files, paths, seal
from knowcost.fetch import weights
from knowcost.fetch.config import described_model
from knowcost.models.checkpoint import Checkpoint
from knowcost.spec.architectures import family_of

AUTO = {
    "encoder": tf.AutoModelForMaskedLM,
    "encoder_decoder": tf.AutoModelForSeq2SeqLM,
    "decoder": tf.AutoModelForCausalLM,
}
SIZES = {"vocab_size": 120, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
WIDE = SIZES | {"intermediate_size": 24}


def _t5(tied):
    return tf.T5Config(vocab_size=120, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, pad_token_id=0,
                       decoder_start_token_id=0, feed_forward_proj="gated-gelu", tie_word_embeddings=tied)  # fmt: skip


MODELS = {
    "bert": lambda: tf.BertForMaskedLM(tf.BertConfig(**WIDE)),
    "roberta": lambda: tf.RobertaForMaskedLM(tf.RobertaConfig(**WIDE)),
    "distilbert": lambda: tf.DistilBertForMaskedLM(
        tf.DistilBertConfig(vocab_size=120, dim=16, n_layers=2, n_heads=2, hidden_dim=24)
    ),
    "albert": lambda: tf.AlbertForMaskedLM(tf.AlbertConfig(**WIDE, embedding_size=8)),
    "t5": lambda: tf.T5ForConditionalGeneration(_t5(tied=False)),
    "t5-tied": lambda: tf.T5ForConditionalGeneration(_t5(tied=True)),
    "llama": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**WIDE, tie_word_embeddings=False)),
    "llama-tied": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**WIDE, tie_word_embeddings=True)),
    "opt": lambda: tf.OPTForCausalLM(
        tf.OPTConfig(
            vocab_size=120,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            ffn_dim=24,
            word_embed_proj_dim=16,
            max_position_embeddings=64,
        )
    ),
}

# All further architectures, as the keys in which their config.json differs from COMMON. What an architecture can do
# that most do not (windows, scaled embeddings, experts) is switched on.
COMMON = WIDE | {"max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 5}
HEADS = {"num_key_value_heads": 1, "head_dim": 8}
WINDOW = {"sliding_window": 4}
EXPERTS = HEADS | {"moe_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2}
T5 = {"d_kv": 8, "d_ff": 24, "num_decoder_layers": 2, "decoder_start_token_id": 0}
BART = {"encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_layers": 2, "decoder_layers": 2, "scale_embedding": True, "pad_token_id": 1,
        "decoder_start_token_id": 2}  # fmt: skip
FURTHER = {
    "xlm-roberta": {"pad_token_id": 1},
    "camembert": {"pad_token_id": 1},
    "ernie": {"use_task_id": True},
    "electra": {"embedding_size": 8},
    "mpnet": {"pad_token_id": 1},
    "deberta-v2": {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["p2c", "c2p"],
                   "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3, "embedding_size": 8},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
    "mt5": T5 | {"feed_forward_proj": "gated-gelu"},
    "umt5": T5 | {"feed_forward_proj": "gated-gelu"},
    "mbart": BART,
    "m2m_100": BART,
    "bart": BART,
    "pegasus": BART | {"pad_token_id": 0, "decoder_start_token_id": 0},
    "mistral": HEADS | WINDOW,
    "ministral": HEADS | WINDOW,
    "ministral3": HEADS,
    "qwen2": {"num_key_value_heads": 1},
    "qwen3": HEADS,
    "gemma": HEADS,
    "gemma2": HEADS | WINDOW,
    "gemma3_text": HEADS | WINDOW | {"layer_types": ["sliding_attention", "full_attention"]},
    "granite": HEADS | {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_scaling": 2.0},
    "cohere": {"num_key_value_heads": 1, "use_qk_norm": True},
    "cohere2": HEADS | WINDOW | {"layer_types": ["sliding_attention", "full_attention"]},
    "olmo": {"clip_qkv": 2.0},
    "olmo2": {"num_key_value_heads": 1},
    "smollm3": {"num_key_value_heads": 1, "no_rope_layers": [1, 0]},
    "stablelm": {"num_key_value_heads": 1, "qk_layernorm": True, "use_qkv_bias": True},
    "starcoder2": {"num_key_value_heads": 1},
    "phi": {"qk_layernorm": True},
    "phi3": {"num_key_value_heads": 1},
    "glm4": HEADS | {"attention_bias": True},
    "gptj": {"rotary_dim": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 4},
    "gpt_neox": {},
    "gpt2": {},
    "bloom": {},
    "falcon": {"bias": True},
    "mpt": {"max_seq_len": 64},
    "mixtral": HEADS | {"num_local_experts": 4},
    "qwen2_moe": EXPERTS | {"shared_expert_intermediate_size": 24},
    "qwen3_moe": EXPERTS,
    "olmoe": EXPERTS | {"intermediate_size": 24},
    "gpt_oss": HEADS | WINDOW | {"num_local_experts": 4, "num_experts_per_tok": 2},
}  # fmt: skip
EVERY = [*MODELS, *FURTHER]
IN_BYTES = ("qwen2", "qwen2_moe")  # whose tokenizer transformers makes one of pairs of bytes, whatever it was
OWN_HEAD = ("t5", "mt5", "umt5")  # whose classes tie the head whatever config.json says, unless a file holds another


def model(kind, seed=0):
    """A random model; a T5's head is made different from its embedding unless it is the tied kind."""
    torch.manual_seed(seed)
    made = (MODELS[kind]() if kind in MODELS else _further(kind)).eval()
    if kind in OWN_HEAD:
        made.lm_head.weight = torch.nn.Parameter(torch.randn_like(made.lm_head.weight))
    with torch.no_grad():  # biases start at zero, where a lost one would go unnoticed
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    return made


def _further(kind):
    """A model of FURTHER, its weights ten times as large as they are at first, its norms about one."""
    config = tf.AutoConfig.for_model(kind, **COMMON | FURTHER[kind])
    made = AUTO[family_of(kind)].from_config(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.2)
            else:
                parameter += 0.3 * torch.randn_like(parameter)
        if hasattr(made, "final_logits_bias"):
            made.final_logits_bias.normal_()
    return made


def fetched(kind, folder, dtype=torch.float32, shard="5GB", seed=0):
    """A folder as the fetch stage leaves it. Returns the in-memory model."""
    made = saved(kind, folder, dtype, shard, seed)
    write_source(folder)
    return made


def saved(kind, folder, dtype=torch.float32, shard="5GB", seed=0):
    """A checkpoint's folder as people bring it. Returns the in-memory model."""
    made = model(kind, seed).to(dtype)
    made.save_pretrained(folder, max_shard_size=shard)
    if kind in OWN_HEAD:  # transformers writes the key as true, whatever the weights
        config = files.read_json(folder / "config.json") | {"tie_word_embeddings": False}
        files.write_json(folder / "config.json", config)
    save_tokenizer(folder, in_bytes=kind in IN_BYTES)
    return made


def write_source(folder):
    """source.json of a checkpoint's folder, as the fetch stage writes it."""
    for path in (folder / paths.SOURCE, seal.beside(folder / paths.SOURCE)):
        path.unlink(missing_ok=True)
    listed = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    hashes = {p.name: {"sha256": files.sha256(p), "size": p.stat().st_size} for p in listed}
    names = weights.fills(Checkpoint(folder), described_model(folder))
    seal.write_json(folder / paths.SOURCE, {"source": "test", "files": hashes, "names": names})


def save_tokenizer(folder, in_bytes=False):
    """A tokenizer of 120 words, six of them special; in_bytes: of pairs of bytes, whose words have two or three."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "</s>"]
    if in_bytes:
        letters = ["\u0120", *map(chr, range(33, 127))]
        pairs = [("w", str(i)) for i in range(10)] + [("\u0120", "w"), ("\u0120w", "1"), ("\u0120w", "2")]
        words = [*special, *letters, *(one + other for one, other in pairs)]
        inner = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, pairs))
        inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    else:
        words = [*special, *(f"w{i}" for i in range(114))]
        inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tf.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]", eos_token="</s>"
    ).save_pretrained(folder)


def logits(module, seed=1):
    """The logits of a fixed random batch, shape (3, 7, 120)."""
    ids = torch.randint(6, 120, (3, 7), generator=torch.Generator().manual_seed(seed))
    inputs = {"input_ids": ids}
    if family_of(module.config.model_type) == "encoder_decoder":
        inputs["decoder_input_ids"] = ids
    with torch.inference_mode():
        return module(**inputs).logits.float()


def linears(module):
    """{name: nn.Linear} of a model, by torch."""
    return {name: m for name, m in module.named_modules() if isinstance(m, torch.nn.Linear)}
