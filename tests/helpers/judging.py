"""A small study whose texts can be judged, in a folder: a benchmark and the cells of two variants. For tests only."""

import pyarrow as pa

from helpers.fake_results import write_benchmark
from knowcost.common import parquet, paths
from knowcost.score import STAGE_VERSION
from knowcost.score.rows import TEXTS

CATEGORIES = ("writing", "coding", "math")
VARIANT = "wanda-50@overall"
JUDGE = {"model": "judge", "second_model": None, "endpoint": None, "rubrics": ["mt_bench_pair"], "references": {},
         "temperature": 0, "reply_tokens": 64, "requests": 1000, "tokens": 1_000_000, "parallel": 2, "seconds": 20,
         "allow_self": False}  # fmt: skip


def chat(root, count=3, turns=2):
    """Write a benchmark `chat` of so many questions, one in each of CATEGORIES in turn."""
    ids = [f"q{i}" for i in range(count)]
    said = [[f"Question {i}?", f"And {i}?"][:turns] for i in range(count)]
    columns = {"id": ids, "relation": [CATEGORIES[i % 3] for i in range(count)], "turns": said,
               "question": [each[0] for each in said]}  # fmt: skip
    return write_benchmark(root / paths.benchmark("chat"), "chat", "conversation", columns)


def stories(root, count=3):
    """Write a benchmark `news` of so many stories."""
    columns = {"id": [f"s{i}" for i in range(count)], "relation": ["small"] * count,
               "story": [f"Story number {i}." for i in range(count)], "highlights": ["Short."] * count}  # fmt: skip
    return write_benchmark(root / paths.benchmark("news"), "news", "summary", columns)


def cell(root, texts, variant=VARIANT, benchmark="chat", model="m", again=None):
    """Write a scores file of texts {(id, turn): text}; again: the same, of what was written the second time."""
    rows = [
        {"id": id, "relation": None, "turn": turn, "text": text, "tokens": [1], "ended": "ended", "prompt_tokens": 1,
         "cut": 0, "seconds": 0.1, "chosen": None}
        for (id, turn), text in texts.items()
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=TEXTS)
    table = table.append_column("again", pa.array([(again or {}).get(at) for at in texts], pa.string()))
    about = {"model": model, "variant": variant, "benchmark": benchmark, "kind": "conversation", "asked": len(rows),
             "version": STAGE_VERSION, "dropped": {}}  # fmt: skip
    path = root / paths.scores(model, variant, benchmark)
    parquet.write(path, table, about)
    return paths.scores(model, variant, benchmark)


def study(root, count=3, turns=2):
    """Write `chat`, the dense model's cell and a variant's; returns the paths of the cells, relative to `root`."""
    chat(root, count, turns)
    at = [(f"q{i}", turn) for i in range(count) for turn in range(1, turns + 1)]
    dense = {(id, turn): f"dense {id} {turn}" for id, turn in at}
    ours = {(id, turn): f"ours {id} {turn} w" for id, turn in at}
    again = {(id, turn): f"again {id} {turn}" for id, turn in at}
    return [cell(root, dense, "dense", again=again), cell(root, ours)]
