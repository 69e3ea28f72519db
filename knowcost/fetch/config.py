"""config.json tried: whether transformers reads it and can build the model that it describes."""

from math import isfinite
from pathlib import Path
from typing import Any

import torch
import transformers

from knowcost.common.errors import InputError, in_one_line
from knowcost.models import blueprint
from knowcost.models.headers import read_config
from knowcost.spec.architectures import TABLE, architecture, positions
from knowcost.spec.scopes import matches

SHORTEST = 2  # tokens of a text that anything can be asked about
DEEPEST = 1000  # layers, or ALBERT's groups of them: more than any model has, and few enough to be built at once


def described_model(folder: Path, remote_code: bool = False) -> transformers.PreTrainedModel:
    """The model that a folder's config.json describes, without weights.

    Raises InputError with the key that transformers does not take, what it found there and what it expects.
    """
    path = folder / "config.json"
    config = read_config(folder)
    check_sizes(path, config)
    try:
        model = blueprint.empty(blueprint.configuration(folder, remote_code), remote_code=remote_code)
        _try(model)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # each architecture raises its own: KeyError, RuntimeError, AssertionError, ...
        raise InputError(f"{path}: {_what_is_wrong(config, error)}") from error
    blueprint.model_class(model.config)
    _check_block(path, model)
    _check_matrices(path, model)
    _check_start(path, model)
    _check_generation(folder)
    if (room := positions(model.config)) is not None and room < SHORTEST:
        raise InputError(f"{path}: max_position_embeddings leaves {room} tokens for a text; repair the key")
    return model


def _check_block(path: Path, model: transformers.PreTrainedModel) -> None:
    """Raise InputError where what the architecture's block names is not in the model."""
    block = architecture(model.config.model_type)
    names = [name for name, _ in model.named_modules()]
    for key, patterns in (("blocks", block.blocks), ("embedding", [block.embedding]), ("final", [block.final])):
        for pattern in patterns:
            if not any(matches(pattern, name) for name in names):
                raise InputError(
                    f"{path}: describes a {type(model).__name__} without {pattern} (`{key}` of "
                    f"{model.config.model_type!r} in {TABLE}); see if its numbers of layers are right, or compare that "
                    f"block with what `knowcost propose {path.parent}` prints"
                )


def _check_matrices(path: Path, model: transformers.PreTrainedModel) -> None:
    """Raise InputError for a layer or a table without values, of which nothing can be compressed or counted."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and not parameter.numel():
            raise InputError(
                f"{path}: describes {name} with shape {list(parameter.shape)}, expected no 0 there; correct the key "
                "that has this size"
            )


def check_sizes(path: Path, config: dict[str, Any]) -> None:
    """Raise InputError for a number of a config.json that is none, or that no model could be built with."""
    for key, value in config.items():
        if isinstance(value, float) and not isfinite(value):
            raise InputError(f"{path}: {key} is {value}, expected a number; repair the key")
        if ("layer" in key or "group" in key) and isinstance(value, int | float) and value > DEEPEST:
            raise InputError(f"{path}: {key} is {value:,}, expected at most {DEEPEST:,}; repair the key")


def _check_start(path: Path, model: transformers.PreTrainedModel) -> None:
    """Raise InputError for a decoder that starts with a token that its embedding lacks."""
    if not model.config.is_encoder_decoder:
        return
    start, rows = model.config.decoder_start_token_id, model.get_input_embeddings().weight.shape[0]
    if type(start) is not int or not 0 <= start < rows:
        raise InputError(
            f"{path}: the decoder starts with token {start!r} (decoder_start_token_id or, without that, pad_token_id), "
            f"expected one of the {rows:,} of the embedding; correct these keys"
        )


def _check_generation(folder: Path) -> None:
    """Raise InputError where transformers does not take the tokens and settings of generation_config.json."""
    path = folder / "generation_config.json"
    try:
        if path.exists():
            transformers.GenerationConfig.from_pretrained(folder)
    except Exception as error:  # ValueError, TypeError, OSError, ...
        raise InputError(
            f"{path}: transformers {transformers.__version__} does not take it ({type(error).__name__}: "
            f"{in_one_line(error)}); correct it, or remove the file"
        ) from error


def _what_is_wrong(config: dict[str, Any], error: Exception) -> str:
    """The key of a config.json without which transformers takes it, what stands there and what it says to that."""
    said = in_one_line(error) or type(error).__name__
    version = f"transformers {transformers.__version__}"
    for key in config:
        if key == "model_type":
            continue
        try:
            default = getattr(_built({k: v for k, v in config.items() if k != key}).config, key, None)
        except Exception:
            continue
        return (
            f"{key} is {config[key]!r}, which {version} does not take ({type(error).__name__}: {said}); correct it, or "
            f"remove the key, for which {default!r} then counts"
        )
    return f"{version} cannot build this model ({type(error).__name__}: {said}); repair the file or fetch it again"


def _built(config: dict[str, Any]) -> transformers.PreTrainedModel:
    model = blueprint.empty(blueprint.described(config))
    _try(model)
    return model


@torch.no_grad()
def _try(model: transformers.PreTrainedModel) -> None:
    """Let a model without weights read a few tokens: some keys are looked at only then. Raises what it raises."""
    ids = torch.zeros(1, 3, dtype=torch.int64, device="meta")
    try:
        model(input_ids=ids, **{"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})
    except RuntimeError as error:
        # a model may look at a value, as dynamic rotary positions do: no key's fault
        if "meta tensors" not in str(error):
            raise
