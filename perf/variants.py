"""Ten variants of a Llama of random weights, compressed and loaded to be scored, in three ways.

    python perf/variants.py [--layers 8] [--width 1536] [--short] [--work FOLDER]

`full`: archives kept in full, each hashed and loaded from its folder. `scratch`, as recipes were used before: the full
checkpoint is written and read back in a scratch folder when the variant is compressed, and once more when it is scored,
and loaded from there. `in place`: nothing is written but manifests, and one model in memory becomes one variant after
another. Each way runs in a process of its own with one thread; CPU time is that of compressing and loading, bytes are
those that the process itself read and wrote (/proc/self/io; what torch maps from a file is not counted), memory is the
process's most. By default 1.2 GB in float32; --short: 0.13 GB. The work folder needs room for four of them. Fails if a
weight of a variant differs between two ways.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from machine import told
from made_up import save_model
from pruning import make_model
from rows import beside, say, table

SHORT = (8, 512)
LEVELS = {"overall": [20, 40, 60, 80], "attention": [20, 40, 60], "feed_forward": [20, 40, 60]}
SLUGS = [f"magnitude-{level}@{scope}" for scope, levels in LEVELS.items() for level in levels]
HEAD = ("", "CPU s", "GB written", "GB read", "MB at most")


@contextmanager
def compressed(slug, mode):
    """The manifest and folder of a variant's archive, which is removed afterwards."""
    from knowcost.common import paths
    from knowcost.compress.archive import make, storage

    out = Path(paths.archive_dir("llama", slug))
    inputs = make.Inputs(Path(paths.model_dir("llama")), Path(paths.thresholds("llama")))
    make.make_archive("llama", slug, inputs, out, storage.Keep(mode))
    try:
        yield storage.verify(out, ("llama", slug)), out
    finally:
        shutil.rmtree(out)


def full(clock):
    from knowcost.models.load import load

    for slug in SLUGS:
        with clock, compressed(slug, "full") as (_, folder):
            module, _ = load(folder, device="cpu")
        yield module


def scratch(clock):
    from knowcost.common import paths
    from knowcost.compress.archive import rebuild
    from knowcost.models.load import load

    for slug in SLUGS:
        with clock:
            with compressed(slug, "full") as (manifest, folder):
                pass
            manifest["archive"] |= {"keep": "recipe", "files": {}}
            with rebuild.full(manifest, folder, Path(paths.model_dir("llama"))) as whole:
                module, _ = load(whole, device="cpu")
        yield module


def in_place(clock):
    from knowcost.score.cells import Settings
    from knowcost.score.loaded import Loader

    options = {"device": "cpu", "int8_engine": "knowcost", "int8_activations": "batch"}
    loader = Loader("llama", Settings(options))
    for slug in SLUGS:
        with clock, compressed(slug, "recipe") as (manifest, _):
            module = loader.load(manifest).module
        yield module


WAYS = {"full": full, "scratch": scratch, "in place": in_place}


class Clock:
    """CPU seconds and bytes within its blocks."""

    def __init__(self):
        self.used = {"cpu": 0.0, "wchar": 0, "rchar": 0}

    def __enter__(self):
        self._before = self._now()

    def __exit__(self, *_):
        self.used = {key: self.used[key] + value - self._before[key] for key, value in self._now().items()}

    def _now(self):
        lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
        said = {name: int(value) for name, value in (line.split(": ") for line in lines)}
        return {"cpu": time.process_time(), "wchar": said["wchar"], "rchar": said["rchar"]}


def run_way(way):
    """Print what a way took, and digests of the variants' weights as the models have them."""
    import torch

    import knowcost.score.loaded  # noqa: F401 - what all ways import, before the clock runs
    from knowcost.common import heap

    torch.set_num_threads(1)
    heap.keep_freed()  # as every job does
    clock = Clock()
    digests = []
    for module in WAYS[way](clock):
        digest = hashlib.sha256()
        for parameter in module.parameters():
            digest.update(parameter.detach().numpy().data)
        digests.append(digest.hexdigest())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(clock.used | {"memory": memory, "digests": digests}))


def prepare(layers, width):
    from knowcost.common import paths
    from knowcost.compress.archive import make

    model = Path(paths.model_dir("llama"))
    save_model(model, layers=layers, width=width)
    make_model(model)
    wanted = [("paper", scope, levels) for scope, levels in LEVELS.items()]
    make.make_thresholds(model, wanted, Path(paths.thresholds("llama")))


def measure(work, *arguments):
    """The last line that a fresh process prints which runs this script in a folder."""
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(work)}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=work)
    return (run.stdout.splitlines() or [""])[-1]


def compare(layers, width, work):
    from knowcost.common import paths

    measure(work, "--make", "--layers", str(layers), "--width", str(width))
    size = (work / paths.model_dir("llama") / paths.WEIGHTS).stat().st_size / 1e9
    used = {way: json.loads(measure(work, "--way", way)) for way in WAYS}
    assert len({tuple(each["digests"]) for each in used.values()}) == 1, "the ways load different weights"
    print(f"{told()}\nten variants of {size:.2f} GB, compressed and loaded, one thread; all weights equal")
    print(table(HEAD, [(way, *_amounts(each)) for way, each in used.items()]))
    ours = used["in place"]
    for way, called in (("full", "archives kept in full"), ("scratch", "checkpoints in a scratch folder")):
        theirs, what = used[way], f"ten variants in place, beside {called}"
        written = beside(f"{what}, bytes written", ours["wchar"] / 1e9, theirs["wchar"] / 1e9, "GB", 10)
        read = beside(f"{what}, bytes read", ours["rchar"] / 1e9, theirs["rchar"] / 1e9, "GB")
        say(beside(f"{what}, CPU", ours["cpu"], theirs["cpu"], "s", 2), written, read)


def _amounts(used):
    return f"{used['cpu']:.1f}", f"{used['wchar'] / 1e9:.2f}", f"{used['rchar'] / 1e9:.2f}", f"{used['memory']:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=1536, help="a multiple of 64")
    parser.add_argument("--short", action="store_true", help="a tenth of that")
    parser.add_argument("--work", type=Path, help="where to make a temporary folder")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        return run_way(options.way)
    if options.make:
        return prepare(options.layers, options.width)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        compare(*(SHORT if options.short else (options.layers, options.width)), Path(work))


if __name__ == "__main__":
    main()
