"""What a folder's config.json describes: transformers' configuration, and the model of it without weights."""

from pathlib import Path
from typing import Any

import accelerate
import torch
import transformers

from knowcost.common.errors import InputError
from knowcost.models.experts import separate
from knowcost.models.headers import read_config
from knowcost.spec.architectures import family_of

AUTO = {
    "encoder": transformers.AutoModelForMaskedLM,
    "encoder_decoder": transformers.AutoModelForSeq2SeqLM,
    "decoder": transformers.AutoModelForCausalLM,
}

# Keys of a config.json that are no part of the model: what a forward pass returns and keeps, how it computes, in which
# type its weights came, and what another head would classify. A score must not depend on them, so transformers'
# defaults count, whatever a file says.
NOT_THE_MODELS = (
    "return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "output_scores", "use_cache",
    "torchscript", "dtype", "torch_dtype", "attn_implementation", "_attn_implementation",
    "_attn_implementation_internal", "experts_implementation", "_experts_implementation", "gradient_checkpointing",
    "chunk_size_feed_forward", "num_labels",
)  # fmt: skip


def configuration(folder: str | Path, remote_code: bool = False) -> transformers.PreTrainedConfig:
    """The configuration of a checkpoint, without what a score must not depend on (NOT_THE_MODELS).

    An encoder-decoder without decoder_start_token_id starts with its padding, as T5 does, and pads with what it starts
    with where there is no pad_token_id. remote_code: whether code of the checkpoint's own may run; its configuration is
    taken as it is then. Raises what transformers raises.
    """
    config = read_config(folder)
    config.pop("quantization_config", None)
    if remote_code and "auto_map" in config:
        made = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    else:
        made = described(config)
    if made.is_encoder_decoder:
        start, padding = getattr(made, "decoder_start_token_id", None), made.pad_token_id
        made.decoder_start_token_id = padding if start is None else start
        made.pad_token_id = start if padding is None else padding
    return made


def described(config: dict[str, Any]) -> transformers.PreTrainedConfig:
    """transformers' configuration of the contents of a config.json, without NOT_THE_MODELS."""
    return transformers.AutoConfig.for_model(**{k: v for k, v in config.items() if k not in NOT_THE_MODELS})


def model_class(config: transformers.PreTrainedConfig) -> Any:
    """The class of models with its family's head. Raises InputError when transformers has none."""
    family = family_of(config.model_type)
    try:
        return AUTO[family]._model_mapping[type(config)]
    except KeyError:
        raise InputError(
            f"transformers {transformers.__version__} has no {AUTO[family].__name__} for {type(config).__name__}"
        ) from None


def empty(
    config: transformers.PreTrainedConfig,
    dtype: torch.dtype = torch.float32,
    buffers: bool = True,
    remote_code: bool = False,
) -> transformers.PreTrainedModel:
    """The model of a configuration, in eval mode, its parameters on torch's meta device, and its `buffers` too or not.

    Its linear layers are nn.Linear, each of its own (experts.py), so its names and shapes are those of a Checkpoint.
    Raises what transformers raises.
    """
    auto = AUTO[family_of(config.model_type)]
    # accelerate leaves buffers alone; torch's own context takes all, a table of positions of any length too
    place = torch.device("meta") if buffers else accelerate.init_empty_weights(include_buffers=False)
    with place:
        model = auto.from_config(config, dtype=dtype, trust_remote_code=remote_code).eval()
    return separate(model)
