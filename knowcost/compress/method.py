"""What a compression method is: a few small functions behind one class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor
from knowcost.spec.variants import Step


class Cut(TypedDict):
    """The exact threshold of one level over one scope (methods/magnitude.py), as thresholds.json and manifests hold it.

    dtype: domain of the bits; bits: the threshold as an integer, below which all values go; n, k: how many weights the
    scope has, and how many of them go; ties: {tensor name: how many values equal to the threshold go}.
    """

    dtype: str
    bits: int
    n: int
    k: int
    ties: dict[str, int]


@dataclass(frozen=True)
class Work:
    """What a step works on.

    base: the model that is compressed; tensors: all of it by name, as the steps before left them; scratch: a folder
    that is emptied when the archive is done; cuts: {magnitude step: its exact threshold}; calibration: the file of the
    model's calibration windows (calibration/windows.py), for the methods that need it; device: where to compute.
    """

    base: Base
    tensors: dict[str, Tensor]
    scratch: Path
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    calibration: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Archived:
    """What an archive holds, read back.

    tensors: by name, packed weights as the floats they stand for; zeros: {name: how many zeros} of the linear layers;
    rounded: whether the last step quantized, so that small weights may have become zero.
    """

    tensors: dict[str, Tensor]
    zeros: dict[str, int]
    rounded: bool


class Compressor:
    """A method that changes linear layers one tensor at a time.

    Class attributes: name: as in slugs. label: what figures and report call it. what: what it does to a scope, to
    begin a figure's caption with. about: what it does, in two sentences for who has not heard of it. levels: the
    kinds of level that it takes (spec/levels.KINDS), none for a method without one. quantizes: the step must be the
    last. dynamic: activations are quantized too, as they come. takes_head: `overall` includes the final layer.
    needs_thresholds, needs_data: the exact thresholds of its scope, or calibration data. solves: it may change any
    weight, not only remove some. scopes and families that it acts on: None for all. replaces: nothing is left of what
    earlier steps did to its scope.
    """

    name: str
    label: str
    what: str
    about: str
    levels: tuple[str, ...] = ("percent",)
    quantizes = False
    takes_head = False
    dynamic = False
    needs_thresholds = False
    needs_data = False
    solves = False
    scopes: tuple[str, ...] | None = None
    families: tuple[str, ...] | None = None
    replaces = False

    def check(self, step: Step, tensors: Mapping[str, Tensor]) -> None:
        """Raise InputError when the level cannot be had with these shapes. Called before any step's work begins."""

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> Any:
        """Whatever has to be known of the whole scope before its tensors pass by.

        tensors: those of the scope by name, as the steps before left them, in the documented order.
        """
        return None

    def compress(self, tensor: Tensor, prepared: Any) -> list[Tensor]:
        """The Tensors (one or more) that replace a weight of the scope."""
        raise NotImplementedError

    def stored_as(self, step: Step, base: Base, names: list[str]) -> tuple[str, dict[str, Any] | None]:
        """How an archive whose last step this is lies in files: (prefix of the names of its weight files, one of
        headers.PREFIXES; what its config.json has as quantization_config, or None). names: the weights it took."""
        return "", None

    def verify(self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: Any) -> None:
        """Raise BrokenPromise unless the archive holds what the step promises.

        before: the weights of the scope by name, as the step found them.
        """
        raise NotImplementedError
