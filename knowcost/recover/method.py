"""What a method of recovery is: a few functions behind one class. Imports no torch: the plan reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.spec.families import FAMILIES
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers

SHORTEST = 2  # tokens of a window: one to read and one to predict
PARTS = 10  # of a training, behind each of which the held-out windows are asked
KL = "kl"  # the option that matches the dense model's distribution instead of the next token


@dataclass(frozen=True)
class Settings:
    """The section `recovery` of the configuration, whose README explains the keys, without `device`."""

    tokens: int
    length: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: int
    join: bool
    validation: int
    seed: int
    dtype: str


@dataclass(frozen=True)
class Checkpoints:
    """The files behind a recovery that is worked out from weights, not trained.

    base: folder of the fetched model, which is the dense one; compressed: yields a folder with the full checkpoint of
    the compressed one; calibration: the model's calibration windows (compress/calibration/windows.py).
    """

    base: Path
    compressed: Callable[[], AbstractContextManager[Path]]
    calibration: Path


@dataclass(frozen=True)
class Work:
    """What a recovery works on.

    recovery: which one; family: of the model; model: the compressed one, its weights as floats, frozen, in eval mode on
    its device; tokenizer: its own; texts: the Arrow file to learn from; settings; state: a folder in which unfinished
    work may stay for the next try; dense: what loads the dense model likewise; parts: {size: folder} of the archives
    that it is put together from; checkpoints: for a method that is `calibrated`, else None.
    """

    recovery: Recovery
    family: str
    model: transformers.PreTrainedModel
    tokenizer: transformers.PreTrainedTokenizerBase
    texts: Path
    settings: Settings
    state: Path
    dense: Callable[[], transformers.PreTrainedModel]
    parts: Mapping[int, Path] = field(default_factory=dict)
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True)
class Made:
    """What a recovery made. parameters: numbers stored; cached: numbers held beside the model's weights while it
    answers (keys and values of prompts; the same as stored for low-rank updates); about: what the manifest says of how
    it was made."""

    parameters: int
    cached: int
    about: dict[str, Any] = field(default_factory=dict)


class Method:
    """A method of recovery.

    Class attributes: name: as in slugs. label: what figures and report call it, with the size behind it. about: what it
    does, in two sentences. takes_rank: its size is a rank (r4), else numbers of tokens. many: it takes several sizes.
    families: that it serves. options: that it takes. trained: by gradients, as the section `recovery` of the
    configuration says. calibrated: worked out from weights and the model's calibration windows. controlled: the same
    recovery of the dense model says something. merges: what it makes goes into the weights, and keeps their zeros, so
    that it is for variants that were pruned and nothing else. recomputes: while it is trained, blocks may compute twice
    to save memory. part: the method whose archives of its sizes it is put together from, None for most.
    """

    name: str
    label: str
    about: str
    takes_rank = False
    many = False
    families: tuple[str, ...] = FAMILIES
    options: tuple[str, ...] = ()
    trained = True
    calibrated = False
    controlled = True
    merges = False
    recomputes = True
    part: str | None = None

    def positions(self, recovery: Recovery, family: str) -> int:
        """How many of the model's positions it takes from what is asked."""
        return 0

    def check_config(self, config: Mapping[str, Any]) -> None:
        """Raise InputError for a model that it cannot recover by what its config.json holds. Most take every model of
        their families."""

    def make(self, work: Work, out: Path) -> Made:
        """Write the files of the archive into `out`. Raises InputError, and BrokenPromise where what was made does not
        do what it says."""
        raise NotImplementedError

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        """Make a loaded compressed model answer as the recovered one: it stays a transformers model that is called, and
        generates, as before. folder: of the archive."""
        raise NotImplementedError
