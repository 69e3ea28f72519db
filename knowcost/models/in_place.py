"""A loaded model that becomes one variant after another: its weights are changed where they lie, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import transformers
from torch import nn
from transformers.pytorch_utils import Conv1D

from knowcost.common import files
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.models.base import Base
from knowcost.models.checkpoint import Tensor, natural
from knowcost.models.formats import PACKED, PARTS, SCALE, dequantized
from knowcost.models.int8_linear import ENGINES
from knowcost.models.torch_tensors import to_torch, values_of


@dataclass(frozen=True)
class Changes:
    """What a variant has otherwise than its base.

    digests: {name of a tensor: its quick digest (files.py)}, in any order; tensors: these as checkpoint.Tensors, which
    raise InputError when they are read and do not have these digests; bits: of packed weights' codes, None where there
    are none.
    """

    digests: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    bits: int | None = None


class InPlace:
    """A model of a base, as models/load.py loads it on one device, that turns into variants of it.

    base: its Base; engine: of int8 layers, which want a float32 model. After an exception the model is of no variant
    and must not be asked. Attribute: model.
    """

    def __init__(self, model: transformers.PreTrainedModel, base: Base, engine: str = "knowcost") -> None:
        self.model, self._base, self._engine = model, base, engine
        self._now: dict[str, dict[str, str]] = {}  # {weight: {its tensors: their digests}} of what is not the base's
        self._of_base: dict[str, str] = {}  # {weight: digest of the values that the model had of the base's}
        self._places: dict[str, list[_Place]] = {}
        present = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
        for path, name in base.fills.items():
            if path in present:
                shared = base.tied and name in (base.head, base.head_bias)
                self._places.setdefault(name, []).append(_Place(model, path, shared))

    @torch.no_grad()
    def become(self, changes: Changes) -> None:
        """Turn into a variant. Only what differs from the one before is read and written.

        Raises InputError where a tensor is not what its digest says: a changed one, or one of the base that is put back
        and is no longer what the model was loaded from.
        """
        wanted = _by_weight(changes.digests)
        different = [name for name in self._now.keys() | wanted.keys() if self._now.get(name) != wanted.get(name)]
        # what becomes an int8 layer takes the layer's bias with it: last
        for name in sorted(different, key=lambda name: (name + SCALE in wanted.get(name, {}), natural(name))):
            self._remember(name)
            parts = {part: changes.tensors[part] for part in wanted.get(name, {})}
            if name + PACKED in parts:
                self._write(name, dequantized(name, parts, changes.bits or 0))
            elif name + SCALE in parts:
                self._quantize(name, parts[name], parts[name + SCALE])
            elif parts:
                self._write(name, parts[name])
            else:
                self._put_back(name)
        self._now = wanted

    def _place(self, name: str) -> "_Place":
        """Where a weight lies: in one parameter, whatever names that has. Raises BrokenPromise where there is none."""
        places = self._places.get(name, [])
        if not places or any(place.parameter is not places[0].parameter for place in places):
            raise BrokenPromise(f"{self._base.folder}: {name} is not one parameter of {type(self.model).__name__}")
        return places[0]

    def _remember(self, name: str) -> None:
        """Take the digest of a weight's values in the model before they are changed for the first time."""
        place = self._place(name)
        if name not in self._of_base and not place.shared:
            self._of_base[name] = _digest(place.parameter)

    def _write(self, name: str, tensor: Tensor) -> None:
        place = self._place(name)
        place.stand(self.model)
        _fill(place.own(), tensor, isinstance(place.module, Conv1D) and place.leaf == "weight")

    def _put_back(self, name: str) -> None:
        place = self._place(name)
        if place.shared:
            place.stand(self.model)
            place.share()
            return
        self._write(name, self._base.tensors[name])
        if _digest(place.parameter) != self._of_base[name]:
            raise InputError(
                f"{self._base.folder}: {name} is no longer what it was when this job loaded it; fetch the model again, "
                "and let nothing change it while jobs run"
            )

    def _quantize(self, name: str, weight: Tensor, scale: Tensor) -> None:
        """Put an int8 layer in the place of a linear one, whose floats are let go."""
        place = self._place(name)
        values = to_torch(weight), to_torch(scale)
        layer = ENGINES[self._engine](*values, place.module.bias).to(place.device)
        self.model.set_submodule(place.owner, layer.eval())
        place.release()


class _Place:
    """Where a tensor lies: a parameter (or buffer) of a module of the loaded base.

    shared: whether that is another tensor's too, as a tied head's; module: that of the base, which may not be in the
    model now.
    """

    def __init__(self, model: transformers.PreTrainedModel, path: str, shared: bool) -> None:
        self.owner, _, self.leaf = path.rpartition(".")
        self.shared = shared
        self.module: nn.Module = model.get_submodule(self.owner)
        self.parameter: torch.Tensor = getattr(self.module, self.leaf)
        self.device = self.parameter.device
        self._form = self.parameter.shape, self.parameter.stride()

    def stand(self, model: transformers.PreTrainedModel) -> None:
        """Put the base's module back where another took its place."""
        if model.get_submodule(self.owner) is not self.module:
            model.set_submodule(self.owner, self.module)

    def own(self) -> torch.Tensor:
        """Memory for values of its own, in which there may be anything."""
        held = getattr(self.module, self.leaf)
        if self.shared and held is self.parameter:
            setattr(self.module, self.leaf, nn.Parameter(torch.empty_like(held), requires_grad=False))
        elif not held.numel():
            held.data = torch.empty_strided(*self._form, dtype=held.dtype, device=self.device)
        return getattr(self.module, self.leaf)

    def share(self) -> None:
        """Take what it shares with another tensor again."""
        setattr(self.module, self.leaf, self.parameter)

    def release(self) -> None:
        """Let go of the values."""
        if self.shared:
            self.share()
        else:
            self.parameter.data = self.parameter.data.new_empty(0)


def _fill(held: torch.Tensor, tensor: Tensor, turned: bool) -> None:
    """Put the values of a tensor where a parameter has its own, block by block where these lie alike."""
    shape = tensor.shape[::-1] if turned else tensor.shape
    if shape != held.shape:
        raise BrokenPromise(f"{tensor.name}: has shape {shape}, the model wants {tuple(held.shape)}")
    if turned or not held.is_contiguous():
        value = to_torch(tensor)
        held.copy_(value.T if turned else value)
        return
    rest = held.view(-1)
    for block in tensor.blocks():
        values = values_of(block, tensor.dtype)
        rest[: len(values)].copy_(values)
        rest = rest[len(values) :]


def _digest(values: torch.Tensor) -> str:
    flat = values.detach().cpu().contiguous().flatten()
    digest = files.quick_digest()
    digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _by_weight(digests: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """{weight: {tensor: digest}} of the tensors that stand for each: itself, an int8 one's scale, or packed parts."""
    found: dict[str, dict[str, str]] = {}
    for name, digest in digests.items():
        found.setdefault(_weight_of(name, digests), {})[name] = digest
    return found


def _weight_of(name: str, names: Mapping[str, str]) -> str:
    for part in PARTS:
        weight = name.removesuffix(part)
        if weight != name and (weight + PACKED in names or (part == SCALE and weight in names)):
            return weight
    return name
