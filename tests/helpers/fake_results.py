"""A small made-up results folder with every file that aggregate reads, by the contract's schema. For tests only."""

import zlib

import numpy as np
import pyarrow as pa

from knowcost import compress
from knowcost.aggregate import tables
from knowcost.aggregate.job import Settings
from knowcost.common import parquet, paths, seal
from knowcost.score import STAGE_VERSION
from knowcost.score.cells import weights_of
from knowcost.spec import levels, variants

SETTINGS = Settings(tolerance=0.05, margin=1)
LOSS = {"overall": 1.0, "attention": 0.35, "feed_forward": 0.7, "final": 0.5, "self_attention": 0.15,
        "cross_attention": 0.25, "encoder_attention": 0.1, "decoder_attention": 0.3}  # fmt: skip
INT8 = {"overall": 0.3, "attention": 0.0, "feed_forward": 0.12}
SCHEMA = pa.schema(
    [("id", pa.string()), ("relation", pa.string()), ("answer", pa.string()), ("prediction", pa.string()),
     ("correct", pa.bool_()), ("rank", pa.int32()), ("logprob", pa.float32()),
     ("choice_logprobs", pa.list_(pa.float32())), ("top_logprob", pa.float32()),
     ("unprompted", pa.bool_()), ("again", pa.bool_())]
)  # fmt: skip
SIZES = {"overall": 86_000_000, "attention": 21_000_000, "feed_forward": 65_000_000, "final": 23_000_000}
SIZES |= {"self_attention": 12_000_000, "cross_attention": 9_000_000, "encoder_attention": 8_000_000,
          "decoder_attention": 13_000_000}  # fmt: skip
TOTAL = 109_000_000


def slugs(family, levels=(20, 40, 60, 80), lost=False):
    """The grid of the paper, with fewer levels; lost: with final layers as the published code lost them."""
    three = ["overall", "attention", "feed_forward"]
    parts = ["self_attention", "cross_attention", "encoder_attention", "decoder_attention"]
    scopes = three + parts * (family == "encoder_decoder")
    made = ["dense"]
    made += [f"magnitude-{level}@{scope}" for scope in scopes for level in levels]
    made += [f"int8@{scope}" for scope in scopes]
    made += [f"magnitude-{level}@{scope}+int8@{scope}" for scope in scopes for level in levels[:2]]
    final = [f"{method}-{level}@final" for method in ("magnitude", "magnitude_structured") for level in levels[:2]]
    return made + final + [f"{slug}+lost@final" for slug in final if lost and family in QUESTIONS]


def survival(slug, harm=1.0):
    """Share of known facts that a made-up model still knows: gentle at first, then a cliff, as in the papers."""
    share = 1.0
    for step in variants.parse(slug).steps:
        if step.method == "lost":
            share *= 0.1
        elif step.method == "int8":
            share *= 1 - harm * INT8.get(step.scope, 0.03)
        else:
            sparsity = step.level / 100 * (1.5 if step.method.endswith("structured") else 1)
            share *= 1 - LOSS[step.scope] / (1 + np.exp(-14 * (sparsity - 0.5) * harm))
    return share


def write_benchmark(path, name, kind, rows, dropped=None):
    """A benchmark parquet from a dict of columns."""
    about = {"name": name, "format": kind, "kind": kind, "rows": len(rows["id"]), "dropped": dropped or {}}
    about["source_sha256"] = {f"{name}.jsonl": "ab" * 32}
    nothing = [None] * len(rows["id"])
    alone = {"phrasing": nothing, "popularity": nothing, "stated_in": nothing}
    rows = {"cluster": rows["id"], "fact": rows["id"]} | alone | rows
    parquet.write(path, pa.table(rows), about)
    return path


def write_scores(path, rows, **about):
    """A scores parquet from a list of dicts; missing columns are null."""
    columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
    metadata = {
        "kind": "cloze",
        "limit": None,
        "asked": len(rows),
        "dropped": {},
        "version": STAGE_VERSION,
        **about,
    }
    parquet.write(path, pa.table(columns, schema=SCHEMA), metadata | asked_of(path))
    return path


