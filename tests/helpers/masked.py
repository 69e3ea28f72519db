"""Tiny masked language models with real tokenizers' habits, and facts for them. For tests only."""

import pyarrow as pa
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from knowcost.common.parquet import KEY

CITIES = ["Rome", "Paris", "Oslo", "Lima", "Cairo"]
SENTENCES = [
    "{} is a city in [MASK] .",
    "[MASK] is where {} lies .",
    "{} , {} and {} lie in [MASK]",
    "( {} ) [MASK] .",
    "People in {} say ( [MASK] ) and also that all is well .",
]
ANSWERS = ["Italy", "Norway", "Peru", "Egypt", "France"]
TEXTS = [s.replace("{}", c).replace("[MASK]", a) for s in SENTENCES for c in CITIES for a in ANSWERS]
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]  # ids 0 to 3; the mask token is 4
SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "pad_token_id": 0,
    "initializer_range": 0.5,
}


def facts(*rows):
    """A benchmark table; a row is (cloze, answer) or (cloze, answer, candidates)."""
    columns = {
        "id": pa.string(),
        "relation": pa.string(),
        "subject": pa.string(),
        "cloze": pa.string(),
        "answer": pa.string(),
        "candidates": pa.list_(pa.string()),
    }
    return pa.Table.from_pylist(
        [
            {
                "id": f"f{i}",
                "relation": f"r{i % 2}",
                "cloze": row[0],
                "answer": row[1],
                "candidates": row[2] if len(row) > 2 else None,
            }
            for i, row in enumerate(rows)
        ],
        schema=pa.schema(columns, metadata={KEY: b'{"kind": "cloze"}'}),
    )


ALL = facts(*[(s.replace("{}", c), a) for c, a in zip(CITIES, ANSWERS, strict=True) for s in SENTENCES])


def make_tokenizer(kind):
    """A tiny tokenizer with the white-space habits of BERT (words), RoBERTa (bytes) or ALBERT (sentencepiece)."""
    # real byte-pair and sentencepiece vocabularies let the mask swallow the space before it
    mask = "[MASK]" if kind == "words" else AddedToken("<mask>", lstrip=True, special=True)
    special = [*SPECIAL, mask]
    if kind == "words":
        backend = Tokenizer(models.WordLevel(unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=special))
    elif kind == "bytes":
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        backend.train_from_iterator(
            TEXTS,
            trainers.BpeTrainer(
                special_tokens=special, vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
            ),
        )
    else:
        pieces = sorted({f"\u2581{word}" for text in TEXTS for word in text.split()})
        backend = Tokenizer(models.Unigram([(piece, -1.0) for piece in [*SPECIAL, "<mask>", *pieces]], unk_id=1))
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        backend.add_special_tokens(special)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", mask_token=mask)


def make(architecture, positions=64):
    kind = {"roberta": "bytes", "albert": "pieces"}.get(architecture, "words")
    tokenizer = make_tokenizer(kind)
    size = {**SIZE, "vocab_size": len(tokenizer), "max_position_embeddings": positions}
    torch.manual_seed(0)
    model = {
        "bert": lambda: BertForMaskedLM(BertConfig(**size)),
        # RoBERTa counts positions from padding_idx + 1 = 1
        "roberta": lambda: RobertaForMaskedLM(RobertaConfig(**{**size, "max_position_embeddings": positions + 1})),
        "albert": lambda: AlbertForMaskedLM(AlbertConfig(**size, embedding_size=8)),
        "distilbert": lambda: DistilBertForMaskedLM(
            DistilBertConfig(
                vocab_size=len(tokenizer),
                dim=16,
                n_layers=2,
                n_heads=2,
                hidden_dim=32,
                max_position_embeddings=positions,
                pad_token_id=0,
                initializer_range=0.5,
            )
        ),
    }[architecture]()
    return model.eval(), tokenizer


def plain_pass(model, tokenizer, cloze, width=48):
    """float32 (vocabulary): logits at the mask, one sentence at a time, padded to `width`, head at every position."""
    batch = tokenizer(
        [cloze.replace("[MASK]", tokenizer.mask_token)], padding="max_length", max_length=width, return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert logits.shape == (1, width, model.config.vocab_size)
    return logits[0, batch["input_ids"][0] == tokenizer.mask_token_id][0]


def answer_token(tokenizer, cloze, answer):
    """The token that stands at the mask's place when the answer is written into the sentence."""
    masked = tokenizer(cloze.replace("[MASK]", tokenizer.mask_token))["input_ids"]
    filled = tokenizer(cloze.replace("[MASK]", answer))["input_ids"]
    assert len(masked) == len(filled)
    return filled[masked.index(tokenizer.mask_token_id)]
