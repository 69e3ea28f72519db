"""Our Wanda, SparseGPT and GPTQ against the authors' code on layers of a real model: docs/exactness.md is its output.

    python perf/exactness.py --sparsegpt CHECKOUT --gptq CHECKOUT --wanda CHECKOUT --model FOLDER --text FILE

Both sides get the same weights and the same inputs, those that the layers see on windows of the text. Layers: every
kind of linear layer (by its name within a block) of the first, a middle and the last block. Reported over all layers:
the share of weights on which both agree whether it is zero; the share that differs by less than 1e-5 of the layer's
largest weight; the largest difference; and the ratio of the reconstruction errors ||X W' - X W|| . With --double both
sides compute in float64, where rounding decides nothing any more and what is left is a difference in method.
"""

import argparse
from pathlib import Path

import authors
import torch
import transformers

from knowcost.compress import solvers
from knowcost.spec.levels import Pattern

CASES = {
    "wanda": [{"sparsity": 0.2}, {"sparsity": 0.5}, {"n": 2, "m": 4}, {"n": 4, "m": 8}],
    "sparsegpt": [{"sparsity": 0.5}, {"sparsity": 0.9}, {"n": 2, "m": 4}, {"n": 4, "m": 8}],
    "gptq": [
        *({"bits": bits} for bits in (8, 4, 3, 2)),
        {"bits": 4, "symmetric": True},
        {"bits": 4, "group_size": 64},
        {"bits": 4, "act_order": True},
        {"bits": 4, "group_size": 64, "act_order": True},
    ],
}


@torch.no_grad()
def captured(folder, text, windows, length):
    """{name: (weight, inputs (windows, tokens, in))} of the layers that are compared."""
    config = transformers.AutoConfig.from_pretrained(folder)
    both = config.is_encoder_decoder
    auto = transformers.AutoModelForSeq2SeqLM if both else transformers.AutoModelForCausalLM
    model = auto.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text.read_text(), return_tensors="pt").input_ids[0]
    linears = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and _block(n) is not None}
    last = max(_block(name) for name in linears)
    linears = {name: module for name, module in linears.items() if _block(name) in (0, last // 2, last)}
    inputs = {name: [] for name in linears}
    for name, module in linears.items():
        module.register_forward_hook(lambda _, args, out, name=name: inputs[name].append(args[0][0].clone()))
    for first in torch.linspace(0, len(ids) - length, windows).long().tolist():
        window = ids[None, first : first + length]
        model(window, **({"decoder_input_ids": window[:, : length // 2]} if both else {}))
    return {name: (module.weight.data, torch.stack(inputs[name])) for name, module in linears.items()}


def _block(name):
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def compare(code, checkout, weight, inputs, setting):
    """(share with the same zeros, share that is the same, largest difference, ratio of errors) on one layer."""
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False).requires_grad_(False)
    linear.weight.data = weight.clone()
    authors.run(code, checkout, {"layer": linear}, {"layer": list(inputs)}, setting)
    theirs = linear.weight.data
    statistics = solvers.InputStatistics(weight.shape[1], "cpu", hessian=code != "wanda")
    for sample in inputs:
        statistics.add(sample[None])
    if code == "gptq":
        ours = solvers.gptq(weight, statistics, **setting).dequantized()
    else:
        ours = getattr(solvers, code)(weight, statistics, Pattern(**setting))
    difference = (ours - theirs).abs()
    tokens = inputs.flatten(0, 1)
    errors = [(tokens @ (weight - made).T).norm() for made in (ours, theirs)]
    zeros = ((ours == 0) == (theirs == 0)).double().mean()
    same = (difference <= 1e-5 * weight.abs().max()).double().mean()
    return zeros.item(), same.item(), difference.max().item(), (errors[0] / errors[1]).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("sparsegpt", "gptq", "wanda", "model", "text"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--double", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    layers = captured(options.model, options.text, options.windows, options.length)
    if options.double:
        torch.set_default_dtype(torch.float64)
        torch.Tensor.float = lambda tensor: tensor.double()
        layers = {name: (weight.double(), inputs.double()) for name, (weight, inputs) in layers.items()}
    print("| method | layers | same zeros | same weights | largest difference | error, ours / theirs |")
    print("| --- | --- | --- | --- | --- | --- |")
    for code, settings in CASES.items():
        for setting in settings:
            width = setting.get("group_size", 1)
            fits = [layer for layer in layers.values() if layer[0].shape[1] % width == 0]
            results = [compare(code, getattr(options, code), *layer, setting) for layer in fits]
            zeros, same, difference, ratio = zip(*results, strict=True)
            words = ", ".join(f"{key} {value}" for key, value in setting.items())
            means = [f"{100 * sum(v) / len(v):.4f}% (at least {100 * min(v):.3f}%)" for v in (zeros, same)]
            print(f"| {code} {words} | {len(fits)} | {means[0]} | {means[1]} | {max(difference):.1e} | "
                  f"{min(ratio):.5f} to {max(ratio):.5f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
