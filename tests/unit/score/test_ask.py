"""Which engine is asked: that of the benchmark's kind, and a model's own where a cloze is filled or gone on with."""

import pytest
import torch
import transformers
from helpers import questions, tiny
from helpers.asking import respondent

from knowcost.benchmarks.kinds import HARNESS, KINDS
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.score import ask as asking
from knowcost.score import cells
from knowcost.score.engines import perplexity
from knowcost.score.measures import MEASURES
from knowcost.score.places import ALL
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent

PLAN = Plan(cloze_tokens=64, harness_tokens=64, generated_tokens=128, prompts=None, one_length=False)
CLOZE = [{"subject": None, "cloze": "w1 w2 [MASK]", "answer": "w9", "candidates": None}] * 2
TEXT = [{"text": "Rome is the capital of Italy"}, {"text": "Oslo is in Norway"}]
FACTS = questions.FACTS | {
    "lambada": TEXT,
    "lines": TEXT,
    "triviaqa_closed": [{"question": "Rome ?", "answers": ["no"]}],
}


@pytest.mark.parametrize(("kind", "says"), [
    ("cloze", "harness"), ("boolq", "harness"), ("lambada", "harness"), ("triviaqa_closed", "harness"),
    ("lines", "lines by themselves"),
])  # fmt: skip
def test_decoders(tmp_path, kind, says):
    path = questions.write(tmp_path / "b.parquet", kind, FACTS[kind])
    rows, about = asking.ask(respondent(questions.make_llama(), questions.word_tokenizer()), path, ALL, PLAN)
    assert about["kind"] == kind and about["batch_plan"].startswith(says)
    measured = MEASURES[KINDS[kind].measure]
    assert rows.select(measured.schema.names).schema.remove_metadata() == measured.schema


@pytest.mark.parametrize("kind", ["cloze", "cloze_published"])
def test_encoders(tmp_path, kind):
    torch.manual_seed(0)
    model = tiny.fetched("bert", tmp_path / "m")
    path = questions.write(tmp_path / "b.parquet", kind, CLOZE)
    who = respondent(model, transformers.AutoTokenizer.from_pretrained(tmp_path / "m"))
    rows, about = asking.ask(who, path, ALL, PLAN)
    assert about["kind"] == kind and len(rows) == 2 and (rows["rank"].null_count == 2) == (kind == "cloze_published")
    assert MEASURES[KINDS[kind].measure].summary(rows) == f"{sum(rows['correct'].to_pylist())} of 2 facts right"


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_a_cell_s_key_knows_the_engine_that_asks(tmp_path, family):
    """A decoder that a manifest calls an encoder is not quietly asked by the harness, of which the key says nothing."""
    path = questions.write(tmp_path / "b.parquet", "cloze", FACTS["cloze"])
    who = Respondent(questions.make_llama(), questions.word_tokenizer(), family)
    asked_by_harness = cells.harness("cloze", family) is not None
    assert asked_by_harness == (KINDS["cloze"].engine_for(family) == HARNESS) == (family == "decoder")
    if asked_by_harness:
        assert "harness" in asking.ask(who, path, ALL, PLAN)[1]
    else:
        with pytest.raises(InputError, match="no mask token"):
            asking.ask(who, path, ALL, PLAN)


def test_rows_that_are_not_their_measure_s_break_a_promise(tmp_path, monkeypatch):
    made = perplexity.ask
    monkeypatch.setattr(perplexity, "ask", lambda *args: (made(*args)[0].drop(["words"]), made(*args)[1]))
    path = questions.write(tmp_path / "b.parquet", "lines", TEXT)
    with pytest.raises(BrokenPromise, match=r"engines\.perplexity: rows of kind lines are not those of its measure"):
        asking.ask(respondent(questions.make_llama(), questions.word_tokenizer()), path, ALL, PLAN)


def test_only_rows_with_verdicts_are_asked_twice():
    assert MEASURES["accuracy"].repeated == {"correct": "again"} and MEASURES["writing"].repeated["text"] == "again"
    assert not MEASURES["perplexity"].repeated
