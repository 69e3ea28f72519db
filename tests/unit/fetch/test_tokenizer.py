"""Tokenizers as people bring them: let in where transformers reads them rightly, else refused by file and token."""

import json
import sys

import pytest
import transformers
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.fetch.tokenizer import check_files, check_tokenizer

UNCASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "capital", "of", "is", ".", "rome", "paris", "##s"]
CASED = [*UNCASED[:-3], "Rome", "Paris", "##S"]


@pytest.fixture
def llama(tmp_path):
    tiny.fetched("llama", tmp_path)
    return tmp_path


def edit(folder, name, **keys):
    path = folder / name
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | keys))


def add(folder, *tokens):
    """Tokens added to the 118 that are there."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([*tokens])
    tokenizer.save_pretrained(folder)


def word_pieces(folder, words, **settings):
    """A BERT with vocab.txt as its only file of tokens."""
    transformers.BertConfig(vocab_size=len(words)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    if settings:
        edit(folder, "tokenizer_config.json", **settings)
    return folder


@pytest.mark.parametrize("kind", tiny.MODELS)
def test_the_tokenizers_of_tiny_models_are_let_in(kind, tmp_path):
    tiny.fetched(kind, tmp_path)
    family = tiny.family_of(kind.removesuffix("-tied"))
    assert check_tokenizer("m", tmp_path, family, 120) == [
        "model m: its tokenizer knows no part of 'The capital of France is Paris.'; is it this model's?"
    ]


def test_a_real_one_is_let_in_without_a_word(shared):
    assert check_tokenizer("m", shared / "models" / "minilm-lama", "encoder", 30522) == []


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model"])
def test_an_empty_file_is_named(llama, name):
    (llama / name).write_text("")
    with pytest.raises(InputError, match=rf"{llama / name}: empty"):
        check_files(llama)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "added_tokens.json", "vocab.json"])
def test_json_that_is_cut_or_no_object_is_named(llama, name):
    for content in ('{"a": ', "[]", '"text"', "nonsense"):
        (llama / name).write_text(content)
        with pytest.raises(InputError, match=rf"{llama / name}: "):
            check_files(llama)


def test_a_vocabulary_that_is_no_plain_utf_8_is_named(llama):
    for content in (b"\xef\xbb\xbf[PAD]\n", "Größe\n".encode("latin-1")):
        (llama / "vocab.txt").write_bytes(content)
        with pytest.raises(InputError, match=rf"{llama / 'vocab.txt'}: "):
            check_files(llama)


def test_files_are_looked_at_without_torch(llama, monkeypatch):
    for heavy in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, heavy, None)  # importing it raises
    check_files(llama)


def test_what_transformers_cannot_read_is_named(llama):
    edit(llama, "tokenizer.json", model={"type": "WordLevel", "vocab": {"a": -1}, "unk_token": "a"})
    with pytest.raises(InputError, match=rf"{llama}: transformers .*tokenizer\.json"):
        check_tokenizer("m", llama, "decoder", 120)


@pytest.mark.parametrize("longest", ["512", 0, -1, True, [512]])
def test_a_length_that_is_none_is_named(llama, longest):
    edit(llama, "tokenizer_config.json", model_max_length=longest)
    with pytest.raises(InputError, match=r"tokenizer_config\.json: model_max_length"):
        check_tokenizer("m", llama, "decoder", 120)


def test_a_token_beyond_the_embedding_is_refused_by_name_and_id(llama):
    tokens = len(transformers.AutoTokenizer.from_pretrained(llama))
    assert tokens == 120
    add(llama, "<image>", "<video>")
    with pytest.raises(InputError, match=r"tokenizer\.json: token '<image>' has id 120 \(and 1 more\).* 120 rows"):
        check_tokenizer("m", llama, "decoder", 120)
    assert len(check_tokenizer("m", llama, "decoder", 122)) == 1


def test_a_padding_token_beyond_the_embedding_is_let_in(llama):
    edit(llama, "tokenizer_config.json", pad_token="<pad>")
    told = check_tokenizer("m", llama, "decoder", 120)
    assert told[-1] == "model m: padding token '<pad>' has no row among 120; '[UNK]' pads instead"


def test_what_a_family_s_engines_need_is_asked_at_the_door(llama):
    config = json.loads((llama / "tokenizer_config.json").read_text())
    del config["eos_token"], config["mask_token"]
    (llama / "tokenizer_config.json").write_text(json.dumps(config))
    for family, said in {"decoder": "ends a text", "encoder_decoder": "ends a text", "encoder": "no mask"}.items():
        with pytest.raises(InputError, match=said):
            check_tokenizer("m", llama, family, 120)


def test_a_cased_vocabulary_that_nothing_says_so_of_is_refused(tmp_path):
    word_pieces(tmp_path, CASED)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize("Rome is the capital") == ["[UNK]", "is", "the", "capital"]  # the trap itself
    with pytest.raises(InputError, match=r"vocab\.txt: 2 of 6 words, such as 'Rome'.*\"do_lower_case\" to .*config"):
        check_tokenizer("m", tmp_path, "encoder", len(CASED))
    for said in (False, True):
        assert check_tokenizer("m", word_pieces(tmp_path, CASED, do_lower_case=said), "encoder", len(CASED)) == []


def test_a_vocabulary_in_lower_case_is_let_in(tmp_path):
    assert check_tokenizer("m", word_pieces(tmp_path, UNCASED), "encoder", len(UNCASED)) == []


def test_accents_that_would_be_stripped_are_refused(tmp_path):
    words = [*UNCASED, "größe", "straße"]
    with pytest.raises(InputError, match=r"vocab\.txt: 1 of 8 words, such as 'größe'.*\"strip_accents\""):
        check_tokenizer("m", word_pieces(tmp_path, words), "encoder", len(words))
    check_tokenizer("m", word_pieces(tmp_path, words, strip_accents=False), "encoder", len(words))


def test_a_tokenizer_that_knows_none_of_its_own_words_is_refused(tmp_path):
    capitals = [*UNCASED[:5], "ROME", "OSLO", "a", "b"]
    word_pieces(tmp_path, [*UNCASED[:5], "ROME", "OSLO"], do_lower_case=True)
    with pytest.raises(InputError, match=r"none of the words of its own vocabulary, such as 'ROME'"):
        check_tokenizer("m", tmp_path, "encoder", 7)
    assert check_tokenizer("m", word_pieces(tmp_path, capitals, do_lower_case=True), "encoder", 9)


def test_files_that_the_architecture_s_tokenizer_does_not_read(tmp_path):
    word_pieces(tmp_path, CASED)
    transformers.RobertaConfig(vocab_size=20).save_pretrained(tmp_path)  # reads vocab.json and merges.txt
    with pytest.raises(InputError, match=r"vocab\.txt: makes no token of 'The capital"):
        check_tokenizer("m", tmp_path, "encoder", 20)
