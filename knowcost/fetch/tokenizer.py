"""A model's tokenizer tried: whether it is whole, is this model's, and can be asked with."""

import codecs
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from knowcost.common.errors import InputError
from knowcost.models.headers import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_OBJECTS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
            "generation_config.json")  # fmt: skip
_LINES = ("vocab.txt", "merges.txt")
_PLAIN = "The capital of France is Paris."
_TRIED = (_PLAIN, "Größe, Straße, naïve café", "東京は日本の首都です。", "👩‍👧 😀", "", " \n\t", "word " * 3000)


def check_files(folder: Path) -> None:
    """Raise InputError, naming the file, for a tokenizer's file in a folder that is not whole. Without torch."""
    for path in sorted([*(folder / name for name in (*_OBJECTS, *_LINES)), *folder.glob("*.model")]):
        if not path.is_file():
            continue
        with open(path, "rb") as f:
            beginning = f.read(len(codecs.BOM_UTF8))
        if not beginning:
            raise InputError(f"{path}: empty; fetch it again")
        if path.name in _OBJECTS:
            read_object(path)
        elif path.name in _LINES:
            _check_text(path, beginning)


def _check_text(path: Path, beginning: bytes) -> None:
    """transformers reads such a file as UTF-8, and a byte-order mark as part of its first token."""
    if beginning == codecs.BOM_UTF8:
        raise InputError(f"{path}: begins with a byte-order mark, which becomes part of its first token; remove it")
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error}); fetch it again") from None


def check_tokenizer(name: str, folder: Path, family: str, rows: int, *, remote_code: bool = False) -> list[str]:
    """Sentences about the tokenizer of model `name` in `folder` that are worth telling and are no errors.

    rows: of the model's input embedding. remote_code: whether code of the checkpoint's own may run. Raises InputError,
    naming files, for a tokenizer that is damaged, is another model's, or that models of this family cannot be asked
    with.
    """
    from knowcost.models import tokenizers

    check_files(folder)
    _check_longest(folder)
    tokenizer = tokenizers.read_tokenizer(folder, remote_code)
    with tokenizers.naming(folder):
        padding = tokenizer.pad_token if tokenizers.beyond(tokenizer, folder, rows) else None
        tokenizers.padding_within(tokenizer, rows)
        _check_texts(tokenizer, tokenizers.main_file(folder), rows)
        _check_vocabulary(tokenizer, tokenizers.main_file(folder))
        _check_case(tokenizer, folder)
        tokenizers.check_asked(tokenizer, family)
        told = _doubts(tokenizer, rows)
    if padding:
        told.append(f"padding token {padding!r} has no row among {rows:,}; {tokenizer.pad_token!r} pads instead")
    return [f"model {name}: {sentence}" for sentence in told]


def _check_longest(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    longest = read_object(path).get("model_max_length") if path.exists() else None
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int | float) or longest < 1):
        raise InputError(f"{path}: model_max_length is {longest!r}, expected a number of tokens; correct or remove it")


def _check_texts(tokenizer: "PreTrainedTokenizerBase", file: Path, rows: int) -> None:
    """Raise InputError where a text gets no tokens, or tokens that the model lacks; what transformers raises else."""
    for text in _TRIED:
        found = tokenizer(text, verbose=False)["input_ids"]
        unknown = [i for i in found if not 0 <= i < rows]
        if unknown:
            raise InputError(
                f"{file}: gives id {unknown[0]:,} for {text[:40]!r}, but the model's embedding has {rows:,} "
                "rows; take the tokenizer of this very model"
            )
    tokenizer.decode([0, rows - 1])
    if not tokenizer(_PLAIN, add_special_tokens=False)["input_ids"]:
        raise InputError(f"{file}: makes no token of {_PLAIN!r}; fetch the files of this model's tokenizer again")


def _check_vocabulary(tokenizer: "PreTrainedTokenizerBase", file: Path) -> None:
    """Raise InputError for a tokenizer that knows none of its own words."""
    own = [word for word, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]) if word.isalpha()][:200]
    if not own or tokenizer.unk_token_id is None:
        return
    found = tokenizer(own, add_special_tokens=False)["input_ids"]
    if all(set(ids) <= {tokenizer.unk_token_id} for ids in found):
        raise InputError(
            f"{file}: knows none of the words of its own vocabulary, such as {own[0]!r}; correct what "
            "tokenizer_config.json says of it (do_lower_case, tokenizer_class), or fetch it again"
        )


def _check_case(tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Raise InputError for a vocab.txt alone whose words in capitals, or with accents, transformers' defaults lose."""
    settings = folder / "tokenizer_config.json"
    said = read_object(settings) if settings.exists() else {}
    if (folder / "tokenizer.json").exists() or not (folder / "vocab.txt").exists() or "do_lower_case" in said:
        return
    words = [word for word in (folder / "vocab.txt").read_text(encoding="utf-8").split() if word.isalpha()]
    for key, is_such in (("do_lower_case", _has_capitals), ("strip_accents", _has_accents)):
        such = [word for word in words if is_such(word)]
        lost = [word for word in such if tokenizer.tokenize(word) != [word]]
        if key not in said and len(lost) > len(words) / 100:
            raise InputError(
                f"{folder / 'vocab.txt'}: {len(lost):,} of {len(words):,} words, such as {lost[0]!r}, are never used, "
                f"since nothing says whether texts keep their {'capitals' if key == 'do_lower_case' else 'accents'}; "
                f'add "{key}" to {settings}, false or true as the model was trained'
            )


def _has_capitals(word: str) -> bool:
    return word != word.lower()


def _has_accents(word: str) -> bool:
    return any(unicodedata.category(mark) == "Mn" for mark in unicodedata.normalize("NFD", word))


def _doubts(tokenizer: "PreTrainedTokenizerBase", rows: int) -> list[str]:
    """A vocabulary may be small, or not of English words: that is a doubt, not an error."""
    told = []
    known = set(tokenizer(_PLAIN, add_special_tokens=False)["input_ids"]) - {tokenizer.unk_token_id}
    if not known:
        told.append(f"its tokenizer knows no part of {_PLAIN!r}; is it this model's?")
    if 2 * len(tokenizer) < rows:
        told.append(
            f"its tokenizer has {len(tokenizer):,} tokens, its embedding {rows:,} rows; is the tokenizer whole?"
        )
    return told
