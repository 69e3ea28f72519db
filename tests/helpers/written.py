"""Benchmarks whose answers are texts, prepared, and tiny models that write. For tests only."""

import contextlib
import functools
from pathlib import Path

import torch
import transformers

from helpers import tiny
from knowcost.benchmarks import prepared

# Templates: of who speaks before what is said, and of nothing but what is said.
CHAT = "{% for m in messages %}{{ 'w40' if m.role == 'user' else 'w41' }} {{ m.content }} {% endfor %}w42"
WORDS = "{% for m in messages %}{{ m.content }} {% endfor %}"
NEW = 12  # tokens of an answer

TURNS = [
    ["w1 w2 w3", "w4"],
    ["w5 w6 w7 w8 w9 w10 w11 w12 w13", "w14 w15"],
    ["w16"],
    ["w20 w21 w22 w23 w24", "w25 w26 w27"],
    ["w30 w31 w32", "w33"],
]
STORIES = [" ".join(f"w{(7 * n + i) % 100}" for i in range(size)) for n, size in enumerate((5, 9, 5, 14))]


def conversation(path, turns=TURNS, **about):
    """A benchmark of conversations; about: of its metadata. Returns its path."""
    rows = [
        {"id": f"q{i}", "relation": ("writing", "maths")[i % 2], "turns": each, "question": each[0]}
        for i, each in enumerate(turns)
    ]
    return write(path, "conversation", rows, about)


def summary(path, stories=STORIES, **about):
    """A benchmark of stories, likewise."""
    rows = [
        {"id": f"s{i}", "relation": ("small", "large")[i % 2], "story": story, "highlights": "w1 w2"}
        for i, story in enumerate(stories)
    ]
    return write(path, "summary", rows, about)


def write(path, kind, rows, about):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    prepared._write(rows, kind, {"name": Path(path).stem, "kind": kind, "rows": len(rows), "dropped": {}} | about, path)
    return path


@functools.cache
def tokenizer(place, template=CHAT):
    """The tokenizer of 120 words that lies in a folder's `plain`; not to be changed."""
    made = transformers.AutoTokenizer.from_pretrained(place / "plain")
    made.chat_template = template
    return made


def plain(kind):
    """A tiny model as it is loaded: its generation_config says of tokens alone, and nothing that forces one."""
    model = tiny.model(kind)
    start = getattr(model.config, "decoder_start_token_id", None)
    model.generation_config = transformers.GenerationConfig(decoder_start_token_id=start)
    return model


def by_hand(model, tokenizer, text, new=NEW):
    """The tokens of the greedy answer to a prompt."""
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    made = model.generate(ids, max_new_tokens=new, do_sample=False, eos_token_id=5, pad_token_id=0)[0]
    return made[1 if model.config.is_encoder_decoder else ids.shape[1] :].tolist()


def messages(place, *texts, **about):
    """A benchmark of one message each, of which a model with WORDS reads nothing but the text."""
    return conversation(place / "messages.parquet", [[each] for each in texts], **{"new_tokens": 4} | about)


@contextlib.contextmanager
def counting_down(model):
    """Let a model say after every word the one before it: w3, w2, w1, w0, and then </s>."""

    def follow(_, args, kwargs, output):
        ids = kwargs["decoder_input_ids"] if model.config.is_encoder_decoder else kwargs["input_ids"]
        size = output.logits.shape[-1]
        output.logits = 50 * torch.nn.functional.one_hot((ids - 1) % size, size).float()
        return output

    hook = model.register_forward_hook(follow, with_kwargs=True)
    try:
        yield model
    finally:
        hook.remove()


@contextlib.contextmanager
def batches(model):
    """The (batch, tokens) and the least of the attention mask of every batch of prompts that a model reads before it
    writes; what it reads of nothing but zeros is no prompt."""
    found = []

    def look(module, args, kwargs):
        ids, past = kwargs.get("input_ids"), kwargs.get("past_key_values")
        if ids is not None and ids.any() and not (past is not None and past.get_seq_length()):
            mask = kwargs.get("attention_mask")
            found.append((tuple(ids.shape), 1 if mask is None else int(mask.min())))

    reads = model.get_encoder() if model.config.is_encoder_decoder else model
    hook = reads.register_forward_pre_hook(look, with_kwargs=True, prepend=True)
    try:
        yield found
    finally:
        hook.remove()
