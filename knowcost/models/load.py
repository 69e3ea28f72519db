"""Archives as torch models, ready to be asked: the only way in this project from a folder to a module."""

import itertools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import accelerate
import torch
import transformers

from knowcost.common import files, paths, seal
from knowcost.common.display import some
from knowcost.common.errors import InputError
from knowcost.models import brought, fetched, gpus, load_brought, sparse
from knowcost.models.blueprint import AUTO, configuration, model_class
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.models.devices import pick_device
from knowcost.models.experts import separate
from knowcost.models.formats import SCALE, floats, is_packed
from knowcost.models.generation import tokens_only
from knowcost.models.headers import read_config
from knowcost.models.int8_linear import ENGINES
from knowcost.models.layout import folded
from knowcost.models.names import resolve
from knowcost.models.tokenizers import load_tokenizer
from knowcost.models.torch_tensors import to_torch
from knowcost.spec.architectures import family_of

transformers.utils.logging.disable_progress_bar()

log = logging.getLogger(__name__)


def load(
    folder: str | Path,
    dtype: str = "float32",
    device: str = "auto",
    engine: str = "knowcost",
    remote_code: bool = False,
) -> tuple[transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase]:
    """(model in eval mode on its device, tokenizer) of a fetched model or an archive, quantized or not.

    dtype: the type to compute in; int8 archives compute in float32. engine: `knowcost` or `torch` for int8 layers. A
    model that one GPU cannot hold is spread over all that this process sees, block by block, by accelerate.
    Raises InputError when the folder lacks weights that the architecture has, or has some that it lacks, and when an
    archive or a fetched model holds files that nobody listed.
    """
    folder = Path(folder)
    _check_listed(folder)
    if brought.is_brought(folder):
        return load_brought.load(folder, dtype, pick_device(device), remote_code)
    stored = read_config(folder)
    if sparse.is_sparse(stored):
        with files.scratch() as plain:
            sparse.expand(folder, _listed(folder), plain)
            return load(plain, dtype, device, engine, remote_code)
    packed = is_packed(stored)
    quantized = stored.get("quantization_config") is not None and not packed
    config = configuration(folder, remote_code)
    options = {"trust_remote_code": remote_code}
    place = pick_device(device, quantized and engine == "torch")
    spread = needs_several_gpus(folder, dtype, quantized, place)
    if packed:
        model = _from_tensors(folder, config, floats(Checkpoint(folder)), getattr(torch, dtype))
        model = _spread(model) if spread else model.to(place)
    elif quantized:
        model = _load_quantized(folder, config, engine)
        model = _spread(model) if spread else model.to(place)
    else:
        loading = {"config": config, "dtype": getattr(torch, dtype), "device_map": "auto" if spread else None}
        loading |= {"generation_config": tokens_only(folder, config), "ignore_mismatched_sizes": True}
        auto = AUTO[family_of(config.model_type)]
        model, info = auto.from_pretrained(folder, output_loading_info=True, **loading, **options)
        _check_loaded(folder, info)
        model = model if spread else model.to(place)
    if spread:
        log.info("%s: spread over %s", folder, ", ".join(sorted({str(d) for d in model.hf_device_map.values()})))
    _own(model)
    # lm-eval ties weights once more on whatever it is given; that would undo an untied head and fails on int8 layers.
    model.tie_weights = lambda *args, **kwargs: None
    rows = model.get_input_embeddings().weight.shape[0]
    return model.eval(), load_tokenizer(folder, rows, remote_code)


