"""The schemas of scores files: one row per fact, per window of a text, or per layer and window.

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
