"""Archives of a checkpoint of Llama-7B's shapes, beside a plain copy of the same files.

    python perf/seven_b.py [--layers 32] [--check] [--work FOLDER]

Writes a checkpoint of random weights (float16, sharded) tensor by tensor: 0.5 GB and 0.4 GB for each layer; the work
folder must have room for two of them. Then, each in a process of its own with one thread: a copy of its files and their
sha256; the thresholds of nine levels; one archive of each kind, compressed, hashed and read back; one kept as changed
tensors, one as a recipe, and its export. CPU time and peak memory are those of the whole process. --check compares with
torch at one layer, which takes it 8 GB of memory.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import beside, say

LEVELS = [10, 20, 30, 40, 50, 60, 70, 80, 90]
HIDDEN, INNER, VOCABULARY = 4096, 11008, 32000
PRUNED = "magnitude-50@overall"
# (what is printed, slug, what is kept)
ARCHIVES = [
    ("dense", "dense", "full"),
    ("half of overall", PRUNED, "full"),
    ("int8 of overall", "int8@overall", "full"),
    ("20% of the final layer", "magnitude-20@final", "full"),
    ("40% of its rows", "magnitude_structured-40@final", "full"),
    ("half, changed tensors", PRUNED, "changed"),
    ("half, recipe", PRUNED, "recipe"),
]


def shapes(layers):
    """{tensor name: shape}, as in Llama-7B."""
    made = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for i in range(layers):
        layer = f"model.layers.{i}"
        made |= {f"{layer}.self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in "qkvo"}
        made |= {f"{layer}.mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        made[f"{layer}.mlp.down_proj.weight"] = (HIDDEN, INNER)
        made |= {f"{layer}.{name}_layernorm.weight": (HIDDEN,) for name in ("input", "post_attention")}
    return made | {"model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}


def make_model(folder, layers):
    """A fetched folder: random weights with Llama's initial deviation of 0.02, in shards of 2 GB."""
    from knowcost.common import files, paths, seal
    from knowcost.compress.archive import storage, write
    from knowcost.models import shard_files

    tensors = [_random(name, shape, seed) for seed, (name, shape) in enumerate(shapes(layers).items())]
    shards = shard_files.sharded(tensors, storage.parse_size("2GB"), "model")
    write.write_shards(shards, paths.INDEX, folder)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False}
    config |= {"hidden_size": HIDDEN, "intermediate_size": INNER, "vocab_size": VOCABULARY}
    config |= {"num_hidden_layers": layers, "num_attention_heads": 32, "dtype": "float16"}
    files.write_json(folder / "config.json", config)
    hashes = {path.name: files.describe(path) for path in sorted(folder.iterdir())}
    names = {tensor.name: [tensor.name] for tensor in tensors}
    seal.write_json(folder / paths.SOURCE, {"source": "bench", "files": hashes, "names": names})


def _random(name, shape, seed):
    import numpy as np

    from knowcost.models.checkpoint import BLOCK, Tensor

    def blocks():
        generator = np.random.default_rng(seed)
        for first in range(0, tensor.size, BLOCK):
            values = generator.standard_normal(min(BLOCK, tensor.size - first), dtype=np.float32)
            yield (values * np.float32(0.02)).astype(np.float16)

    tensor = Tensor(name, "F16", shape, blocks)
    return tensor


def copy(model, out):
    for path in model.iterdir():
        shutil.copyfile(path, out / path.name)


def digests(model, out):
    from knowcost.common import files

    for path in model.iterdir():
        files.sha256(path)


def thresholds(model, out):
    from knowcost.compress.archive import make as archive

    archive.make_thresholds(model, [("paper", "overall", LEVELS), ("paper", "final", LEVELS)], out / "thresholds.json")


def compress(model, out, slug, kept):
    from knowcost.compress.archive import make as archive
    from knowcost.compress.archive import storage

    inputs = archive.Inputs(model, out.parent / "thresholds/thresholds.json")
    archive.make_archive("bench", slug, inputs, out, storage.Keep(kept))


def export(model, out):
    from knowcost.compress.archive import rebuild

    rebuild.export(out.parent / f"{PRUNED}-recipe", model, out, of=("bench", PRUNED))


WAYS = {"copy": copy, "digests": digests, "thresholds": thresholds, "compress": compress, "export": export}


def measure(way, *arguments):
    """{"wall", "cpu" (seconds), "memory" (MB)} of a fresh process that runs one of WAYS."""
    command = [sys.executable, __file__, "--way", way, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(run.stdout.splitlines()[-1])


def run_way(way, model, out, *more):
    from knowcost.common import heap

    heap.keep_freed()  # as every job does
    start = time.perf_counter()
    Path(out).mkdir(exist_ok=True)
    WAYS[way](Path(model), Path(out), *more)
    used = resource.getrusage(resource.RUSAGE_SELF)
    wall = time.perf_counter() - start
    print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}))


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e9


def compare(layers, work, check):
    model = work / "model"
    subprocess.run([sys.executable, __file__, "--make", model, "--layers", str(layers)], check=True)
    number = sum(rows * (columns[0] if columns else 1) for rows, *columns in shapes(layers).values())
    print(f"{layers} layers, {number / 1e9:.2f} billion parameters, {size(model):.1f} GB of float16")
    print(f"{'':24}{'wall s':>8}{'CPU s':>8}{'MB':>7}{'of copy and sha256: wall, CPU':>32}{'GB on disk':>12}")
    plain = copied(model, work)
    show("nine thresholds", measure("thresholds", model, work / "thresholds"), plain)
    for what, slug, kept in ARCHIVES:
        out = work / f"{slug}-{kept}"
        show(what, measure("compress", model, out, slug, kept), plain, out)
        if check and kept == "full":
            subprocess.run([sys.executable, __file__, "--way", "check", model, out, slug], check=True)
        if kept != "recipe":
            shutil.rmtree(out)
    show("export of the recipe", measure("export", model, work / "exported"), plain, work / "exported")
    shutil.rmtree(work / "exported")
    copied(model, work)  # once more, to see how steady the machine is


def copied(model, work):
    """{"wall", "cpu"} of a copy and the sha256 of the same files."""
    copy = measure("copy", model, work / "copy")
    show("copy", copy)
    shutil.rmtree(work / "copy")
    hashed = measure("digests", model, work / "digests")
    show("sha256", hashed)
    return {key: copy[key] + hashed[key] for key in ("wall", "cpu")}


def show(what, used, plain=None, out=None):
    ratios = f"{used['wall'] / plain['wall']:.2f}, {used['cpu'] / plain['cpu']:.2f}" if plain else ""
    disk = f"{size(out):.6f}" if out else ""
    if plain:
        say(beside(f"7B's shapes, {what}, beside copy and sha256", used["cpu"], plain["cpu"], "s of CPU"))
    print(f"{what:24}{used['wall']:8.1f}{used['cpu']:8.1f}{used['memory']:7.0f}{ratios:>32}{disk:>12}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=1, help="32 is the whole of a 7B")
    parser.add_argument("--check", action="store_true", help="compare every kind of archive with torch's result")
    parser.add_argument("--work", type=Path, help="where to make a temporary folder")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        return make_model(options.make, options.layers)
    if options.way and options.way[0] == "check":
        from seven_b_torch import check

        return check(*options.way[1:])
    if options.way:
        return run_way(*options.way)
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        os.environ["TMPDIR"] = temporary  # scratch folders too
        compare(options.layers, Path(temporary), options.check)


if __name__ == "__main__":
    main()
