"""Checkpoints whose tokenizer is a file of SentencePiece alone, as those of many of these architectures have it."""

import shutil

import pytest
import sentencepiece
from helpers import tiny
from helpers.fetching import row
from helpers.masked import TEXTS

from knowcost.fetch.model import fetch_model
from knowcost.models.tokenizers import check_asked, load_tokenizer
from knowcost.spec.architectures import family_of


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A file of at most 60 pieces, written by SentencePiece itself."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "texts.txt").write_text("\n".join([*TEXTS, "The capital of France is Paris."]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "m"), vocab_size=60, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    return folder / "m.model"


def fetched(kind, name, pieces, folder):
    """The tokenizer of a fetched model that came with this file alone."""
    tiny.saved(kind, folder / "origin")
    for path in folder.glob("origin/*tokenizer*"):
        path.unlink()
    shutil.copy(pieces, folder / "origin" / name)
    fetch_model(
        row(folder / "origin", family=family_of(kind), name="model"), folder / "model", lock_path=folder / "lock.json"
    )
    return load_tokenizer(folder / "model", 120)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("xlm-roberta", "sentencepiece.bpe.model"),
        ("camembert", "sentencepiece.bpe.model"),
        ("deberta-v2", "spm.model"),
    ],
)
def test_an_encoder_s_is_let_in_and_has_one_mask(kind, name, pieces, tmp_path):
    tokenizer = fetched(kind, name, pieces, tmp_path)
    check_asked(tokenizer, "encoder")
    ids = tokenizer(f"Rome is in {tokenizer.mask_token} .")["input_ids"]
    assert ids.count(tokenizer.mask_token_id) == 1 and ids[-1] == tokenizer.sep_token_id


@pytest.mark.parametrize("kind", ["xlm-roberta", "camembert"])
def test_a_space_in_front_is_no_matter(kind, pieces, tmp_path):
    """So the published code's space for RoBERTa has no counterpart here (`published_space`)."""
    tokenizer = fetched(kind, "sentencepiece.bpe.model", pieces, tmp_path)
    for text in ("Italy", "Rome lies in"):
        assert tokenizer(f" {text}")["input_ids"] == tokenizer(text)["input_ids"]


def test_an_encoder_decoder_s_is_let_in(pieces, tmp_path):
    tokenizer = fetched("mbart", "sentencepiece.bpe.model", pieces, tmp_path)
    check_asked(tokenizer, "encoder_decoder")
