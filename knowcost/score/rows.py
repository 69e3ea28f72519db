"""The schemas of scores files: one row per fact, per window of a text, per layer and window, or per answer written.

chosen: of dynamic prompts, the length of the one that was chosen, in every layer or one for all; null for all others.
"""

import pyarrow as pa

FACTS = pa.schema(
    [
        ("id", pa.string()),
        ("relation", pa.string()),
        ("answer", pa.string()),
        ("prediction", pa.string()),
        ("correct", pa.bool_()),
        ("rank", pa.int32()),
        ("logprob", pa.float32()),
        ("choice_logprobs", pa.list_(pa.float32())),
        ("top_logprob", pa.float32()),
        ("unprompted", pa.bool_()),
        ("chosen", pa.list_(pa.int32())),
    ]
)


WINDOWS = pa.schema(
    [
        ("id", pa.string()),
        ("relation", pa.string()),
        ("logprob", pa.float64()),
        ("tokens", pa.int32()),
        ("words", pa.int32()),
        ("bytes", pa.int32()),
        ("chosen", pa.list_(pa.int32())),
    ]
)


LAYERS = pa.schema(
    [
        ("id", pa.string()),
        ("layer", pa.int32()),
        ("tokens", pa.int32()),
        ("attention", pa.float64()),
        ("activation", pa.float64()),
    ]
)


# Of answers that are texts. turn: from 1. text: without special tokens, and blanks at its ends. tokens: all that were
# generated, that which ended the answer among them. ended: a name of ENDS. prompt_tokens: that were read; cut: how many
# more the prompt had before it was shortened. seconds: of every step of its batch, divided by the answers in it.
# AGAIN: text, tokens and end of the same model asked once more, null where it was not.
ENDED, LENGTH, WINDOW = "ended", "length", "window"  # by its end token, at the most allowed, at the window's end
AGAIN = {"text": "again", "tokens": "again_tokens", "ended": "again_ended"}
TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("relation", pa.string()),
        ("turn", pa.int32()),
        ("text", pa.string()),
        ("tokens", pa.list_(pa.int32())),
        ("ended", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("cut", pa.int32()),
        ("seconds", pa.float32()),
        ("chosen", pa.list_(pa.int32())),
    ]
)
