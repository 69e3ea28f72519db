"""Tokenizers of checkpoints: the only way in this project from a folder to one, and what asking takes of it."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedTokenizerBase

from knowcost.common.errors import InputError, in_one_line
from knowcost.models import gguf_files
from knowcost.models.blueprint import configuration

# What a tokenizer may be read from, as far as checkpoints come with them; `.model` is sentencepiece's.
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
         "merges.txt", "vocab.txt", "*.model")  # fmt: skip

WHOLE = 1 << 18  # characters of a text that is tokenized as a whole, however few tokens of it will count
CHARACTERS = 12  # that a token stands for, more than it does in any language
AT_ONCE = 256  # texts that are tokenized together, in parallel


def load_tokenizer(folder: str | Path, rows: int, remote_code: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer in a checkpoint's folder, which pads with a token that the model knows.

    rows: of the model's input embedding; remote_code: whether code of the checkpoint's own may run. Raises InputError
    for a tokenizer that transformers cannot read, or that has a token beyond the rows that does not pad.
    """
    tokenizer = read_tokenizer(folder, remote_code)
    beyond(tokenizer, folder, rows)
    return padding_within(tokenizer, rows)


def read_tokenizer(folder: str | Path, remote_code: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer in a checkpoint's folder as it is. Raises InputError when transformers cannot read it."""
    options: dict[str, Any] = {"config": configured(Path(folder), remote_code), "trust_remote_code": remote_code}
    if (file := gguf_files.name_in(folder)) and not files_in(folder):
        options["gguf_file"] = file
    with naming(folder):
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)


def configured(folder: Path, remote_code: bool = False) -> transformers.PreTrainedConfig:
    """The configuration of a checkpoint, out of its GGUF if it is one. Raises what transformers raises."""
    file = gguf_files.name_in(folder)
    return gguf_files.configuration(folder / file) if file else configuration(folder, remote_code)


def files_in(folder: str | Path) -> list[str]:
    """The names of the files of a folder's tokenizer."""
    return sorted({path.name for pattern in FILES for path in Path(folder).glob(pattern)})


@contextlib.contextmanager
def naming(folder: str | Path) -> Iterator[None]:
    """Whatever is raised inside is an InputError that says it of the tokenizer in a folder."""
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # what tokenizers' Rust code raises when it panics is no Exception
        found = files_in(folder)
        said = in_one_line(error, 300)
        raise InputError(
            f"{folder}: transformers {transformers.__version__} cannot use the tokenizer in {', '.join(found) or 'it'} "
            f"({type(error).__name__}: {said}); repair these files or fetch them again"
        ) from error


def beyond(tokenizer: PreTrainedTokenizerBase, folder: str | Path, rows: int) -> bool:
    """Whether the padding token lies beyond the rows of an embedding. Raises InputError for any other token there: a
    text that holds it would stop the model in the middle of a run."""
    found = sorted((i, token) for token, i in tokenizer.get_vocab().items() if not 0 <= i < rows)
    others = [(i, token) for i, token in found if token != tokenizer.pad_token]
    if others:
        more = f" (and {len(others) - 1:,} more)" if len(others) > 1 else ""
        raise InputError(
            f"{main_file(folder)}: token {others[0][1]!r} has id {others[0][0]:,}{more}, but the model's embedding has "
            f"{rows:,} rows; remove what was added to the vocabulary, or take the tokenizer of this very model"
        )
    return bool(found)


def main_file(folder: str | Path) -> Path:
    """The file that most of a tokenizer comes from."""
    paths = [Path(folder, name) for name in ("tokenizer.json", "vocab.txt", "vocab.json")]
    return next((path for path in paths if path.exists()), Path(folder))


def padding_within(tokenizer: PreTrainedTokenizerBase, rows: int) -> PreTrainedTokenizerBase:
    """The tokenizer itself. A padding token that is missing or lies beyond the rows is replaced by the one that
    lm-evaluation-harness takes, the unknown token, or by another special one: the attention mask hides it."""
    names = ("pad_token", "unk_token", "eos_token", "bos_token", "sep_token", "cls_token", "mask_token")
    for name in names:
        if (token := getattr(tokenizer, f"{name}_id")) is not None and 0 <= token < rows:
            if name != "pad_token":
                tokenizer.pad_token = getattr(tokenizer, name)
            return tokenizer
    raise InputError(
        f"tokenizer {tokenizer.name_or_path}: no padding token below {rows:,}, the rows of the embedding, nor another "
        f"special one that could take its place; name one in tokenizer_config.json ({', '.join(names)})"
    )


