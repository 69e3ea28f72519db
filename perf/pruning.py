"""Nine levels of global pruning, ours against the published way and a plain copy, on the same weights in one run.

    python perf/pruning.py [--model FOLDER] [--levels 10 20 ...]

The published way (Namburi et al. 2023): per level, load the model, torch.nn.utils.prune.global_unstructured over all
linear layers but the last, prune.remove, save_pretrained. Ours: exact thresholds of all levels from one streaming pass,
then one archive per level, `full` (written, hashed and read back) or `recipe` (hashed; nothing is written but its
manifest). Both take the sha256 of the full checkpoint's files, and quick digests of their base for each archive and of
each changed tensor. The copy:
per level, shutil.copyfile of the checkpoint, and the sha256 of what was copied. All include reading and writing the
files. Each way runs in a process of its own with one thread; CPU time and peak memory are those of the whole process.
Fails if the published way and `full` differ in a number of zeros, or `full` and `recipe` in a digest.
"""

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import beside, say, table

LEVELS = [10, 20, 30, 40, 50, 60, 70, 80, 90]


def make_model(folder):
    """A fetched model: what is in the folder, else a BERT-base of random weights (110 million parameters, float32)."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    from knowcost.common import files, paths, seal
    from knowcost.fetch import config, weights
    from knowcost.models.checkpoint import Checkpoint

    if not folder.exists():
        torch.manual_seed(0)
        BertForMaskedLM(BertConfig()).save_pretrained(folder)
    names = weights.fills(Checkpoint(folder), config.described_model(folder))
    held = [path for path in folder.iterdir() if not path.name.startswith(paths.SOURCE)]
    hashes = {path.name: {"sha256": files.sha256(path)} for path in held}
    seal.write_json(folder / paths.SOURCE, {"source": "bench", "files": hashes, "names": names})


def published(folder, out, levels):
    import torch
    from torch.nn.utils import prune
    from transformers import AutoModelForMaskedLM

    torch.set_num_threads(1)
    for level in levels:
        model = AutoModelForMaskedLM.from_pretrained(folder)
        head = model.get_output_embeddings()
        layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
        prune.global_unstructured([(m, "weight") for m in layers], prune.L1Unstructured, amount=level / 100)
        for layer in layers:
            prune.remove(layer, "weight")
        model.save_pretrained(out / str(level))


def copied(folder, out, levels):
    for level in levels:
        (out / str(level)).mkdir()
        for path in folder.iterdir():
            shutil.copyfile(path, out / str(level) / path.name)
            with (out / str(level) / path.name).open("rb") as f:
                hashlib.file_digest(f, "sha256")


def ours(folder, out, levels, mode):
    from knowcost.common import heap
    from knowcost.compress.archive import make as archive
    from knowcost.compress.archive.storage import Keep

    heap.keep_freed()  # as every job does
    archive.make_thresholds(folder, [("paper", "overall", levels)], out / "thresholds.json")
    inputs = archive.Inputs(folder, out / "thresholds.json")
    for level in levels:
        archive.make_archive("bench", f"magnitude-{level}@overall", inputs, out / str(level), Keep(mode))


def full(folder, out, levels):
    ours(folder, out, levels, "full")


def recipe(folder, out, levels):
    ours(folder, out, levels, "recipe")


WAYS = {"published": published, "copied": copied, "full": full, "recipe": recipe}


def same_zeros(one, other, levels):
    """Whether both wrote the same number of zeros at every level."""
    from knowcost.compress.methods.magnitude import count_zeros
    from knowcost.models.checkpoint import Checkpoint

    def zeros(folder):
        tensors = Checkpoint(folder).tensors
        return sum(count_zeros(tensor) for tensor in tensors.values() if tensor.module)

    return all(zeros(one / str(level)) == zeros(other / str(level)) for level in levels)


def same_digests(one, other, levels):
    """Whether both say the same of every file of the full checkpoints."""
    from knowcost.common import files, paths

    said = ([files.read_json(each / str(level) / paths.MANIFEST)["files"] for level in levels] for each in (one, other))
    return next(said) == next(said)


def measure(way, folder, out, levels):
    """{"cpu": seconds, "memory": MB} of a fresh process that runs one way."""
    command = [sys.executable, __file__, "--way", way, "--model", folder, "--out", out, "--levels", *map(str, levels)]
    run = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder with config.json and safetensors of an encoder")
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS)
    parser.add_argument("--way", choices=["make", *WAYS], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way == "make":
        return make_model(options.model)
    if options.way:
        WAYS[options.way](options.model, options.out, options.levels)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(options, Path(temporary))


def compare(options, work):
    model = work / "model"
    if options.model:
        model.mkdir()
        for file in options.model.iterdir():
            (model / file.name).symlink_to(file.resolve())
    # In a process of its own: a child's peak memory counts from that of the process that started it.
    subprocess.run([sys.executable, __file__, "--way", "make", "--model", model], check=True, capture_output=True)
    used = {}
    for way in WAYS:
        (work / way).mkdir()
        used[way] = measure(way, model, work / way, options.levels)
    assert same_zeros(work / "published", work / "full", options.levels)
    assert same_digests(work / "full", work / "recipe", options.levels)
    print(f"pruning, {len(options.levels)} levels, files read and written, one thread; the same number of zeros")
    head = ("", "CPU s", "MB at most", "of the published way's CPU", "of the copy's CPU")
    cpu = {way: each["cpu"] for way, each in used.items()}
    shares = {way: [f"{cpu[way] / cpu[other]:.2f}" for other in ("published", "copied")] for way in used}
    print(table(head, [(way, f"{cpu[way]:.1f}", f"{used[way]['memory']:.0f}", *shares[way]) for way in used]))
    levels = f"{len(options.levels)} levels of pruning"
    say(
        beside(f"{levels}, full, beside the published way", cpu["full"], cpu["published"], "s of CPU"),
        beside(f"{levels}, full, beside copy and sha256", cpu["full"], cpu["copied"], "s of CPU", 0.5),
        beside(f"{levels}, recipe, beside copy and sha256", cpu["recipe"], cpu["copied"], "s of CPU", 1),
    )


if __name__ == "__main__":
    main()
