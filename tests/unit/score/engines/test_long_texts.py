"""A text that is far too long is not tokenized as a whole, and nothing else comes of it than if it were."""

import json
import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pyarrow as pa
import pytest
from helpers.asking import rows_of
from helpers.masked import facts, make, make_tokenizer
from helpers.questions import FACTS, make_llama, make_t5, word_tokenizer, write
from transformers import PreTrainedTokenizerFast

from knowcost.common.parquet import KEY
from knowcost.models import tokenizers
from knowcost.models.tokenizers import beginning, encoded, ending
from knowcost.score.engines import cloze, cloze_published, perplexity
from knowcost.score.engines import lm_eval as harness

WORDS = "Rome is a city in Italy . Oslo and Lima , Paris say that all is well ( Peru ) "
LONG = WORDS * 1000  # 79,000 characters, 20,000 words
MOST = 30_000  # characters that are looked at in one text, with WHOLE as below


@pytest.fixture
def seen(monkeypatch):
    """The lengths of the texts that tokenizers get."""
    lengths = []
    real = PreTrainedTokenizerFast._encode_plus

    def see(self, text, *args, **options):
        lengths.extend(map(len, [text] if isinstance(text, str) else text))
        return real(self, text, *args, **options)

    monkeypatch.setattr(PreTrainedTokenizerFast, "_encode_plus", see)
    return lengths


@pytest.fixture
def same(seen, monkeypatch):
    """Ask twice: with texts of the length of these tests' still tokenized whole, and with only shorter ones. Returns
    what both give."""

    def check(engine, model, tokenizer, benchmark, **more):
        plain = rows_of(engine, model, tokenizer, benchmark, **more)
        assert max(seen) > MOST
        seen.clear()
        monkeypatch.setattr(tokenizers, "WHOLE", 200)
        bounded = rows_of(engine, model, tokenizer, benchmark, **more)
        assert max(seen) < MOST
        assert bounded[0].equals(plain[0]) and bounded[1] == plain[1]
        return bounded

    return check


@pytest.mark.parametrize("kind", ["words", "bytes", "pieces"])
def test_what_is_left_begins_or_ends_as_the_whole(kind, seen, monkeypatch):
    monkeypatch.setattr(tokenizers, "WHOLE", 200)
    tokenizer = make_tokenizer(kind)
    ids = tokenizer(LONG, add_special_tokens=False)["input_ids"]
    seen.clear()
    begun, ended = beginning(tokenizer, LONG, 50), ending(tokenizer, LONG, 50)
    assert max(seen) == len(begun) == len(ended) == 600  # 12 characters for each token
    assert tokenizer(begun, add_special_tokens=False)["input_ids"][:50] == ids[:50]
    assert tokenizer(ended, add_special_tokens=False)["input_ids"][-50:] == ids[-50:]
    assert beginning(tokenizer, LONG[:600], 50) == LONG[:600]
    assert beginning(tokenizer, LONG, float("inf")) == LONG


def test_as_much_is_looked_at_as_it_takes(monkeypatch):
    """10,000 blanks are no token, so the words behind them may still fit."""
    monkeypatch.setattr(tokenizers, "WHOLE", 200)
    tokenizer = make_tokenizer("words")
    blanks = " " * 10_000
    assert beginning(tokenizer, f"Rome {blanks} is", 5) == f"Rome {blanks} is"
    assert ending(tokenizer, f"Rome {blanks} is", 5) == f"Rome {blanks} is"
    found = beginning(tokenizer, blanks + LONG, 5)
    assert len(blanks) < len(found) < 2.1 * len(blanks)


def test_texts_are_tokenized_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(tokenizers, "AT_ONCE", 2)
    tokenizer, texts = make_tokenizer("words"), ["Rome", "is a city", "in Italy"]
    plain = tokenizer(texts)
    batches = []
    monkeypatch.setattr(
        PreTrainedTokenizerFast,
        "_encode_plus",
        lambda self, text, *args, real=PreTrainedTokenizerFast._encode_plus, **options: (
            batches.append(len(text)) or real(self, text, *args, **options)
        ),
    )
    assert [each["input_ids"] for each in encoded(tokenizer, texts)] == plain["input_ids"]
    assert batches == [2, 1]
    assert list(encoded(tokenizer, [])) == []


@pytest.mark.parametrize("architecture", ["bert", "roberta", "albert"])
def test_a_cloze_and_words_for_it(same, architecture):
    table = facts(
        (f"{LONG}is in [MASK] .", "Italy"),
        ("Rome is a city in [MASK] .", LONG),
        ("Rome is a city in [MASK] .", "Italy", ["Peru", "Italy", LONG]),
        ("Rome is a city in [MASK] .", "Italy"),
    )
    _, about = same(cloze, *make(architecture), table)
    assert about["dropped"]["too_long"] == about["dropped"]["answer_not_one_token"] == 1
    assert about["asked"] >= 1


def test_a_published_cloze(same):
    rows = [(f"Rome is in [MASK] . {LONG}", "Italy"), (f"{LONG}is in [MASK] .", "Italy"), ("[MASK] .", LONG)]
    table = facts(*rows).replace_schema_metadata({KEY: b'{"kind": "cloze_published"}'})
    rows, about = same(cloze_published, *make("bert", positions=130), table)
    assert rows["id"].to_pylist() == ["f0", "f2"] and about["dropped"] == {"mask_cut_off": 1}


@pytest.mark.parametrize("make_model", [make_llama, make_t5])
@pytest.mark.parametrize(
    ("kind", "long", "truncated"),
    [
        ("question", {"question": f"{LONG}?", "answer": "Rome", "candidates": ["Rome", "Oslo"]}, 2),
        ("question", {"question": "?", "answer": "Rome", "candidates": ["Rome", LONG]}, 0),
        ("triviaqa_closed", {"question": f"{LONG}?", "answers": ["Rome"]}, 1),
    ],
)
def test_a_prompt_and_an_answer(same, tmp_path, make_model, kind, long, truncated):
    usual = FACTS.get(kind, [{"question": "capital of Italy ?", "answers": ["Rome"]}])
    path = write(tmp_path / "f.parquet", kind, [usual[0], long])
    model = make_model()
    _, about = same(harness, model, word_tokenizer(ending=model.config.is_encoder_decoder), path)
    assert about["truncated"] == truncated
    assert about["dropped"] == ({} if truncated else {"too_long": 1})


@pytest.mark.parametrize("kind", ["text", "lines"])
def test_a_running_text_and_a_line(same, monkeypatch, kind):
    monkeypatch.setattr(perplexity, "MOST", 5)
    rows = [{"id": str(i), "relation": None, "text": text} for i, text in enumerate(["Rome is big", LONG])]
    columns = {name: pa.string() for name in ("id", "relation", "text")}
    table = pa.Table.from_pylist(rows, schema=pa.schema(columns, metadata={KEY: json.dumps({"kind": kind})}))
    asked, about = same(perplexity, make_llama(), word_tokenizer(), table)
    assert len(asked) == (5 if kind == "text" else 1)
    assert about["dropped"] == ({} if kind == "text" else {"too_long": 1})
