"""What a checkpoint says of generating, as far as it may change an answer: the tokens that end one, and begin one."""

from pathlib import Path
from typing import Any

import transformers

from knowcost.models.headers import read_object


def tokens_only(folder: str | Path, config: transformers.PreTrainedConfig) -> transformers.GenerationConfig:
    """generation_config.json of a checkpoint's folder without sampling, beams, penalties and lengths.

    Where there is no such file, config's end tokens count, as transformers has it. What is no id of config's vocabulary
    is left out; a decoder starts as in the forward pass.
    """
    path = Path(folder) / "generation_config.json"
    ends = read_object(path).get("eos_token_id") if path.exists() else getattr(config, "eos_token_id", None)
    known = [token for token in (ends if isinstance(ends, list) else [ends]) if _is_token(token, config)]
    start = getattr(config, "decoder_start_token_id", None)
    return transformers.GenerationConfig(eos_token_id=known or None, decoder_start_token_id=start)


def _is_token(token: Any, config: transformers.PreTrainedConfig) -> bool:
    return isinstance(token, int) and not isinstance(token, bool) and 0 <= token < config.vocab_size
