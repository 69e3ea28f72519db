"""Which engine is asked: that of the benchmark's kind, and a model's own where a cloze is filled or gone on with."""

import pytest
import torch
import transformers
from helpers import questions, tiny

from knowcost.benchmarks.kinds import KINDS
from knowcost.score import ask as asking
from knowcost.score.measures import MEASURES
from knowcost.score.plan import Plan

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
    rows, about = asking.ask(questions.make_llama(), questions.word_tokenizer(), path, None, PLAN)
    assert about["kind"] == kind and about["batch_plan"].startswith(says)
    measured = MEASURES[KINDS[kind].measure]
    assert rows.select(measured.schema.names).schema.remove_metadata() == measured.schema


@pytest.mark.parametrize("kind", ["cloze", "cloze_published"])
def test_encoders(tmp_path, kind):
    torch.manual_seed(0)
    model = tiny.fetched("bert", tmp_path / "m")
    path = questions.write(tmp_path / "b.parquet", kind, CLOZE)
    rows, about = asking.ask(model, transformers.AutoTokenizer.from_pretrained(tmp_path / "m"), path, None, PLAN)
    assert about["kind"] == kind and len(rows) == 2 and (rows["rank"].null_count == 2) == (kind == "cloze_published")
    assert MEASURES[KINDS[kind].measure].summary(rows) == f"{sum(rows['correct'].to_pylist())} of 2 facts right"
