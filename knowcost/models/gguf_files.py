"""GGUF files: llama.cpp's, which hold weights, configuration and tokenizer in one.

gguf and transformers go through a file's vocabulary, token by token, to read whatever else is in it: 10 seconds for
Qwen's 150,000. So what was read of a file last is kept while the file is the same.
"""

import collections
import copy
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from knowcost.common.errors import InputError, in_one_line

if TYPE_CHECKING:
    import gguf
    import transformers

SUFFIX = ".gguf"
MAGIC = b"GGUF"


def name_in(folder: str | Path) -> str | None:
    """The name of the GGUF file that is a folder's checkpoint; None where there is none."""
    return next((path.name for path in sorted(Path(folder).glob(f"[!.]*{SUFFIX}"))), None)


def check_magic(path: Path) -> None:
    """Raise InputError unless a file begins as a GGUF does."""
    with open(path, "rb") as f:
        found = f.read(len(MAGIC))
    if found != MAGIC:
        raise InputError(f"{path}: begins with {found!r}, a GGUF with {MAGIC!r}; fetch it again")


def configuration(path: Path) -> "transformers.PreTrainedConfig":
    """transformers' configuration out of a GGUF. Raises InputError for a file that it does not read."""
    return copy.deepcopy(_configuration(path, *_stamp(path)))


@functools.lru_cache(maxsize=1)
def _configuration(path: Path, *_stamp: int) -> "transformers.PreTrainedConfig":
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    except Exception as error:  # of numpy, of gguf and of transformers
        said = in_one_line(error, 300)
        raise InputError(
            f"{path}: transformers {transformers.__version__} does not read this GGUF ({type(error).__name__}: "
            f"{said}); fetch it again, or take a version in another format"
        ) from error


def opened(path: Path) -> "gguf.GGUFReader":
    """The reader of a GGUF. Raises InputError for a file that is cut short or none."""
    return _opened(path, *_stamp(path))


@functools.lru_cache(maxsize=1)
def _opened(path: Path, *_stamp: int) -> "gguf.GGUFReader":
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:
        said = in_one_line(error, 300)
        raise InputError(f"{path}: no whole GGUF ({type(error).__name__}: {said}); fetch it again") from error
    ends = max((int(tensor.data_offset) + int(tensor.n_bytes) for tensor in reader.tensors), default=0)
    if not 0 < ends <= path.stat().st_size:
        raise InputError(f"{path}: cut short at {path.stat().st_size:,} bytes, expected {ends:,}; fetch it again")
    return reader


def has_tokenizer(path: Path) -> bool:
    """Whether a GGUF holds a vocabulary."""
    return opened(path).get_field("tokenizer.ggml.tokens") is not None


def _stamp(path: Path) -> tuple[int, ...]:
    """What is another as soon as a file is another."""
    about = path.stat()
    return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size


def kind(path: Path) -> str:
    """How a GGUF is quantized, as llama.cpp calls it: "Q4_K_M"; where it does not say, the type of most weights."""
    import gguf

    reader = opened(path)
    said = reader.get_field("general.file_type")
    known = {int(each): each.name for each in gguf.LlamaFileType}
    if said is not None and (name := known.get(int(said.contents()))):
        return name.removeprefix("MOSTLY_").removeprefix("ALL_")
    weights: collections.Counter[str] = collections.Counter()
    for tensor in reader.tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
    return weights.most_common(1)[0][0]
