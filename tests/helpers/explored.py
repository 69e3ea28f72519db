"""Made-up data of the page's explorer, of any size in seconds, and a reader of them that shares no code with their
writer."""

import base64
import gzip
import json
import struct

import numpy as np

from knowcost.aggregate.explore import parts
from knowcost.report.explored import LIMIT, explored

ANSWERS = 300  # distinct ones
LARGE = 10**9  # bytes of a dense model


def made_up(facts, variants, models=1, benchmarks=1, forgotten=0.2, seed=0):
    """(index without `parts`, parts) of so many facts per benchmark and variants per model, the dense one among them.

    Each variant's being right differs from the dense model's at `forgotten` of the facts.
    """
    rng = np.random.default_rng(seed)
    index, made = {"version": parts.VERSION, "benchmarks": [], "models": [], "left_out": []}, []
    right = []
    for number in range(benchmarks):
        answers = np.array([f"answer {each}" for each in rng.integers(0, ANSWERS, facts)], object)
        right.append(answers)
        questions = [f"Question {place} of {number}: which is number {answers[place][7:]}?" for place in range(facts)]
        ids = [f"b{number}-{place}" for place in range(facts)]
        relations = [f"relation {place % 40}" for place in range(facts)]
        kind = ("question", "cloze")[number % 2]  # asked for probabilities, and for ranks
        index["benchmarks"].append({"name": f"bench-{number}", "kind": kind, "facts": facts, "part": len(made)})
        made.append(parts.of_benchmark(parts.Texts(ids, questions, answers.tolist(), relations)))
    for number in range(models):
        asked = []
        for place, answers in enumerate(right):
            asked.append({"benchmark": place, "part": len(made)})
            measure = parts.MEASURES[place % 2 - 1]
            made.append(parts.of_model(None, answers, _said(answers, variants, forgotten, measure, rng), measure))
        model = {"name": f"model-{number}", "family": "decoder", "variants": _variants(variants), "asked": asked}
        index["models"].append(model)
    return index, made


def elements(index, made, limit=LIMIT):
    """(HTML of the script elements that a page has of these data, {name: script} of what lies beside it)."""
    placed = explored(index, made, limit)
    html = [f'<script type="application/json" id="explore-index">{placed.index}</script>']
    for place, text in placed.parts.items():
        html.append(f'<script type="application/octet-stream" id="explore-part-{place}">{text}</script>')
    return "\n".join(html) + "\n", placed.beside


def read(part):
    """(header, raw bytes) of a part, gzipped or in base64."""
    data = gzip.decompress(base64.b64decode(part) if isinstance(part, str) else part)
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def bits(header, raw, count):
    """{place of a variant: its `count` verdicts} of a model's part on a benchmark."""
    width = -(-count // 8)
    rows = [np.frombuffer(raw, np.uint8)[width * place :][:width] for place in range(len(header["variants"]))]
    assert len(raw) == width * len(rows)
    return {
        variant: np.unpackbits(row, count=count, bitorder="little").astype(bool)
        for variant, row in zip(header["variants"], rows, strict=True)
    }


def _said(answers, variants, forgotten, measure, rng):
    numbers = np.array([int(answer[7:]) for answer in answers])
    texts = np.array([f"answer {each}" for each in range(ANSWERS)], object)
    dense = rng.random(len(answers)) < 0.7
    found = []
    for variant in range(variants):
        change = rng.random(len(answers)) < forgotten if variant else np.zeros(len(answers), bool)
        rows = np.flatnonzero(change) if variant else np.arange(len(answers))
        right = dense ^ change
        wrong = (numbers[rows] + rng.integers(1, ANSWERS, len(rows))) % ANSWERS
        words = texts[np.where(right[rows], numbers[rows], wrong)]
        ranks = np.where(right[rows], 1, rng.integers(2, 50, len(rows)))
        found.append(parts.Said(variant, right, rows, words, ranks if measure == parts.RANK else 0.9 / ranks))
    return found


def _variants(count):
    levels = np.linspace(10, 90, max(count - 1, 1))
    slugs = ["dense"] + [f"magnitude-{level:g}@overall" for level in np.round(levels[: count - 1], 2)]
    words = ["dense"] + [f"everything pruned by {slug[10:-8]}%" for slug in slugs[1:]]
    return [
        {"slug": slug, "words": said, "bytes": int(LARGE / (1 + place / 10))}
        for place, (slug, said) in enumerate(zip(slugs, words, strict=True))
    ]
