"""What a recovery reads: windows of its texts' tokens, in a seeded order, some of them held out.

`recovery.join` true: all texts are one, joined by blanks as compress/calibration/windows.py joins them, and cut into
windows of `recovery.length` tokens; what is left at the end is not read. Tokenizing them all at once would take a
hundred times their size, so it is done piece by piece, of a quarter of a million characters each, or up to twice that;
a longer text is parted at blanks. False: each text is a window of its own, cut at `length`; shorter ones are padded in
their batch, and padding is neither attended to nor scored. Texts that hold more than the tokens wanted are read only as
far as that.

Windows are put in order by the seed, the first `validation` of them (at most a tenth, at least one) are held out, and
the others are read in a new order each time over. Nothing is drawn from a generator that goes on from batch to batch:
batch number n is the same whenever it is asked for, so a training that was killed goes on where it stood.

What is predicted of a window stands in targets.py.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import pyarrow as pa
import torch

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.compress.calibration.windows import longest
from knowcost.models.tokenizers import WHOLE, beginning
from knowcost.recover.method import SHORTEST, Work
from knowcost.recover.targets import Batch, batch_of, generator_of


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of tokens, and how they become Batches.

    ids: of all of them, one behind the other; ends: (windows, 2), where each begins and ends; held: so many, first in
    the seeded order, are never trained on.
    """

    work: Work
    ids: torch.Tensor
    ends: torch.Tensor
    held: int
    length: int

    @functools.cached_property
    def _order(self) -> torch.Tensor:
        return torch.randperm(len(self.ends), generator=generator_of(self.work.settings.seed, "held out"))

    @functools.cached_property
    def trained(self) -> torch.Tensor:
        """The numbers of the windows that are trained on."""
        return self._order[self.held :]

    @functools.cached_property
    def tokens(self) -> int:
        """How many the windows that are trained on have."""
        return int((self.ends[self.trained, 1] - self.ends[self.trained, 0]).sum())

    @functools.cached_property
    def steps(self) -> int:
        """How many batches have as many tokens as the configuration wants, with windows of their mean length."""
        settings = self.work.settings
        return ceil(settings.tokens * len(self.trained) / (settings.batch_size * self.tokens))

    def in_words(self) -> str:
        """What will be read: "21 batches of 8 windows of 48 tokens, 117 windows 1.4 times over; 8 are held out"."""
        size, count = self.work.settings.batch_size, len(self.trained)
        at_most = "" if self.work.settings.join else "at most "
        return (
            f"{self.steps:,} batches of {size:,} windows of {at_most}{self.length:,} tokens, {count:,} windows "
            f"{self.steps * size / count:.1f} times over; {self.held:,} are held out"
        )

    def batch(self, step: int) -> Batch:
        """The training batch of a step, from 0."""
        size = self.work.settings.batch_size
        places = [divmod(place, len(self.trained)) for place in range(step * size, (step + 1) * size)]
        chosen = [int(self.trained[self._shuffled(epoch)[place]]) for epoch, place in places]
        return self._batch(chosen, f"step {step}")

    def validation(self) -> Iterator[Batch]:
        """Yield batches of what was held out, always the same."""
        for number, chosen in enumerate(self._order[: self.held].split(self.work.settings.batch_size)):
            yield self._batch(chosen.tolist(), f"validation {number}")

    @functools.lru_cache(maxsize=2)  # noqa: B019 one Windows a process
    def _shuffled(self, epoch: int) -> torch.Tensor:
        return torch.randperm(len(self.trained), generator=generator_of(self.work.settings.seed, f"epoch {epoch}"))

    def _batch(self, chosen: list[int], what: str) -> Batch:
        return batch_of([self.ids[first:end].long() for first, end in self.ends[chosen].tolist()], self.work, what)


