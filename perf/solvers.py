"""Wanda, SparseGPT, GPTQ and rounding on the linear layers of one block, ours against the authors' code.

    python perf/solvers.py --sparsegpt CHECKOUT --gptq CHECKOUT --wanda CHECKOUT [--width 576 --hidden 1536]

The checkouts are those of IST-DASLab/sparsegpt, IST-DASLab/gptq and locuslab/wanda; none of their code is in this
repository, and without a path the authors' side is left out. A block has the seven linear layers of a Llama; the
defaults are SmolLM2-135M's. Both sides get the same weights and the same inputs, sample by sample as a hook gives them,
so time is that of gathering statistics and of solving. Each measurement runs in a process of its own, with one
thread; memory is the peak over what weights and inputs take (Linux only), taken in a second run in which freed memory
is given back at once.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

METHODS = {
    "wanda 50%": {"code": "wanda", "sparsity": 0.5},
    "wanda 2:4": {"code": "wanda", "n": 2, "m": 4},
    "sparsegpt 50%": {"code": "sparsegpt", "sparsity": 0.5},
    "sparsegpt 2:4": {"code": "sparsegpt", "n": 2, "m": 4},
    "gptq 4 bits": {"code": "gptq", "bits": 4},
    "gptq 4 bits, groups of 64": {"code": "gptq", "bits": 4, "group_size": 64},
    "gptq 4 bits, act-order": {"code": "gptq", "bits": 4, "act_order": True},
}


def ours(linears, inputs, setting, code):
    """Our solver on the layers of a block, statistics gathered as by hooks and dropped once used."""
    import torch

    from knowcost.compress.solvers import InputStatistics, gptq, sparsegpt, wanda
    from knowcost.spec.levels import Pattern

    with torch.no_grad():
        seen, statistics = {}, {}
        for name, linear in linears.items():
            key = id(inputs[name])  # layers that read the same tensor share their statistics
            if key not in seen:
                seen[key] = InputStatistics(linear.in_features, "cpu", hessian=code != "wanda")
                for sample in inputs[name]:
                    seen[key].add(sample[None])
            statistics[name] = seen[key]
        del seen
        for name, linear in linears.items():
            if code == "gptq":
                linear.weight.data = gptq(linear.weight.data, statistics.pop(name), **setting).dequantized()
            else:
                prune = {"wanda": wanda, "sparsegpt": sparsegpt}[code]
                linear.weight.data = prune(linear.weight.data, statistics.pop(name), Pattern(**setting))


def solve(method, checkout, linears, inputs):
    setting = dict(METHODS[method])
    code = setting.pop("code")
    if not checkout:
        ours(linears, inputs, setting, code)
    else:
        import authors

        authors.run(code, checkout, linears, inputs, setting)


def make_block(width, hidden, samples, tokens):
    """(linears, inputs) of a Llama block's seven layers, random, the inputs correlated."""
    import torch

    shapes = {name: (width, width) for name in "qkvo"}
    shapes |= {"gate": (hidden, width), "up": (hidden, width), "down": (width, hidden)}
    mixes = {size: torch.randn(size, size) / size**0.5 for size in (width, hidden)}
    linears, inputs = {}, {}
    for name, (rows, columns) in shapes.items():
        linears[name] = torch.nn.Linear(columns, rows, bias=False).requires_grad_(False)
        shared = {"k": "q", "v": "q", "up": "gate"}.get(name)
        new = [torch.randn(tokens, columns) @ mixes[columns] for _ in range(0 if shared else samples)]
        inputs[name] = inputs[shared] if shared else new
    return linears, inputs


def run(method, checkout, options):
    """Print {"seconds", "memory" in MB over what was there before, "error"} of one side in this process."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    solve(method, checkout, *make_block(64, 128, 2, 8))  # imports, and what torch's libraries set up at first use
    linears, inputs = make_block(options.width, options.hidden, options.samples, options.tokens)
    dense = {name: linear.weight.data.clone() for name, linear in linears.items()}
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, start = memory("VmRSS"), time.process_time()
    solve(method, checkout, linears, inputs)
    used = {"seconds": time.process_time() - start, "memory": memory("VmHWM") - before}
    error = sum(((dense[n] - linears[n].weight.data) @ inputs[n][0].T).norm().item() ** 2 for n in linears)
    print(json.dumps(used | {"error": error**0.5}))


def memory(key):
    """MB of this process: VmRSS (now) or VmHWM (at most)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measure(method, checkout, options):
    """The better of two times, and the memory of a run in which freed memory goes back to the system at once."""
    command = [sys.executable, __file__, "--method", method, "--side", checkout or "ours"]
    for name in ("width", "hidden", "samples", "tokens"):
        command += [f"--{name}", str(getattr(options, name))]
    results = []
    for returned in (False, False, True):
        limits = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"} if returned else {}
        environment = os.environ | limits | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    return {"seconds": min(r["seconds"] for r in results[:2]), "memory": results[2]["memory"]} | {
        "error": results[0]["error"]
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for code in ("sparsegpt", "gptq", "wanda"):
        parser.add_argument(f"--{code}", type=Path, help="a checkout of the authors' code")
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--hidden", type=int, default=1536)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=512, help="per sample")
    parser.add_argument("--method", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.method:
        return run(options.method, None if options.side == "ours" else Path(options.side), options)
    print(f"layers {options.width} x {options.width} and {options.hidden}, {options.samples} x {options.tokens} tokens")
    for method, setting in METHODS.items():
        mine = measure(method, None, options)
        line = f"{method:28} ours {mine['seconds']:6.2f} s {mine['memory']:7.1f} MB"
        if checkout := getattr(options, setting["code"]):
            other = measure(method, str(checkout), options)
            ratios = {key: mine[key] / other[key] for key in mine}
            line += f"   theirs {other['seconds']:6.2f} s {other['memory']:7.1f} MB   ours / theirs "
            line += f"{ratios['seconds']:.2f} time {ratios['memory']:.2f} memory {ratios['error']:.3f} error"
        print(line, flush=True)


if __name__ == "__main__":
    main()
