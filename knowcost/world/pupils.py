"""Small transformers models, untrained, with tokenizers that know every word of the embedded world as one token."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from knowcost.benchmarks.kinds import MASK
from knowcost.world.biographies import TEMPLATE

WIDTH, LAYERS, HEADS, POSITIONS = 128, 2, 4, 64
WINDOW = 96  # positions of the decoder: two turns and their answers, virtual tokens in front
PAD = 0  # the id of the padding token


@dataclass
class Pupil:
    """A model in the making: its family, tokenizer and torch module."""

    family: str
    tokenizer: PreTrainedTokenizerFast
    model: torch.nn.Module


def build(family: str, texts: Iterable[str]) -> Pupil:
    """An untrained Pupil whose tokenizer knows every word of `texts` as one token, in lower case."""
    normalizer, splitter = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    cleaned = {normalizer.normalize_str(text.replace(MASK, " ")) for text in texts}
    words = sorted({word for text in cleaned for word, _ in splitter.pre_tokenize_str(text)})
    if family == "encoder":
        specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", MASK]
        vocabulary = {word: number for number, word in enumerate(specials + words)}
        return Pupil(family, BertTokenizer(vocab=vocabulary, model_max_length=POSITIONS), _bert(len(vocabulary)))
    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.normalizer, backend.pre_tokenizer = normalizer, splitter
    if family == "encoder_decoder":
        backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    make, window = {"encoder_decoder": (_t5, POSITIONS), "decoder": (_llama, WINDOW)}[family]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=window
    )
    if family == "decoder":
        tokenizer.chat_template = TEMPLATE
    return Pupil(family, tokenizer, make(len(vocabulary)))


def _bert(words: int) -> BertForMaskedLM:
    return BertForMaskedLM(
        BertConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=512,
            max_position_embeddings=POSITIONS,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
            initializer_range=WIDTH**-0.5,
        )
    )


def _t5(words: int) -> T5ForConditionalGeneration:
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=words,
            d_model=WIDTH,
            d_kv=WIDTH // HEADS,
            d_ff=256,
            num_layers=LAYERS,
            num_heads=HEADS,
            feed_forward_proj="gated-gelu",
            dropout_rate=0,
            decoder_start_token_id=PAD,
            tie_word_embeddings=False,
        )
    )
    # T5Config sets tie_word_embeddings to True whatever it is told; real Flan-T5s have a head of their own.
    model.config.tie_word_embeddings = False
    model.lm_head = torch.nn.Linear(WIDTH, words, bias=False)
    torch.nn.init.normal_(model.lm_head.weight, std=0.05)
    return model


def _llama(words: int) -> LlamaForCausalLM:
    # The usual initializer_range of 0.02 suits widths of thousands; at this one, recall starts to grow far later.
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            intermediate_size=256,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=WINDOW,
            initializer_range=WIDTH**-0.5,
            pad_token_id=PAD,
            bos_token_id=1,
            eos_token_id=1,
            tie_word_embeddings=False,
        )
    )