def asked_of(path):
    """What a cell at this path says it was asked of: the weights and the benchmark that lie beside it."""
    results = path.parents[3].parent
    model, variant, benchmark = paths.cell_at(path)
    manifest = seal.read_json(results / paths.manifest(model, variant))
    digest = seal.check(results / paths.benchmark(benchmark))
    return {"weights": weights_of(manifest), "benchmark_sha256": digest}


def manifest(model, variant, family, **more):
    """A manifest as the compress stage writes it, its sizes from the slug."""
    steps = variants.parse(variant).steps
    removed = {step: percent for step in steps if (percent := levels.percent(step.level))}
    zeros = sum(SIZES[step.scope] * percent // 100 for step, percent in removed.items())
    quantized = sum(SIZES[s.scope] for s in steps if s.method == "int8")
    scopes = SIZES if family == "encoder_decoder" else {k: v for k, v in SIZES.items() if "_attention" not in k}
    names = {step.scope for step in removed}
    scope = {k: {"parameters": v, "zeros": zeros * (k in names), "sparsity": zeros / v * (k in names)}
             for k, v in scopes.items()}  # fmt: skip
    touched = max((SIZES[step.scope] for step in steps), default=0)
    return {
        "model": model, "variant": variant, "family": family, "architecture": "bert",
        "stage_version": compress.STAGE_VERSION,
        "steps": [str(s) for s in steps],
        "parameters": {"total": TOTAL, "touched": touched, "scope": scope},
        "bytes": {"disk": 4 * TOTAL, **_bytes(touched, zeros, 1 if quantized else 4)},
        "base": {"source": f"x/{model}", "commit": "0123456789abcdef" * 2, "files": {"model.safetensors": "cd" * 32}},
        "files": {"model.safetensors": {"sha256": "ef" * 32, "size": 4 * TOTAL}},
        "archive": {"keep": "full", "files": {"model.safetensors": {"sha256": "ef" * 32, "size": 4 * TOTAL}}},
    } | more  # fmt: skip


def _bytes(touched, zeros, width):
    """What a manifest says of float32 weights of which `touched` take so many bytes each, with a bitmask if that is
    less."""
    dense = "int8" if width == 1 else "dense"
    sizes = {
        dense: width * touched,
        "int8 with bitmask" if width == 1 else "bitmask": touched // 8 + width * (touched - zeros),
    }
    name = min(sizes, key=sizes.get)
    formats = {"dense": 4 * (TOTAL - touched)}
    formats[name] = formats.get(name, 0) + sizes[name]
    loaded = 4 * (TOTAL - touched) + width * touched
    return {"real": sum(formats.values()), "loaded": loaded, "formats": formats, "format": name}


MODELS = {"tiny-bert": "encoder", "small-bert": "encoder", "tiny-t5": "encoder_decoder", "tiny-llama": "decoder"}
QUESTIONS = ("encoder_decoder", "decoder")
RELATIONS = ("born_in", "works_for", "speaks")


BENCHMARKS = {  # name: (kind, who is asked, share that the dense model knows)
    "places": ("cloze", ("encoder",), 0.62), "people": ("cloze", ("encoder",), 0.35),
    "trades": ("question", QUESTIONS, 0.7), "sense": ("piqa", QUESTIONS, 0.68),
}  # fmt: skip
THE_PAPERS = {
    "trex": ("cloze", ("encoder",), 0.3), "google-re": ("cloze", ("encoder",), 0.1),
    "boolq": ("question", QUESTIONS, 0.78), "piqa": ("piqa", QUESTIONS, 0.7),
    "trex@published": ("cloze", ("encoder",), 0.2),
}  # fmt: skip


def make(folder, models=MODELS, facts=200, levels=(20, 40, 60, 80), limit=None, benchmarks=BENCHMARKS, lost=False):
    """Write the folder and return (cells, manifest paths, benchmark paths), as the rule passes them."""
    files = [_benchmark(folder, name, kind, facts) for name, (kind, _, _) in benchmarks.items()]
    cells, manifests = [], []
    for place, (model, family) in enumerate(models.items()):
        for slug in slugs(family, levels, lost):
            path = folder / paths.manifest(model, slug)
            seal.write_json(path, manifest(model, slug, family))
            manifests.append(path)
            for name, (kind, families, known) in benchmarks.items():
                if family in families:
                    cell = folder / paths.scores(model, slug, name)
                    rows = _rows(name, kind, known, survival(slug, 1 + 0.15 * place), facts, model, slug)[:limit]
                    write_scores(cell, rows, model=model, variant=slug, benchmark=name, kind=kind, limit=limit)
                    cells.append(cell)
    return cells, manifests, files


def _benchmark(folder, name, kind, facts):
    ids = [f"{name}-{i}" for i in range(facts)]
    if kind == "piqa":
        rows = {
            "id": ids,
            "relation": [None] * facts,
            "goal": ["do"] * facts,
            "sol1": ["a"] * facts,
            "sol2": ["b"] * facts,
        }
        rows["label"] = [int(i % 2 == 0) for i in range(facts)]
    else:
        text = "cloze" if kind == "cloze" else "question"
        rows = {"id": ids, "relation": [RELATIONS[i % 3] for i in range(facts)], text: ["x [MASK] ."] * facts}
        rows["answer"] = [f"answer{i * i % 7}" for i in range(facts)]
        choices = [[f"answer{i}" for i in range(7)]] * facts
        rows["candidates"] = pa.nulls(facts, pa.list_(pa.string())) if kind == "cloze" else choices
    return write_benchmark(folder / paths.benchmark(name), name, kind, rows, dropped={"several masks": 3})


def _rows(name, kind, known, share, facts, model, slug):
    """Facts are forgotten in a fixed order with a little noise; multiple choice falls to chance, not to 0."""
    order = np.random.default_rng(zlib.crc32(f"{name}{model}".encode())).permutation(facts)
    noise = np.random.default_rng(zlib.crc32(f"{name}{model}{slug}".encode()))
    chance = {"cloze": 0.0, "question": 0.25, "piqa": 0.5}[kind]
    level = chance + (known - chance) * share
    right = order < level * facts
    flips = noise.random(facts) < (0.0 if slug == "dense" else 0.02)
    right = right ^ (flips & (np.abs(order - level * facts) < 0.1 * facts))
    rows = []
    for i, correct in enumerate(right.tolist()):
        row = {"id": f"{name}-{i}", "answer": f"answer{i * i % 7}", "prediction": "p", "correct": correct}
        if slug == "dense" or slug.startswith("int8"):
            row["again"] = correct ^ (slug != "dense" and i % 50 == 0)
        row["logprob"] = -0.1 - float(order[i]) / facts  # the first to be forgotten are those known least firmly
        row["top_logprob"] = row["logprob"]
        if kind == "piqa":
            row["choice_logprobs"] = [row["logprob"], -2.0]
        else:
            row["relation"] = RELATIONS[i % 3]
        if kind == "cloze":
            row["rank"] = 1 if correct else int(noise.integers(2, 40))
        rows.append(row)
    return rows


def cell(model, slug, benchmark, dense, accuracy, **more):
    """One row for drops.scores; accuracies are shares."""
    row = {"family": "encoder", "model": model, **tables.describe(slug), "benchmark": benchmark, "n": 100}
    row |= {"dense_accuracy": dense, "accuracy": accuracy, "majority": None, "bytes_saved_percent": 10.0}
    if slug != "dense":
        points = 100 * (dense - accuracy)
        row |= {"drop_points": points, "drop_low": points - 3, "drop_high": points + 3, "kept_percent": 96.0}
    return row | more
