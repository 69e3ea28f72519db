"""Models of random weights with a vocabulary of made-up words, and questions in these words: what needs no files."""

import json
import random
from pathlib import Path

WORDS = 2000


def save_model(folder, family="decoder", layers=8, width=384):
    """A Llama, or for `encoder_decoder` a T5 of so many layers on each side, with its tokenizer; float32."""
    import torch
    import transformers

    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    sizes = {"vocab_size": WORDS + 3, "pad_token_id": 0, "eos_token_id": 1}
    if family == "decoder":
        sizes |= {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
        config = transformers.LlamaConfig(**sizes, num_attention_heads=width // 64, max_position_embeddings=4096)
        model = transformers.LlamaForCausalLM(config)
    else:
        sizes |= {"d_model": width, "d_ff": 4 * width, "num_layers": layers, "num_heads": width // 64}
        model = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes, decoder_start_token_id=0))
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder):
    """One token a word."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    special = ["<pad>", "</s>", "<unk>"]
    words = {word: i for i, word in enumerate([*special, *(f"w{i}" for i in range(WORDS))])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    names = dict(zip(("pad_token", "eos_token", "unk_token"), special, strict=True))
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained(folder)


def prepare_questions(file, count, context, choices, answer, words=None):
    """A prepared benchmark of so many questions. context, answer: words of a question and of each of its choices;
    words: to draw from, the made-up ones if None."""
    from knowcost.benchmarks import prepared

    file, chance = Path(file), random.Random(f"{context} {choices} {answer}")
    words = words or [f"w{i}" for i in range(WORDS)]

    def text(length):
        return " ".join(chance.choices(words, k=length))

    rows = []
    for i in range(count):
        offered = [text(answer) for _ in range(choices)]
        rows.append({"id": str(i), "question": text(context), "answer": offered[0], "candidates": offered})
    raw = file.with_suffix(".jsonl")
    raw.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    prepared.prepare({"name": file.stem, "format": "question"}, raw, file)
    return file
