"""What training predicts of a window, by family.

Decoders: the next token. Encoder-decoders: the second half from the first, which the encoder reads, as
block_walk.streams does. Encoders: what 15% of the tokens were, of which 80% are masked, 10% are others and 10% stay
(Devlin et al. 2019).
"""

import hashlib
from dataclasses import dataclass

import torch

from knowcost.common.errors import InputError
from knowcost.recover.method import Work

IGNORED = -100  # the label of a position that is not scored
MASKED, TO_MASK, TO_OTHER = 0.15, 0.8, 0.9


@dataclass(frozen=True)
class Batch:
    """inputs: what the model is called with; labels: (windows, positions) of what the logits at each position should
    say, IGNORED where that is not scored; tokens: how many, without padding."""

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    tokens: int


def batch_of(windows: list[torch.Tensor], work: Work, what: str) -> Batch:
    """The Batch of windows, int64 (tokens) each, on the model's device; what: of the seed's draws which these are."""
    make = {"decoder": _next_tokens, "encoder_decoder": _second_halves, "encoder": _masked}[work.family]
    inputs, labels = make(windows, work, what)
    device, tokens = work.model.device, sum(len(window) for window in windows)
    return Batch({key: value.to(device) for key, value in inputs.items()}, labels.to(device), tokens)


def _next_tokens(windows: list[torch.Tensor], work: Work, _: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    ids = _padded(windows, work.tokenizer.pad_token_id)
    labels = [torch.cat([window[1:], torch.tensor([IGNORED])]) for window in windows]
    return _with_mask(ids, windows), _padded(labels, IGNORED)


def _second_halves(windows: list[torch.Tensor], work: Work, _: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    firsts = [window[: len(window) // 2] for window in windows]
    labels = [window[len(window) // 2 :] for window in windows]
    start = torch.tensor([work.model.config.decoder_start_token_id])
    shifted = [torch.cat([start, each[:-1]]) for each in labels]
    pad = work.tokenizer.pad_token_id
    inputs = _with_mask(_padded(firsts, pad), firsts) | {"decoder_input_ids": _padded(shifted, pad)}
    return inputs, _padded(labels, IGNORED)  # padding stands behind what the decoder is asked, which cannot see it


def _masked(windows: list[torch.Tensor], work: Work, what: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = generator_of(work.settings.seed, what)
    special = torch.tensor(work.tokenizer.all_special_ids)
    rows = work.model.get_input_embeddings().weight.shape[0]
    read, labels = [], []
    for window in windows:
        usable = (~torch.isin(window, special)).nonzero().flatten()
        if not len(usable):  # a window of unknown words only
            usable = torch.arange(len(window))
        order = torch.randperm(len(usable), generator=generator)
        chosen = usable[order[: max(1, round(MASKED * len(usable)))]]
        lot = torch.rand(len(chosen), generator=generator)
        others = torch.randint(rows, chosen.shape, generator=generator)
        said = window[chosen].where(lot >= TO_OTHER, others.where(lot >= TO_MASK, _mask_token(work)))
        read.append(window.index_put((chosen,), said))
        labels.append(torch.full_like(window, IGNORED).index_put((chosen,), window[chosen]))
    return _with_mask(_padded(read, work.tokenizer.pad_token_id), read), _padded(labels, IGNORED)


def _mask_token(work: Work) -> int:
    if work.tokenizer.mask_token_id is None:
        raise InputError(f"tokenizer {work.tokenizer.name_or_path}: no mask token, with which encoders are trained")
    return int(work.tokenizer.mask_token_id)


def _padded(rows: list[torch.Tensor], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def _with_mask(ids: torch.Tensor, windows: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without a mask where nothing is padded."""
    if all(len(window) == ids.shape[1] for window in windows):
        return {"input_ids": ids}
    return {"input_ids": ids, "attention_mask": _padded([torch.ones_like(window) for window in windows], 0)}


def generator_of(seed: int, what: str) -> torch.Generator:
    """A generator of its own for each thing that is drawn."""
    digest = hashlib.sha256(f"{seed} {what}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
