"""Mutated checkpoints brought to the door: refused by name, or read as plain transformers reads them.

KNOWCOST_FUZZ says how many examples; `make fuzz` takes many.
"""

import json
from pathlib import Path

import pytest
import torch
import transformers
from helpers import tiny
from helpers.fetching import row
from helpers.mutated_checkpoints import NEUTRAL, checkpoint, mutated, settings, write
from hypothesis import event, given

from knowcost.common.errors import InputError
from knowcost.fetch.model import fetch_model
from knowcost.models.load import load
from knowcost.spec.architectures import family_of

pytestmark = pytest.mark.usefixtures("quiet")

TEXT = "w1 w2 [MASK] w3 </s> x w113"


def plain(folder, family):
    """(logits, tokens of a text) by transformers alone, without the keys of config.json that are no part of a model."""
    config = {k: v for k, v in json.loads((folder / "config.json").read_text()).items() if k not in NEUTRAL}
    config = transformers.AutoConfig.for_model(**config)
    model, info = tiny.AUTO[family].from_pretrained(
        folder, config=config, dtype=torch.float32, output_loading_info=True
    )
    assert not info["missing_keys"] and not info["mismatched_keys"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, config=config)
    return tiny.logits(model.eval()), tokenizer(TEXT)["input_ids"]


def same(folder, expected):
    """Whether our loader computes and reads as expected (`plain`)."""
    model, tokenizer = load(folder)
    return torch.equal(tiny.logits(model), expected[0]) and tokenizer(TEXT)["input_ids"] == expected[1]


@settings
@given(mutated(sorted(tiny.MODELS)))
def test_a_mutated_checkpoint_is_refused_by_name_or_read_as_transformers_reads_it(tmp_path_factory, example):
    base = tmp_path_factory.getbasetemp()
    origin, folder = base / "origin", base / "tiny"
    write(origin, example.held)
    family = family_of(example.kind.removesuffix("-tied"))
    try:
        fetch_model(row(origin, family=family), folder, lock_path=base / "lock.json")
    except InputError as error:
        event("refused")
        assert not (folder / "source.json").exists()
        assert named(str(error), origin, folder), f"names no file: {error}"
        return
    event("let in")
    assert same(folder, plain(origin, family))


def named(text: str, *folders: Path) -> bool:
    """Whether an error says which file or folder is meant."""
    return any(str(folder) in text for folder in folders)


def test_every_kind_is_let_in_as_it_is(tmp_path):
    for kind in tiny.MODELS:
        for shards in (1, 2):
            write(tmp_path / "origin", dict(checkpoint(kind, shards)))
            family = family_of(kind.removesuffix("-tied"))
            fetch_model(row(tmp_path / "origin", family=family), tmp_path / "tiny", lock_path=tmp_path / "lock.json")
            assert same(tmp_path / "tiny", plain(tmp_path / "origin", family))
