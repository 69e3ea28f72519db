"""Calibration data: the windows of tokens that one model is run over, drawn from the texts with its tokenizer.

Imported while the Snakefile is parsed, so heavy modules are imported where they are used.
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common import parquet, seal
from knowcost.common.errors import InputError
from knowcost.models import fetched
from knowcost.spec.architectures import positions

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import transformers

TRIES = 10_000  # texts in a row that are too short before the search for a longer one is given up

log = logging.getLogger(__name__)

Encode = Callable[[str], list[int]]  # the ids of a text


def draw(
    texts_file: Path, model_folder: Path, options: Mapping[str, Any], out: Path, remote_code: bool = False
) -> None:
    """Write a model's calibration windows to `out`: a Parquet file with one row of `ids` per window.

    options: the config's section `calibration`. Windows have options["length"] tokens, or as many as the model takes.
    They are drawn with Python's generator exactly as in IST-DASLab/sparsegpt and locuslab/wanda (datautils.py, get_c4
    and get_wikitext2), so that the same texts, tokenizer and seed give the authors' windows: `join` false, a random
    text that is longer than a window, and a random part of it (C4); true, a random part of all texts joined by blanks
    (WikiText-2). Raises InputError when the texts are too short, or hold a token that the model lacks.
    """
    import numpy as np
    import pyarrow as pa

    from knowcost.models import blueprint, tokenizers

    model = fetched.check(model_folder, weights=False)
    config = blueprint.configuration(model_folder, remote_code)
    tokenizer = tokenizers.load_tokenizer(model_folder, config.vocab_size, remote_code)
    length = min(options["length"], longest(config, tokenizer))
    seal.check(texts_file)
    with pa.memory_map(str(texts_file)) as source:
        texts = pa.ipc.open_file(source).read_all()["text"]
        take = _from_all if options["join"] else _from_each
        taken = take(texts, lambda text: tokenizer(text, verbose=False).input_ids, length, options)
    windows = np.array(taken, np.int64)
    if (most := int(windows.max())) >= config.vocab_size:
        raise InputError(
            f"{_who(options)}: the text holds {tokenizer.convert_ids_to_tokens(most)!r}, token {most:,} of the "
            f"tokenizer in {model_folder}, but the model's embedding has {config.vocab_size:,} rows; take it out"
        )
    about = {key: options[key] for key in ("name", "source", "join", "samples", "seed")}
    digest = hashlib.sha256(windows.astype("<i8").tobytes()).hexdigest()
    about |= {"length": length, "texts": len(texts), "sha256": digest, "model_files": fetched.digest_of_small(model)}
    parquet.write(out, pa.table({"ids": windows.tolist()}, schema=pa.schema([("ids", pa.list_(pa.int64()))])), about)
    log.info("%s: %d windows of %d tokens, sha256 %s", out, len(windows), length, about["sha256"])


def read(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """(int64 (samples, length) of ids, what the manifest says of them: name, source, ..., sha256 of the ids)."""
    import numpy as np

    table, about = parquet.read(path)
    return np.array(table["ids"].to_pylist(), np.int64), about


def check_model(path: str | Path, about: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Raise InputError where the windows at `path`, which say `about` of themselves, were not drawn with the tokenizer
    and configuration of the model of this source.json."""
    if about.get("model_files") != fetched.digest_of_small(model):
        raise InputError(f"{path}: was drawn with another model's tokenizer or config.json; delete it and run again")


def longest(config: transformers.PretrainedConfig, tokenizer: transformers.PreTrainedTokenizerBase) -> int:
    """The longest window that a model takes: its positions; of an encoder-decoder, whose halves share it, twice that.

    T5's positions are relative, without an end: the 512 of its training count.
    """
    most = positions(config) or getattr(config, "n_positions", 512)
    return int(min(most, tokenizer.model_max_length)) * (2 if config.is_encoder_decoder else 1)


def _from_each(texts: pa.ChunkedArray, encode: Encode, length: int, options: Mapping[str, Any]) -> list[list[int]]:
    generator = random.Random(options["seed"])
    windows: list[list[int]] = []
    short: set[int] = set()
    tries = 0
    while len(windows) < options["samples"]:
        number = generator.randint(0, len(texts) - 1)
        ids = [] if number in short else encode(texts[number].as_py())
        if len(ids) > length:
            first = generator.randint(0, len(ids) - length - 1)
            windows.append(ids[first : first + length])
            tries = 0
            continue
        short.add(number)
        tries += 1
        if tries == TRIES or len(short) == len(texts):
            raise InputError(
                f"{_who(options)}: of {len(short):,} texts looked at, none has more than {length} tokens. "
                "Take a smaller `calibration.length`, set `calibration.join: true`, or use longer texts."
            )
    return windows


def _from_all(texts: pa.ChunkedArray, encode: Encode, length: int, options: Mapping[str, Any]) -> list[list[int]]:
    ids = encode(" ".join(texts.to_pylist()))
    if len(ids) <= length:
        raise InputError(
            f"{_who(options)}: {len(ids):,} tokens in all, too few for windows of {length}. Take a smaller "
            "`calibration.length`, or more text."
        )
    generator = random.Random(options["seed"])
    starts = [generator.randint(0, len(ids) - length - 1) for _ in range(options["samples"])]
    return [ids[first : first + length] for first in starts]


def _who(options: Mapping[str, Any]) -> str:
    return f"calibration data {options['name']} ({options['source']})"
