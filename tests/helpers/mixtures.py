"""Tiny models whose linear layers are not nn.Linear in transformers: experts and Conv1D. For tests only."""

import torch
import transformers as tf

SMALL = {"vocab_size": 120, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64}  # fmt: skip
ROUTED = SMALL | {"num_experts": 4, "num_experts_per_tok": 2}

MODELS = {
    "mixtral": lambda: tf.MixtralForCausalLM(tf.MixtralConfig(**SMALL, num_local_experts=4)),
    "qwen2_moe": lambda: tf.Qwen2MoeForCausalLM(
        tf.Qwen2MoeConfig(**ROUTED, moe_intermediate_size=8, shared_expert_intermediate_size=12, mlp_only_layers=[1])
    ),
    "qwen3_moe": lambda: tf.Qwen3MoeForCausalLM(tf.Qwen3MoeConfig(**ROUTED, moe_intermediate_size=8, head_dim=8)),
    "olmoe": lambda: tf.OlmoeForCausalLM(tf.OlmoeConfig(**ROUTED)),
    "gpt_oss": lambda: tf.GptOssForCausalLM(
        tf.GptOssConfig(**SMALL, head_dim=8, num_local_experts=4, num_experts_per_tok=2)
    ),
    "gpt2": lambda: tf.GPT2LMHeadModel(
        tf.GPT2Config(vocab_size=120, n_embd=16, n_layer=2, n_head=2, n_inner=24, n_positions=64)
    ),
}


def model(kind, seed=0, scale=10):
    """A random model whose matrices are `scale` times what transformers draws, so that no part of it hides."""
    torch.manual_seed(seed)
    made = MODELS[kind]().eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.dim() > 1:
                parameter *= scale
            if name.endswith("bias"):
                parameter.normal_()
    return made
