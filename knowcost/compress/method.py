"""What a compression method is: a few small functions behind one class."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """What a step works on.

    base: the archive.Base that is compressed; tensors: {name: checkpoint.Tensor}, all of the model as the steps before
    left them; scratch: a folder that is emptied when the archive is done; cut: a function from the step to its exact
    threshold (magnitude.thresholds); calibration: the file of the model's calibration windows (knowcost/calibration.py)
    and device: where to compute; the last three for the methods that need them, else None.
    """

    base: object
    tensors: dict
    scratch: Path
    cut: object = None
    calibration: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Archived:
    """What an archive holds, read back.

    tensors: {name: Tensor}, packed weights as the floats they stand for; zeros: {name: how many zeros} of the linear
    layers; rounded: whether the last step quantized, so that small weights may have become zero.
    """

    tensors: dict
    zeros: dict
    rounded: bool


class Compressor:
    """A method that changes linear layers one tensor at a time.

    Class attributes: name: as in slugs. label: what figures and report call it. what: what it does to a scope, to begin
    a figure's caption with. levels: the kinds of level that it takes (levels.KINDS), none for a method
    without one. quantizes: the step must be the last. dynamic: activations are quantized too, as they come. takes_head:
    `overall` includes the final layer. needs_thresholds, needs_data: the exact thresholds of its scope, or calibration
    data. solves: it may change any weight, not only remove some. scopes and families that it acts on: None for all.
    replaces: nothing is left of what earlier steps did to its scope. prefix: of the names of the archive's weight files
    (checkpoint.QUANTIZED).
    """

    name = None
    label = None
    what = None
    levels = ("percent",)
    quantizes = False
    takes_head = False
    dynamic = False
    needs_thresholds = False
    needs_data = False
    solves = False
    scopes = None
    families = None
    replaces = False
    prefix = ""

    def check(self, step, tensors):
        """Raise InputError when the level cannot be had with these shapes. Called before any step's work begins."""

    def prepare(self, step, tensors, work):
        """Whatever has to be known of the whole scope before its tensors pass by.

        step: variants.Step; tensors: {name: checkpoint.Tensor} of the scope, as the steps before left them, in the
        documented order; work: Work.
        """

    def compress(self, tensor, prepared):
        """The checkpoint.Tensors (one or more) that replace a weight of the scope."""
        raise NotImplementedError

    def quantization_config(self, step, names, modules):
        """What config.json says of an archive whose last step this is, or None.

        names: the weights it took; modules: the names of all two-dimensional weights, without ".weight".
        """

    def verify(self, step, before, archived, prepared):
        """Raise BrokenPromise unless the archive holds what the step promises.

        before: {name: Tensor} of the scope in the base checkpoint; archived: Archived.
        """
        raise NotImplementedError
