"""Versions of models that were compressed elsewhere, as transformers loads them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from knowcost.common.errors import InputError, in_one_line
from knowcost.models import fetched, gguf_files, gpus
from knowcost.models.blueprint import AUTO
from knowcost.models.brought import COMPRESSED, format_of, groups, held_gb, words
from knowcost.models.generation import tokens_only
from knowcost.models.headers import read_config
from knowcost.models.tokenizers import configured, load_tokenizer
from knowcost.spec.architectures import family_of

log = logging.getLogger(__name__)


def load(
    folder: Path, dtype: str, device: torch.device, remote_code: bool = False
) -> tuple[transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase]:
    """(model in eval mode on its device, tokenizer) of a fetched version, as transformers loads it.

    dtype: the type to compute in. Several GPUs take it together where one cannot hold it. Raises InputError for one
    that transformers cannot load, and where weights are missing.
    """
    config = configured(folder, remote_code)
    loading: dict[str, Any] = {"config": config, "dtype": getattr(torch, dtype)}
    loading |= {"generation_config": tokens_only(folder, config), "device_map": _place(folder, dtype, device)}
    loading |= {"trust_remote_code": remote_code, "local_files_only": True}
    if file := gguf_files.name_in(folder):
        loading |= {"gguf_file": file, "quantization_config": transformers.GgufConfig(dequantize=True)}
    elif format_of(folder):
        config.quantization_config = _quantization(folder)
    try:
        auto = AUTO[family_of(config.model_type)]
        model, info = auto.from_pretrained(folder, output_loading_info=True, **loading)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # each package raises its own
        said = in_one_line(error, 500)
        raise InputError(
            f"{folder}: transformers {transformers.__version__} cannot load this {words(folder)} "
            f"({type(error).__name__}: {said}); take another version of it"
        ) from error
    _check_whole(folder, info)
    # As in models/load.py: nobody may tie weights once more.
    model.tie_weights = lambda *args, **kwargs: None
    return model.eval(), load_tokenizer(folder, model.get_input_embeddings().weight.shape[0], remote_code)


def _quantization(folder: Path) -> dict[str, Any]:
    """What config.json says of how a version is quantized, and how it is loaded.

    Weights that compressed-tensors packed become floats as they are read: left packed they would at the first forward
    pass, and transformers 5.23 has no place for the zero points of asymmetric ones until then. Not where activations
    are quantized too, which only the other way does.
    """
    said = read_config(folder)["quantization_config"]
    activations = ("input_activations", "output_activations")
    weights_only = not any(group.get(name) for group in groups(said) for name in activations)
    return said | ({"dequantize": True} if said["quant_method"] == COMPRESSED and weights_only else {})


def _check_whole(folder: Path, info: Mapping[str, Any]) -> None:
    wrong = {"missing": sorted(info["missing_keys"]), "of another shape": sorted(map(str, info["mismatched_keys"]))}
    if found := "; ".join(f"{what}: {', '.join(names[:4])}" for what, names in wrong.items() if names):
        raise InputError(f"{folder}: its weights do not fill the model ({found}); take another version of it")
    if ignored := sorted(info["unexpected_keys"]):
        log.warning("%s: transformers ignores %d tensors, the first is %s", folder, len(ignored), ignored[0])


def _place(folder: Path, dtype: str, device: torch.device) -> Any:
    """transformers' device_map: one device, or "auto" where one GPU cannot hold the model."""
    if device.type == "cuda" and device.index is None and torch.cuda.device_count() > 1:
        one_gb = torch.cuda.get_device_properties(0).total_memory / 1e9
        if gpus.gpus_for(held_gb(fetched.read_source(folder), dtype), one_gb) > 1:
            return "auto"
    return {"": device}