def beginning(tokenizer: PreTrainedTokenizerBase, text: str, tokens: float) -> str:
    """A text, or of a very long one a beginning that surely has more than so many tokens, the same as the text's first.

    A text of 50 MB would take 8 GB to be tokenized, only to be found too long. What is cut off, and the few tokens at
    the cut that are others than in the whole, lie as many tokens behind those that count.
    """
    end = max(WHOLE, CHARACTERS * tokens)
    while end < len(text):
        begun = text[: int(end)]
        if _count(tokenizer, begun) > 2 * tokens:
            return begun
        end *= 2  # long words, unknown ones, blanks
    return text


def ending(tokenizer: PreTrainedTokenizerBase, text: str, tokens: int) -> str:
    """The same of a text's end."""
    end = max(WHOLE, CHARACTERS * tokens)
    while end < len(text):
        if _count(tokenizer, text[-end:]) > 2 * tokens:
            return text[-end:]
        end *= 2
    return text


def _count(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], **options: Any) -> Iterator[dict[str, Any]]:
    """Yield what a tokenizer says of each text, {"input_ids": ids, ...}, holding that of a few texts at a time."""
    for first in range(0, len(texts), AT_ONCE):
        found = tokenizer(list(texts[first : first + AT_ONCE]), verbose=False, **options)
        yield from (dict(zip(found, each, strict=True)) for each in zip(*found.values(), strict=True))


def check_asked(tokenizer: PreTrainedTokenizerBase, family: str) -> None:
    """Raise InputError, naming the tokenizer, unless the models of a family can be asked with it.

    An encoder takes a mask that is one token; the others a token that ends an answer, and decoders a tokenizer that
    adds none by itself.
    """
    name = f"tokenizer {tokenizer.name_or_path or type(tokenizer).__name__}"
    if family == "encoder":
        _check_mask(tokenizer, name)
        return
    if tokenizer.eos_token_id is None:
        raise InputError(f"{name}: no token ends a text; name it as eos_token in tokenizer_config.json")
    ends = tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"][-1:]
    if ends == [1] and family == "decoder":
        # the harness takes an answer's tokens to be those after as many as the prompt alone has
        raise InputError(
            f"{name}: it ends a text with a special token; with a decoder the harness would then score that token in "
            "place of the answer's first. Switch this off in its config (add_eos_token, or the post-processor)"
        )


def _check_mask(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    if tokenizer.mask_token is None:
        raise InputError(
            f"{name}: no mask token, and a cloze benchmark needs one; name it as mask_token in tokenizer_config.json, "
            "or choose a masked language model (family `encoder`)"
        )
    found = tokenizer(f"a {tokenizer.mask_token} b")["input_ids"].count(tokenizer.mask_token_id)
    if found != 1 or tokenizer.mask_token_id == tokenizer.unk_token_id:
        raise InputError(
            f"{name}: its mask token {tokenizer.mask_token!r} is not one token of a text (id "
            f"{tokenizer.mask_token_id}, found {found} times in a text that holds it once); correct mask_token in "
            "tokenizer_config.json"
        )


_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "cls_token", "mask_token")  # what pads is masked
_COMPARED = (
    "The capital of France is Paris.",
    "Größe, naïve café",
    "東京は日本の首都です。",
    "👩‍👧 😀",
    " two  blanks\n\tand a tab",
    "1,234.5 + x_y = f(z);",
    "DON'T don't",
)


def differences(parent: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase) -> list[str]:
    """What a version's own tokenizer does otherwise than its parent's, a sentence each; none where it is the same.

    Compared are the vocabularies as a whole, the special tokens, and the ids of some texts, special tokens among them.
    """
    found = []
    theirs, mine = parent.get_vocab(), own.get_vocab()
    if others := sorted(token for token in theirs.keys() | mine.keys() if theirs.get(token) != mine.get(token)):
        ids = f"{others[0]!r} is {mine.get(others[0], 'missing')}, not {theirs.get(others[0], 'known there')}"
        found.append(f"{len(others):,} of {len(theirs):,} tokens have another id, are missing or were added ({ids})")
    for name in _SPECIAL:
        if getattr(own, name) != getattr(parent, name):
            found.append(f"its {name} is {getattr(own, name)!r}, not {getattr(parent, name)!r}")
    texts = [*_COMPARED, "".join(f"a{token} b" for token in parent.all_special_tokens)]
    for text in texts:
        one, other = (each(text, verbose=False)["input_ids"] for each in (parent, own))
        if one != other:
            found.append(f"{text!r} becomes {other}, not {one}")
            break
    return found
