"""What is made of a benchmark's questions once for all models of a job."""

import json

import pytest

from knowcost.benchmarks import prepared
from knowcost.common import seal
from knowcost.score.engines import lm_eval_tasks
from knowcost.score.engines.lm_eval_questions import Questions

COUNT = 5


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """HellaSwag's, whose documents the harness processes ("[title]" goes) before it asks them."""
    folder = tmp_path_factory.mktemp("questions")
    rows = [
        {"ind": i, "activity_label": "Rome", "ctx_a": f"city {i} [title] of", "ctx_b": "is", "label": str(i % 4),
         "endings": [f"in Italy {i}", "not [step] Bonn", "Oslo", "a capital"]}
        for i in range(COUNT)
    ]  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = folder / "rows.parquet"
    prepared.prepare({"name": "h", "format": "hellaswag"}, folder / "rows.jsonl", out)
    return lm_eval_tasks.task(str(out), seal.check(out))[1]


def test_documents_are_processed_once(task):
    assert task.eval_docs is task.eval_docs
    assert [doc["query"] for doc in task.eval_docs] == [f"Rome: city {i}. of Is" for i in range(COUNT)]


@pytest.mark.parametrize("documents", [range(2), range(COUNT), range(1, 3), range(3, COUNT)])
def test_of_the_first_questions_and_of_later_ones_the_requests_are_the_harness_s(task, documents):
    made = Questions(task, documents)
    task.build_all_requests()
    asked = [each for each in task.instances if each.doc_id in documents]
    assert [each.args for each in made.instances] == [each.args for each in asked]
    assert [each.doc_id + documents.start for each in made.instances] == [each.doc_id for each in asked]
    samples = made.samples([(-1.0 - each.idx, False) for each in asked])
    assert [sample["doc_id"] for sample in samples] == list(documents)
    assert [sample["doc"]["query"] for sample in samples] == [f"Rome: city {i}. of Is" for i in documents]
    assert [sample["acc"] for sample in samples] == [float(i % 4 == 0) for i in documents]
    assert made.digest == Questions(task, range(1)).digest  # whichever are asked
