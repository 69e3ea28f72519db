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


def model(kind, seed=0):
    """A random model; a T5's head is made different from its embedding unless it is the tied kind."""
    torch.manual_seed(seed)
    made = MODELS[kind]().eval()
    if kind == "t5":
        made.lm_head.weight = torch.nn.Parameter(torch.randn_like(made.lm_head.weight))
    with torch.no_grad():  # biases start at zero, where a lost one would go unnoticed
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    return made


def fetched(kind, folder, dtype=torch.float32, shard="5GB", seed=0):
    """A folder as the fetch stage leaves it. Returns the in-memory model."""
    made = model(kind, seed).to(dtype)
    made.save_pretrained(folder, max_shard_size=shard)
    if kind == "t5":  # transformers writes the key as true, whatever the weights
        config = files.read_json(folder / "config.json") | {"tie_word_embeddings": False}
        files.write_json(folder / "config.json", config)
    save_tokenizer(folder)
    write_source(folder)
    return made


def write_source(folder):
    """source.json of a checkpoint's folder, as the fetch stage writes it."""
    for path in (folder / paths.SOURCE, seal.beside(folder / paths.SOURCE)):
        path.unlink(missing_ok=True)
    hashes = {p.name: {"sha256": files.sha256(p), "size": p.stat().st_size} for p in sorted(folder.iterdir())}
    names = weights.fills(Checkpoint(folder), described_model(folder))
    seal.write_json(folder / paths.SOURCE, {"source": "test", "files": hashes, "names": names})


def save_tokenizer(folder):
    """A tokenizer of 120 words, five of them special."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "</s>", *(f"w{i}" for i in range(114))]
    from tokenizers import Tokenizer, models, pre_tokenizers

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
