"""Cells whose answers are texts: keys, hand-over and int8, in a job."""

import dataclasses
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import questions, tiny, written

from knowcost.common import paths
from knowcost.compress.archive import make as archive
from knowcost.score import ask as asking
from knowcost.score import cells
from knowcost.score import job as score
from knowcost.score.rows import AGAIN, TEXTS

OPTIONS = {"tokens_per_batch": 512, "batch_size": "auto", "device": "cpu", "int8_engine": "knowcost",
           "int8_activations": "batch"}  # fmt: skip
GREEDY = {"temperature": 0.0, "top_p": 1.0, "seed": 0}
NAMES = ["talks", "prose"]


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A study of a tiny Llama, dense and in int8, with a benchmark of conversations and one of perplexity; the names
    of the benchmarks that are asked, in order."""
    monkeypatch.chdir(tmp_path)
    tiny.saved("llama", tmp_path / "model")
    (tmp_path / "model/chat_template.jinja").write_text(written.CHAT)
    tiny.write_source(tmp_path / "model")
    for slug in ("dense", "int8@overall"):
        archive.make_archive("m", slug, archive.Inputs(tmp_path / "model"), paths.archive_dir("m", slug))
    written.conversation(paths.benchmark("talks"), new_tokens=3)
    questions.write(paths.benchmark("prose"), "lines", [{"text": "w1 w2 w3"}, {"text": "w4 w5"}])
    calls, ask = [], asking.ask
    monkeypatch.setattr(asking, "ask", lambda *args, **more: calls.append(args[1]) or ask(*args, **more))
    return calls


def run(slug="dense", **changes):
    """The talks' (rows, metadata) of a variant, after both benchmarks were asked."""
    settings = cells.Settings(OPTIONS, limit=2, generation=GREEDY)
    score.score("m", [slug], NAMES, dataclasses.replace(settings, **changes))
    return cells.read(paths.scores("m", slug, "talks"))


def test_what_a_cell_of_texts_says_and_when_it_is_asked_anew(asked):
    rows, about = run()
    assert asked == [paths.benchmark(name) for name in NAMES]
    again = [TEXTS.field(name).with_name(column) for name, column in AGAIN.items()]
    assert rows.schema.remove_metadata() == pa.schema([*TEXTS, pa.field("place", pa.int32()), *again])
    assert all(rows[name] == rows[column] for name, column in AGAIN.items())
    assert rows["turn"].to_pylist() == [1, 2, 1, 2]
    assert about["sampling"] == GREEDY and about["asked"] == 4 and about["template"] == "the tokenizer's"
    run()
    assert len(asked) == 2
    cell = Path(paths.scores("m", "dense", "talks"))
    before = cell.read_bytes()
    cell.unlink()  # as Snakemake does after a job failed
    run()
    assert len(asked) == 2 and cell.read_bytes() == before
    for changed, times in (({"temperature": 0.7}, 3), ({"temperature": 0.7, "seed": 1}, 4), ({"top_p": 0.5}, 5)):
        _, about = run(generation=GREEDY | changed)
        assert asked[2:] == [paths.benchmark("talks")] * (times - 2)
        assert about["sampling"] == GREEDY | changed


def test_in_int8(asked):
    for activations in ("batch", "sentence"):
        rows, about = run("int8@overall", options=OPTIONS | {"int8_activations": activations})
        assert rows["again"].null_count == 0 and len(rows) == 4
        assert about["int8_activations"] == activations and about["template"] == "the tokenizer's"
        assert ("one length" in about["batch_plan"]) == (activations == "sentence")
    assert rows["again"] == rows["text"]