def _listed(folder: Path) -> list[str]:
    """The files of a checkpoint: those that its manifest lists, all of a folder without one."""
    manifest = folder / paths.MANIFEST
    if manifest.exists():
        return list(seal.read_json(manifest)["archive"]["files"])
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def _check_listed(folder: Path) -> None:
    """Raise InputError where an archive or a fetched model holds what its list does not name: transformers would take
    an index, special tokens or templates from it. Another folder has no list."""
    manifest = folder / paths.MANIFEST
    if manifest.exists():
        seal.check_unlisted(folder, [*seal.read_json(manifest)["archive"]["files"], *paths.BESIDE], manifest)
    elif (folder / paths.SOURCE).exists():
        seal.check_unlisted(folder, fetched.read_source(folder)["files"], folder / paths.SOURCE)


def needs_several_gpus(folder: Path, dtype: str, quantized: bool, device: torch.device) -> bool:
    """Whether a checkpoint is to be spread: there is more than one GPU, none was named, and one cannot hold it."""
    if device.type != "cuda" or device.index is not None or torch.cuda.device_count() < 2:
        return False
    parameters = sum(tensor.size for tensor in Checkpoint(folder).tensors.values())
    gpu_gb = torch.cuda.get_device_properties(0).total_memory / 1e9
    return gpus.gpus_for(gpus.weights_gb(parameters, dtype, quantized), gpu_gb) > 1


def _spread(model: transformers.PreTrainedModel) -> transformers.PreTrainedModel:
    """What from_pretrained(device_map="auto") does, for a model that was built by hand."""
    whole = list(model._no_split_modules or ())
    memory = accelerate.utils.get_balanced_memory(model, no_split_module_classes=whole)
    places = accelerate.infer_auto_device_map(model, max_memory=memory, no_split_module_classes=whole)
    model = accelerate.dispatch_model(model, places)
    model.hf_device_map = places
    return model


def _own(model: transformers.PreTrainedModel) -> None:
    """Give a model on a CPU memory of its own: from_pretrained leaves weights that keep their type mapped to their
    file, and who overwrites that would change a model that is being asked."""
    for tensor in itertools.chain(model.parameters(), model.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()


def _load_quantized(folder: Path, config: transformers.PreTrainedConfig, engine: str) -> transformers.PreTrainedModel:
    """Build the model with the int8 values as floats, then put quantized layers in the place of those linears."""
    tensors = Checkpoint(folder).tensors
    scales = {name.removesuffix(SCALE): tensors.pop(name) for name in list(tensors) if name.endswith(SCALE)}
    model = separate(_from_tensors(folder, config, tensors, torch.float32))
    filled = {own[0]: parameter for parameter, own in resolve(model, tensors).sources.items()}
    for name, scale in scales.items():
        if name not in filled:
            raise InputError(f"{folder}: int8 weight {name} fills no layer of the model; make the archive anew")
        path = filled[name].removesuffix(".weight")
        bias = model.get_submodule(path).bias
        model.set_submodule(path, ENGINES[engine](to_torch(tensors[name]), to_torch(scale), bias))
    return model


def _from_tensors(
    folder: Path, config: transformers.PreTrainedConfig, tensors: Mapping[str, Tensor], dtype: torch.dtype
) -> transformers.PreTrainedModel:
    """The model of Tensors, to compute in this type; values of int8 weights count as numbers of it."""
    state = {each.name: to_torch(each) for each in folded(config.model_type, tensors.values())}
    state = {name: value if value.is_floating_point() else value.to(dtype) for name, value in state.items()}
    loading = {"config": config, "state_dict": state, "dtype": dtype, "generation_config": tokens_only(folder, config)}
    loading["ignore_mismatched_sizes"] = True  # _check_loaded names the folder
    model, info = model_class(config).from_pretrained(None, output_loading_info=True, **loading)
    _check_loaded(folder, info)
    return model


def _check_loaded(folder: Path, info: Mapping[str, Any]) -> None:
    missing, mismatched = sorted(info["missing_keys"]), sorted(map(str, info["mismatched_keys"]))
    if missing or mismatched:
        raise InputError(
            f"{folder}: the weights do not fill the architecture; missing: {some(missing) or 'none'}; of another "
            f"shape: {some(mismatched) or 'none'}"
        )
