"""Wanda, SparseGPT and GPTQ of a whole Llama, ours as the workflow runs them against the drivers of their authors.

    python perf/whole_model.py --model resources/models/NAME --windows results/NAME/calibration/c4.parquet \\
        --sparsegpt CHECKOUT --gptq CHECKOUT --wanda CHECKOUT

The model and its calibration windows are those of a run. Ours reads the checkpoint, solves every block, writes the
archive, reads it back, checks what it promises and hashes it; theirs loads the model, solves every block and saves it.
Each side has a process of its own with one thread; memory is the peak over what the imports take (Linux only).

Then both results are compared: the share of weights of the blocks on which they agree whether it is zero, the share
that differs by less than a thousandth of the layer's largest, and the perplexity of both on the first windows. Rounding
in one block moves borders in the next, so the shares are below those of single layers (exactness.py).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from solvers import memory

CASES = {
    "wanda-50": ("wanda", {"sparsity": 0.5}),
    "wanda-2of4": ("wanda", {"n": 2, "m": 4}),
    "sparsegpt-50": ("sparsegpt", {"sparsity": 0.5}),
    "sparsegpt-2of4": ("sparsegpt", {"n": 2, "m": 4}),
    "gptq-4bit": ("gptq", {"bits": 4}),
    "gptq-3bit": ("gptq", {"bits": 3}),
}
READ = 4096  # tokens of the windows on which perplexity is taken


def run(case, side, model, windows, out):
    """Write the compressed model to `out`; print {"seconds": of CPU time, "memory": MB over what imports take}."""
    import torch
    import transformers

    from knowcost.compress.archive import make as archive
    from knowcost.compress.calibration import windows as calibration
    from knowcost.models import load  # noqa: F401

    torch.set_num_threads(1)
    before, start = memory("VmRSS"), time.process_time()
    if side == "ours":
        archive.make_archive("bench", f"{case}@overall", archive.Inputs(model, calibration=windows), out)
    else:
        import authors

        code, setting = CASES[case]
        ids = torch.from_numpy(calibration.read(windows)[0])
        whole = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        authors.run_model(code, side, whole, ids, setting)
        whole.save_pretrained(out)
        transformers.AutoTokenizer.from_pretrained(model).save_pretrained(out)
    print(json.dumps({"seconds": time.process_time() - start, "memory": memory("VmHWM") - before}))


def measure(case, side, options, out):
    """`run` in a process of its own."""
    command = [sys.executable, __file__, "--case", case, "--side", side, "--out", str(out)]
    command += ["--model", str(options.model), "--windows", str(options.windows)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def compare(ours, theirs, windows):
    """(share with the same zeros, share that is the same, perplexity of ours, of theirs)."""
    import torch

    from knowcost.compress.calibration import windows as calibration
    from knowcost.models import load

    models = [load.load(folder, device="cpu")[0] for folder in (ours, theirs)]
    linears = [dict(model.model.layers.named_modules()) for model in models]
    zeros = same = total = 0
    for name, module in linears[0].items():
        if isinstance(module, torch.nn.Linear):
            a, b = module.weight, linears[1][name].weight
            zeros += ((a == 0) == (b == 0)).sum().item()
            same += ((a - b).abs() <= 1e-3 * b.abs().max()).sum().item()
            total += a.numel()
    ids = torch.from_numpy(calibration.read(windows)[0])
    ids = ids[: max(1, READ // ids.shape[1])]
    with torch.inference_mode():
        perplexities = [torch.exp(model(ids, labels=ids).loss).item() for model in models]
    return zeros / total, same / total, *perplexities


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("model", "windows"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    for code in ("sparsegpt", "gptq", "wanda"):
        parser.add_argument(f"--{code}", type=Path, help="a checkout of the authors' code")
    for option in ("case", "side", "out"):
        parser.add_argument(f"--{option}", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        return run(options.case, options.side, options.model, options.windows, Path(options.out))
    print("| method | ours | theirs | time | memory | same zeros | same weights | perplexity, ours and theirs |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case, (code, _) in CASES.items():
        checkout = getattr(options, code)
        if not checkout:
            continue
        with tempfile.TemporaryDirectory() as folder:
            places = {side: Path(folder, name) for side, name in (("ours", "ours"), (str(checkout), "theirs"))}
            mine, other = (measure(case, side, options, out) for side, out in places.items())
            zeros, same, *perplexities = compare(*places.values(), options.windows)
        said = [f"{each['seconds']:.0f} s, {each['memory']:.0f} MB" for each in (mine, other)]
        ratios = [f"{mine[key] / other[key]:.2f}" for key in ("seconds", "memory")]
        agreement = [f"{100 * zeros:.2f}%", f"{100 * same:.2f}%", "{:.2f}, {:.2f}".format(*perplexities)]
        print(f"| {' | '.join([case, *said, *ratios, *agreement])} |", flush=True)


if __name__ == "__main__":
    main()
