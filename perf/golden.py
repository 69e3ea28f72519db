"""Write the expected values of tests/unit/compress/solvers/test_golden.py, computed by the authors' code.

    python perf/golden.py --sparsegpt CHECKOUT --gptq CHECKOUT --wanda CHECKOUT

A layer of 6 x 16 with correlated inputs, one of them dead, swept in blocks of 8 columns. All numbers are stored, so the
tests depend on no random generator.
"""

import argparse
import json
import subprocess
from pathlib import Path

import authors
import torch

OUT = Path(__file__).parent.parent / "tests/unit/compress/solvers/golden_solvers.json"
BLOCK = {"blocksize": 8}
CASES = {
    "magnitude": [{"sparsity": 0.5}, {"sparsity": 0.3}, {"n": 2, "m": 4}],
    "wanda": [{"sparsity": 0.5}, {"sparsity": 0.8}, {"n": 2, "m": 4}, {"n": 4, "m": 8}, {"n": 1, "m": 4}],
    "sparsegpt": [BLOCK | case for case in ({"sparsity": 0.5}, {"sparsity": 0.3}, {"n": 2, "m": 4}, {"n": 4, "m": 8})],
    "gptq": [BLOCK | {"bits": bits} for bits in (2, 3, 4, 8)]
    + [BLOCK | {"bits": 4} | case for case in ({"symmetric": True}, {"group_size": 4}, {"group_size": 8})]
    + [BLOCK | {"bits": 4, "act_order": True}, BLOCK | {"bits": 3, "group_size": 4, "act_order": True}],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for code in ("sparsegpt", "gptq", "wanda"):
        parser.add_argument(f"--{code}", type=Path, required=True)
    checkouts = vars(parser.parse_args())
    checkouts["magnitude"] = checkouts["wanda"]
    torch.manual_seed(7)
    weight = torch.randn(6, 16).mul(10_000).round().div(10_000)
    inputs = (torch.randn(4, 6, 16) @ torch.randn(16, 16)).mul(100).round().div(100)
    inputs[..., 5] = 0
    results = []
    for code, settings in CASES.items():
        for setting in settings:
            results.append(result(code, checkouts[code], weight, inputs, setting))
    # In one block (its mask is then exactly the zeros) a pruned layer goes through the step that also quantizes.
    pruned = result("sparsegpt", checkouts["sparsegpt"], weight, inputs, {"sparsity": 0.5})
    both = result(
        "sparsegpt", checkouts["sparsegpt"], torch.tensor(pruned["weight"]), inputs, {"sparsity": 0.5, "bits": 4}
    )
    results += [pruned, both | {"method": "gptq after the case before", "setting": {"bits": 4}}]
    source = {code: commit(path) for code, path in checkouts.items()}
    golden = {"source": source, "weight": short(weight), "inputs": short(inputs), "results": results}
    OUT.write_text(json.dumps(golden).replace('{"method"', '\n{"method"') + "\n")


def result(code, checkout, weight, inputs, setting):
    rows, columns = weight.shape
    linear = torch.nn.Linear(columns, rows, bias=False).requires_grad_(False)
    linear.weight.data = weight.clone()
    authors.run(code, checkout, {"layer": linear}, {"layer": list(inputs)}, setting)
    return {"method": code, "setting": setting, "weight": short(linear.weight)}


def short(values):
    """A tensor as nested lists of numbers with seven digits."""
    return float(f"{values:.7g}") if values.dim() == 0 else [short(value) for value in values]


def commit(path):
    done = subprocess.run(["git", "-C", path, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
