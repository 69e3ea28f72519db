"""The variants of a model as torch modules, one after another: the base is loaded once, and changed where it lies."""

import copy
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import rebuild
from knowcost.compress.archive.changed import changed
from knowcost.compress.registry import is_dynamic
from knowcost.models import fetched, int8_linear, staged
from knowcost.models.base import Base
from knowcost.models.devices import pick_device
from knowcost.models.experts import are_fused, separate
from knowcost.models.formats import PACKED
from knowcost.models.in_place import Changes, InPlace
from knowcost.models.load import load, needs_several_gpus
from knowcost.recover import archive, registry
from knowcost.recover.apply import apply
from knowcost.score.cells import Settings
from knowcost.score.states import States, beneath
from knowcost.spec.architectures import architecture
from knowcost.spec.levels import bits
from knowcost.spec.variants import parse

Manifest = dict[str, Any]  # as storage.verify returns it


@dataclass(frozen=True)
class Loaded:
    """A variant that can be asked: its module, its tokenizer, how many positions its recovery takes, and what others
    with the same weights beneath their final layer have computed."""

    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    virtual_tokens: int
    states: States | None


@dataclass(frozen=True)
class _Form:
    """How a base is loaded. separated: every layer an nn.Linear of its own, as int8 models have it."""

    dtype: str
    device: str
    separated: bool


class Loader:
    """Loads the variants of one model. One at a time can be asked: the next one is made of its memory."""

    def __init__(self, model: str, settings: Settings) -> None:
        self._settings, self._folder = settings, Path(paths.model_dir(model))
        self._base: Base | None = None
        self._form: _Form | None = None
        self._held: tuple[InPlace, PreTrainedTokenizerBase] | None = None
        self._states = States()

    def load(self, manifest: Manifest) -> Loaded:
        """The variant of a manifest that storage.verify returned.

        Raises InputError where a tensor of it, or of the base, is not what it should be; what is in memory is let go
        then.
        """
        whole = archive.stands_on(manifest) if archive.is_recovered(manifest) else manifest
        try:
            base = self._base_of(whole)
            module, tokenizer = self._changed(whole, base) if base else self._whole(whole)
            int8_linear.set_activations(module, self._settings.options["int8_activations"])
            module, taken = self._recovered(manifest, module)
            return Loaded(module, tokenizer, taken, self._states.of(beneath(manifest)))
        except BaseException:
            self._forget()
            raise

    def _base_of(self, manifest: Manifest) -> Base | None:
        """The base that a variant is made of in place; None for one that is loaded from its whole checkpoint.

        Such are versions that were compressed elsewhere, whole archives whose base is gone or another one now, and
        variants of models that run code of their own, take several GPUs, or have experts that transformers puts
        together.
        """
        whole = manifest["archive"]["keep"] in ("full", "sparse")
        if "tensors" not in manifest or (whole and not (self._folder / paths.SOURCE).exists()):
            return None
        base = self._base = self._base or Base(staged.folder(self._folder, self._settings.stage_models), weights=False)
        if whole and base.hashes != manifest["base"]["files"]:
            return None
        form = self._form_of(manifest)
        own_code = self._settings.remote_code and "auto_map" in base.config
        spread = needs_several_gpus(base.folder, form.dtype, is_dynamic(manifest["variant"]), torch.device(form.device))
        return None if own_code or spread or are_fused(base.tensors) else base

    def _form_of(self, manifest: Manifest) -> _Form:
        options, int8 = self._settings.options, is_dynamic(manifest["variant"])
        device = str(pick_device(options["device"], cpu_only=int8 and options["int8_engine"] == "torch"))
        separated = int8 and bool(architecture(manifest["architecture"]).transposed)
        return _Form("float32" if int8 else self._settings.dtype, device, separated)

    def _changed(self, manifest: Manifest, base: Base) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """(module, tokenizer) of a variant, made of the base in memory. Its tokenizer is the base's."""
        form = self._form_of(manifest)
        if self._held is None or self._form != form:
            self._forget()
            self._held, self._form = self._read(base, form), form
        in_place, tokenizer = self._held
        folder = Path(paths.archive_dir(manifest["model"], manifest["variant"]))
        packed = any(name.endswith(PACKED) for name in manifest["tensors"])
        count = bits(str(parse(manifest["variant"]).steps[-1].level)).bits if packed else None
        in_place.become(Changes(manifest["tensors"], changed(manifest, folder, base), count))
        return in_place.model, tokenizer

    def _read(self, base: Base, form: _Form) -> tuple[InPlace, PreTrainedTokenizerBase]:
        """The base, loaded, and its tokenizer. Raises InputError unless its files are still the same afterwards."""
        module, tokenizer = load(base.folder, form.dtype, form.device, remote_code=self._settings.remote_code)
        if fetched.digests(fetched.check(base.folder)) != base.hashes:
            raise InputError(f"{base.folder}: was fetched anew while this job ran; run again")
        module = separate(module) if form.separated else module
        return InPlace(module, base, self._settings.options["int8_engine"]), tokenizer

    def _whole(self, manifest: Manifest) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """(module, tokenizer) of a variant, loaded from its whole checkpoint."""
        self._forget()
        settings, options = self._settings, self._settings.options
        folder = Path(paths.archive_dir(manifest["model"], manifest["variant"]))
        with rebuild.full(manifest, folder, self._base.folder if self._base else self._folder) as checkpoint:
            return load(checkpoint, settings.dtype, options["device"], options["int8_engine"], settings.remote_code)

    def _recovered(self, manifest: Manifest, module: PreTrainedModel) -> tuple[PreTrainedModel, int]:
        """(module, positions taken) of a variant, with what its recovery puts into a module or beside it.

        That goes into a copy of modules that holds the same tensors, so that the next variant is made without it.
        """
        recovery = parse(manifest["variant"]).recovery
        if recovery is None:
            return module, 0
        if self._held:
            tensors = itertools.chain(module.parameters(), module.buffers())
            module = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
        taken = apply(manifest, module, Path(paths.archive_dir(manifest["model"], manifest["variant"])))
        if registry.method_of(recovery).merges:  # into the tensors themselves
            self._forget()
        return module, taken

    def _forget(self) -> None:
        """Let go of what is in memory, so that there are never two models."""
        self._held = self._form = None
