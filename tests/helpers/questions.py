"""Tiny models that are asked questions, the questions, and what the answers should be by hand. For tests only."""

import pyarrow as pa
import tokenizers
import torch
import transformers

from knowcost.common import parquet

WORDS = [
    "no", "yes", "Question", ":", "Answer", "?", "Rome", "Paris", "Oslo", "Bonn", "Italy", "France", "Norway",
    "is", "the", "capital", "of", "in", "a", "big", "city", "not",
]  # fmt: skip
FACTS = {
    "boolq": [
        {"question": "is Rome big", "passage": "Rome is big", "label": 1},
        {"question": "is Oslo in France", "passage": "Oslo is the capital of Norway", "label": 0},
        {"question": "is Bonn a city", "passage": "Bonn is a city", "label": 1},
    ],
    "piqa": [
        {"goal": "capital of Italy", "sol1": "Rome", "sol2": "the city Oslo", "label": 0},
        {"goal": "capital of France", "sol1": "Bonn", "sol2": "big Paris", "label": 1},
        {"goal": "a city", "sol1": "Norway", "sol2": "Bonn", "label": 1},
    ],
    "winogrande": [
        {"sentence": "the capital of Italy is _ not Oslo", "option1": "Rome", "option2": "Bonn", "answer": "1"},
        {"sentence": "_ is in Norway", "option1": "Paris", "option2": "Oslo", "answer": "2"},
        {"sentence": "in France _ is the big city", "option1": "Bonn", "option2": "Paris", "answer": "2"},
    ],
    "question": [
        {"question": "capital of Italy ?", "answer": "Rome", "candidates": ["Oslo", "Rome", "Bonn"]},
        {"question": "capital of Norway ?", "answer": "Oslo", "candidates": ["Oslo", "the city Paris"]},
    ],
    "cloze": [
        {"cloze": "the capital of Norway is [MASK] .", "answer": "Oslo", "candidates": ["Bonn", "Oslo", "Rome"]},
        {"cloze": "Rome is in [MASK] not in France", "answer": "Italy", "candidates": ["Italy", "Norway"]},
    ],
}


def make_llama(positions=64):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=positions, initializer_range=0.5, tie_word_embeddings=True, eos_token_id=1,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def make_t5():
    """An untied head under a config that says tied, as transformers 5 loads Flan-T5."""
    torch.manual_seed(1)
    config = transformers.T5Config(
        vocab_size=40, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0,
        initializer_factor=3.0,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config).eval()
    model.lm_head.weight = torch.nn.Parameter(torch.randn(40, 32))
    return model


def word_tokenizer(ending=False):
    vocab = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if ending:
        backend.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def write(path, kind, facts):
    rows = [{"id": f"{kind}-{i}", "relation": "r" if i else None, **fact} for i, fact in enumerate(facts)]
    parquet.write(path, pa.Table.from_pylist(rows), {"kind": kind, "rows": len(rows)})
    return path


def prompts(kind, fact):
    """(context, continuation) of each choice, written out by hand from the tasks' documentation."""
    match kind:
        case "boolq":
            context = f"{fact['passage']}\nQuestion: {fact['question']}?\nAnswer:"
            return [(context, " no"), (context, " yes")]
        case "piqa":
            return [(f"Question: {fact['goal']}\nAnswer:", f" {fact[key]}") for key in ("sol1", "sol2")]
        case "winogrande":
            before, after = fact["sentence"].split("_")
            return [(before + fact[key], after) for key in ("option1", "option2")]
        case "question":
            return [(f"Question: {fact['question']}\nAnswer:", f" {choice}") for choice in fact["candidates"]]
        case "cloze":
            before, after = fact["cloze"].split(" [MASK]")
            return [(before, f" {choice}{after if after != ' .' else ''}") for choice in fact["candidates"]]


def by_hand(model, tokenizer, context, continuation):
    """Log-likelihood of a continuation, one prompt at a time."""
    answer = torch.tensor(tokenizer.encode(continuation, add_special_tokens=False))
    start = torch.tensor(tokenizer.encode(context))
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            shifted = torch.cat([torch.tensor([model.config.decoder_start_token_id]), answer[:-1]])
            logits = model(input_ids=start[None], decoder_input_ids=shifted[None]).logits[0]
        else:
            logits = model(torch.cat([start, answer])[None]).logits[0, len(start) - 1 : -1]
    return logits.log_softmax(-1).gather(1, answer[:, None]).sum().item()
