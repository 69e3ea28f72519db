"""Made-up answers that are texts: benchmarks, cells and manifests as aggregate reads them. For tests only.

A token is a word, and its id the word's place in VOCABULARY.
"""

import pyarrow as pa

from helpers import fake_results
from knowcost.common import parquet, paths, seal
from knowcost.score import STAGE_VERSION
from knowcost.score.rows import AGAIN, ENDED, LENGTH, TEXTS

END = 0
VOCABULARY = ["</s>"]
SCHEMA = TEXTS
for _name, _again in AGAIN.items():
    SCHEMA = SCHEMA.append(pa.field(_again, TEXTS.field(_name).type))


def answer(id, text, turn=1, again=None):
    """A row; a text that ends in "..." was cut at the length limit; again: what is written when asked once more."""
    row = {"id": id, "turn": turn, "prompt_tokens": 5, "cut": 0, "seconds": 0.1, "chosen": None}
    row |= _written(text)
    return row | ({AGAIN[name]: value for name, value in _written(again).items()} if again is not None else {})


def _written(text):
    ended = not text.endswith("...")
    words = text.removesuffix("...").split()
    VOCABULARY.extend(word for word in dict.fromkeys(words) if word not in VOCABULARY)
    tokens = [VOCABULARY.index(word) for word in words] + [END] * ended
    return {"text": " ".join(words), "tokens": tokens, "ended": ENDED if ended else LENGTH}


def stories(root, name, rows):
    """A benchmark of kind `summary` from {id: (size, highlights)}."""
    size, highlights = zip(*rows.values(), strict=True)
    columns = {"id": list(rows), "relation": size, "story": ["a b c"] * len(rows), "highlights": highlights}
    return fake_results.write_benchmark(root / paths.benchmark(name), name, "summary", columns)


def conversations(root, name, rows, clusters=None):
    """A benchmark of kind `conversation` from {id: (category, turns)}."""
    category, turns = zip(*rows.values(), strict=True)
    columns = {"id": list(rows), "relation": category, "turns": [["say"] * each for each in turns]}
    columns |= {"question": ["say"] * len(rows), "cluster": clusters or list(rows)}
    return fake_results.write_benchmark(root / paths.benchmark(name), name, "conversation", columns)


def archive(root, model, variant):
    """The manifest of a decoder."""
    path = root / paths.manifest(model, variant)
    seal.write_json(path, fake_results.manifest(model, variant, "decoder"))
    return path


def cell(root, model, variant, name, rows, **about):
    """A scores file of `answer`s, whose benchmark and manifest are there."""
    path = root / paths.scores(model, variant, name)
    asked, of_benchmark = parquet.read(root / paths.benchmark(name))
    relation = dict(zip(asked["id"].to_pylist(), asked["relation"].to_pylist(), strict=True))
    kind = of_benchmark["kind"]
    rows = [row | {"relation": relation[row["id"]]} for row in rows]
    said = {"model": model, "variant": variant, "benchmark": name, "kind": kind, "limit": None, "batch_plan": "one",
            "dropped": {}, "truncated": 0, "asked": len(rows), "version": STAGE_VERSION, "template": "published",
            "new_tokens": 64, "prompts_sha256": "ab" * 32}  # fmt: skip
    columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
    parquet.write(path, pa.table(columns, schema=SCHEMA), said | about | fake_results.asked_of(path))
    return path