def read(work: Work, virtual: int = 0) -> Windows:
    """The Windows of a recovery's texts; virtual: positions of the model that the recovery takes.

    Raises InputError where there are not two windows, one to train on and one to hold out, and where the recovery
    leaves no position to the texts.
    """
    settings = work.settings
    stacks = 2 if work.model.config.is_encoder_decoder else 1
    most, least = longest(work.model.config, work.tokenizer), stacks * SHORTEST
    length = min(settings.length, most - stacks * virtual)
    if settings.length < least <= most - stacks * virtual:
        raise InputError(
            f"recovery {str(work.recovery)!r}: `recovery.length` is {settings.length}, and an encoder and its decoder "
            f"share a window of {least} tokens at least; take a longer one"
        )
    if length < least:
        raise InputError(
            f"recovery {str(work.recovery)!r}: its {virtual:,} virtual tokens leave nothing of the {most // stacks:,} "
            "positions of the model; name a shorter prompt"
        )
    seal.check(work.texts)
    with pa.memory_map(str(work.texts)) as source:
        texts = pa.ipc.open_file(source).read_all()["text"]
        wanted = settings.tokens + settings.validation * length
        found = _joined(texts, work, wanted) if settings.join else _each(texts, work, (least, length), wanted)
    ids = torch.cat(found) if found else torch.empty(0, dtype=torch.int32)
    lengths = [length] * (len(ids) // length) if settings.join else [len(each) for each in found]
    if len(lengths) < 2:
        most_or_all = f"{length:,}" if settings.join else f"at most {length:,}"
        raise InputError(
            f"{work.texts}: its {len(texts):,} texts have {len(ids):,} tokens, which make {len(lengths)} windows of "
            f"{most_or_all} tokens; a recovery takes two, one to train on and one to hold out. Take a smaller "
            "`recovery.length`, or more text"
        )
    ends = torch.tensor(lengths).cumsum(0)
    held = min(settings.validation, max(1, len(lengths) // 10))
    return Windows(work, ids, torch.stack([ends - torch.tensor(lengths), ends], dim=1), held, length)


def _joined(texts: pa.ChunkedArray, work: Work, wanted: int) -> list[torch.Tensor]:
    """The ids of each piece of the joined texts, as many as hold the tokens wanted."""
    found: list[torch.Tensor] = []
    count = 0
    for piece in _pieces(text.as_py() for text in texts):
        found.append(_encoded(work, piece))
        count += len(found[-1])
        if count >= wanted:
            break
    return found


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts joined by blanks, each time when they have WHOLE characters."""
    piece: list[str] = []
    size = 0
    for part in (part for text in texts for part in _parts(text)):
        piece.append(part)
        size += len(part) + 1
        if size > WHOLE:
            yield " ".join(piece)
            piece, size = [], 0
    if piece:
        yield " ".join(piece)


def _parts(text: str) -> Iterator[str]:
    """Yield a text in parts of at most WHOLE characters, without the blanks between them; a word may be as long."""
    first = 0
    while len(text) - first > WHOLE:
        blank = text.rfind(" ", first + 1, first + WHOLE + 1)
        end = blank if blank > 0 else first + WHOLE
        yield text[first:end]
        first = end + (blank > 0)
    yield text[first:]


def _each(texts: pa.ChunkedArray, work: Work, bounds: tuple[int, int], wanted: int) -> list[torch.Tensor]:
    """The first ids of each text that has enough of them, of as many texts as hold the tokens wanted; bounds: at least
    and at most so many."""
    least, length = bounds
    special = torch.tensor(work.tokenizer.all_special_ids)
    found: list[torch.Tensor] = []
    count = 0
    for text in texts:
        ids = _encoded(work, beginning(work.tokenizer, text.as_py(), length))[:length]
        if int((~torch.isin(ids, special)).sum()) >= least:
            found.append(ids)
            count += len(ids)
        if count >= wanted:
            break
    return found


def _encoded(work: Work, text: str) -> torch.Tensor:
    return torch.tensor(work.tokenizer(text, verbose=False).input_ids, dtype=torch.int32)


def about(windows: Windows, tokens: int) -> dict[str, Any]:
    """What the manifest says of what was read; tokens: how many."""
    return {
        "tokens": tokens,
        "times_over": round(tokens / windows.tokens, 3),
        "length": windows.length,
        "windows": len(windows.trained),
        "validation_windows": windows.held,
    }
