"""What a version's tokenizer does otherwise than its parent's."""

import json

import pytest
import transformers
from helpers import elsewhere

from knowcost.models.tokenizers import differences


@pytest.fixture
def changed(tmp_path):
    """A function that gives the sentences on a tokenizer whose tokenizer.json was changed so."""
    elsewhere.bpe(tmp_path)
    parent = transformers.AutoTokenizer.from_pretrained(tmp_path)

    def differs(change, **settings):
        path = tmp_path / "tokenizer.json"
        said = json.loads(path.read_text())
        change(said)
        path.write_text(json.dumps(said))
        config = tmp_path / "tokenizer_config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | settings))
        return differences(parent, transformers.AutoTokenizer.from_pretrained(tmp_path))

    return differs


def test_the_same_tokenizer_differs_in_nothing_and_what_pads_does_not_count(changed):
    assert changed(lambda said: None) == []
    assert changed(lambda said: None, pad_token="!") == []


def test_a_token_more_is_counted_and_named(changed):
    said = changed(lambda said: said["model"]["vocab"].update(zzz=292))
    assert said == ["1 of 292 tokens have another id, are missing or were added ('zzz' is 292, not known there)"]


def test_another_end_is_said(changed):
    assert changed(lambda said: None, eos_token="!") == ["its eos_token is '!', not '</s>'"]


def test_other_ids_for_a_text_are_said_though_the_vocabulary_is_the_same(changed):
    (sentence,) = changed(lambda said: said["model"].update(merges=[]))
    assert sentence.startswith("'The capital of France is Paris.' becomes [") and ", not [" in sentence


def test_ids_for_special_tokens_within_a_text_are_compared(changed):
    (sentence,) = changed(lambda said: said["added_tokens"][0].update(rstrip=True))  # takes the blank behind it along
    assert sentence.startswith("'a</s> b' becomes")
