"""How nearly a compressed decoder computes what the dense model does, layer by layer (Hoang et al. 2024, Figure 5).

Both read the same windows of a text. In each layer every head's attention (the weights of all tokens on all, as one
vector) has a cosine to the dense model's; a row has their mean over the heads. So does the state of every token behind
the layer (the last layer's behind the final norm, as transformers has it); a row has the mean over the tokens.

The paper does not say what becomes of the virtual tokens of a recovery. They are no tokens of the input: their own
states and what they look at are left out, and so is what the input's tokens look at of them; what is left of a token's
attention is scaled to a sum of one. So it is compared how the input's tokens share their attention out among
themselves, not how much of it a prompt takes.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedModel

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import beginning
from knowcost.score.engines import Told
from knowcost.score.places import windows_in
from knowcost.score.plan import MOST_WINDOWS, Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import LAYERS

log = logging.getLogger(__name__)

WINDOW = 512  # tokens: the weights of all layers and heads, WINDOW x WINDOW each, are 1 GB for a Llama-7B
MOST = MOST_WINDOWS["similarity"]
SILENT = ("sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")  # give no weights

States = list[tuple[torch.Tensor, torch.Tensor]]  # of each layer: attention (heads, tokens, tokens), states (tokens, n)


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """The similarity of a model to the dense one, on windows of a running text and in every layer.

    respondent: with a causal model, and what gives the dense one. part: of the windows as drawn by
    benchmarks/sample.py, which are read one by one, whatever the plan.

    Returns (pyarrow.Table of LAYERS; Told, also of window). Raises InputError for a text that is shorter than a window,
    and for a model that does not give its attention.
    """
    table, _ = prepared.read(benchmark_file)
    size = min(WINDOW, respondent.room or WINDOW)
    windows = _windows(respondent, "".join(table.column("text").to_pylist()), size)
    asked = windows_in(len(windows), part)
    rows: list[dict[str, Any]] = []
    rows_of: list[int] = []
    dense, progress = respondent.dense(), Progress(log)
    for done, (place, number) in enumerate(asked, 1):
        mine = _states(respondent.model, windows[number])
        theirs = mine if dense is respondent.model else _states(dense, windows[number])
        made = [{"id": str(number), "tokens": size, **row} for row in _rows(mine, theirs)]
        rows, rows_of = rows + made, rows_of + [place] * len(made)
        progress.say("read %d of %d windows", done, len(asked))
    told = Told({"rows": rows_of, "dropped": {}}, len(windows), f"windows of {size} tokens, one by one")
    told.about["window"] = size
    return pa.Table.from_pylist(rows, schema=LAYERS), told


def _windows(respondent: Respondent, text: str, size: int) -> torch.Tensor:
    """The first windows of a text, MOST at most (number, size), without the odd tokens at its end."""
    tokenizer = respondent.tokenizer
    ids = tokenizer(beginning(tokenizer, text, size * MOST), verbose=False)["input_ids"]
    count = min(len(ids) // size, MOST)
    if not count:
        raise InputError(f"the text is shorter than one window of {size} tokens; take a longer text")
    device = next(respondent.model.parameters()).device
    return torch.tensor(ids[: count * size], device=device).view(count, size)


@torch.inference_mode()
def _states(model: PreTrainedModel, ids: torch.Tensor) -> States:
    """What a model computes of one window of ids (tokens), in each layer."""
    with _telling(model):
        inputs = {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
        found = model(**inputs, use_cache=False, output_attentions=True, output_hidden_states=True)
    attentions, states = found.attentions or (), found.hidden_states[1:]
    if len(attentions) != len(states) or any(each is None for each in attentions):
        raise InputError(
            f"{type(model).__name__}: gives the attention of {len(attentions)} of {len(states)} layers, so that it "
            "cannot be compared; take the benchmark of this format out, or the model"
        )
    size = len(ids)  # what is before the input's tokens, as rows or as columns, is virtual
    return [
        (_shared(attention[0, :, -size:, -size:].float()), state[0, -size:].float())
        for attention, state in zip(attentions, states, strict=True)
    ]


def _shared(attention: torch.Tensor) -> torch.Tensor:
    """Attention whose rows sum to one, unless they are nothing."""
    return attention / attention.sum(-1, keepdim=True).clamp_min(torch.finfo(attention.dtype).tiny)


@contextlib.contextmanager
def _telling(model: PreTrainedModel) -> Iterator[None]:
    """While this lasts a model computes its attention such that it can give the weights out."""
    usual = model.config._attn_implementation
    silent = usual in SILENT
    if silent:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if silent:
            model.set_attn_implementation(usual)


def _rows(mine: States, theirs: States) -> Iterator[dict[str, Any]]:
    """For each layer what LAYERS says of it."""
    for number, ((attention, state), (dense_attention, dense_state)) in enumerate(zip(mine, theirs, strict=True), 1):
        yield {
            "layer": number,
            "attention": _cosine(attention.flatten(1), dense_attention.flatten(1)),
            "activation": _cosine(state, dense_state),
        }


def _cosine(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    """The mean cosine of the rows of two matrices, in float64: of 262,144 weights float32 leaves five digits."""
    return cosine_similarity(mine.double(), theirs.to(mine.device).double(), dim=-1).mean().item()
