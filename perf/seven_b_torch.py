"""Whether an archive of perf/seven_b.py holds what torch makes of the same weights: counts, masks and bytes."""

import warnings
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn.utils import prune

from knowcost.models import headers
from knowcost.spec import scopes
from knowcost.spec.variants import parse


def check(model, out, slug):
    """Compare every tensor of an archive of one step with the base's, pruned or quantized by torch; print the result.

    Where many float16 weights have the threshold's magnitude torch chooses among them arbitrarily: only there may a
    mask differ. Rows are ranked by torch in float32, since in float16 many of their norms are equal.
    """
    warnings.simplefilter("ignore")  # torch warns that its quantized types go
    base, made = _tensors(Path(model)), _tensors(Path(out))
    names = [name.removesuffix(".weight") for name in base if base[name].dim() == 2]
    said = f"{len(base)} tensors untouched"
    for step in parse(slug).steps:
        taken = scopes.layers("llama", names, "paper", step.scope, step.method == "int8")
        weights = {f"{name}.weight": base.pop(f"{name}.weight") for name in taken}
        said = HOW[step.method](weights, made, step)
    for name, tensor in base.items():
        assert torch.equal(tensor, made[name]), name
    print(f"{'':24}torch agrees: {said}")


def _tensors(folder):
    found = {}
    for shard in headers.shard_names(folder):
        with safe_open(folder / shard, "pt") as f:
            found |= {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
    return found


def _modules(weights, dtype=None):
    modules = {}
    for name, weight in weights.items():
        with torch.device("meta"):
            modules[name] = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        modules[name].weight = torch.nn.Parameter(weight.to(dtype, copy=True), requires_grad=False)
    return modules


def _magnitude(weights, made, step):
    modules = _modules(weights)
    pairs = [(module, "weight") for module in modules.values()]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=step.level / 100)
    zeros = differ = 0
    threshold = max(float(m.weight_orig[m.weight_mask == 0].abs().max()) for m in modules.values())
    for name, module in modules.items():
        gone = made[name] == 0
        zeros += int(gone.sum()) - int((module.weight == 0).sum())
        other = gone != (module.weight == 0)
        differ += int(other.sum())
        assert (weights[name][other].abs() == threshold).all(), f"{name}: masks differ beside the threshold"
        assert torch.equal(made[name][~gone], weights[name][~gone]), f"{name}: a kept weight changed"
    assert zeros == 0, f"{zeros:+,} zeros more than torch"
    return f"the same number of zeros, kept weights the same, {differ:,} masks differ among ties at the threshold"


def _structured(weights, made, step):
    ((name, module),) = _modules(weights, torch.float32).items()
    prune.ln_structured(module, "weight", amount=step.level / 100, n=1, dim=0)
    assert torch.equal(module.weight.half(), made[name])
    return "the same bytes"


def _int8(weights, made, step):
    observe = torch.ao.quantization.default_weight_observer
    for name, weight in weights.items():
        observer = observe()
        observer(weight.float())
        scale, zero = observer.calculate_qparams()
        expected = torch.quantize_per_tensor(weight.float(), scale.item(), int(zero), torch.qint8)
        assert torch.equal(made[name], expected.int_repr()), name
        assert made[f"{name}_scale"].item() == scale.item(), name
    return "the same integers and scales"


HOW = {"magnitude": _magnitude, "magnitude_structured": _structured, "int8": _int8}
