"""What dynamic int8 costs in time: whole models in float32, by torch's engine, and by knowcost's plain-torch layers.

Random weights in the shapes of BERT-base and of a small Llama; one batch of 8 sentences; seconds on one CPU thread, or
on a GPU, which torch's engine cannot use. Ratios are to float32 in the same process.

    python perf/int8.py [--device cuda] [--tokens 64] [--rounds 5]
"""

import argparse
import copy
import time

import torch
import transformers
from rows import beside, say

from knowcost.models.int8_linear import ENGINES, set_activations
from knowcost.spec import scopes

SENTENCES = 8


def models():
    torch.manual_seed(0)
    yield "BERT-base", transformers.BertForMaskedLM(transformers.BertConfig())
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9}
    config = transformers.LlamaConfig(vocab_size=49152, num_key_value_heads=3, **shape)
    yield "Llama of 135 M", transformers.LlamaForCausalLM(config)


def quantized(model, engine):
    """A copy whose linear layers (scope overall, with the final one) are int8 layers of one of ENGINES."""
    made = copy.deepcopy(model)
    linears = {name: layer for name, layer in made.named_modules() if isinstance(layer, torch.nn.Linear)}
    for name in scopes.layers(model.config.model_type, linears, "paper", "overall", quantizing=True):
        weight = linears[name].weight.detach()
        scale = (weight.abs().max() / 127.5).clamp_min(torch.finfo(torch.float32).eps)
        q = torch.clamp(torch.round(weight * (1 / scale)), -128, 127).to(torch.int8)
        parent, _, child = name.rpartition(".")
        setattr(made.get_submodule(parent), child, ENGINES[engine](q, scale[None], linears[name].bias))
    return made


def seconds(model, ids, rounds):
    """The fastest of so many passes over one batch."""
    found = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            start = time.perf_counter()
            model(input_ids=ids)
            if ids.is_cuda:
                torch.cuda.synchronize()
            found.append(time.perf_counter() - start)
    return min(found[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(options.device)
    for name, model in models():
        model = model.eval()
        ids = torch.randint(0, 30000, (SENTENCES, options.tokens), device=device)
        ways = {"float32": model}
        if device.type == "cpu":
            ways["torch's int8"] = quantized(model, "torch")
        ways["knowcost's int8, scale per batch"] = quantized(model, "knowcost")
        ways["knowcost's int8, scale per sentence"] = quantized(model, "knowcost")
        set_activations(ways["knowcost's int8, scale per sentence"], "sentence")
        took = {}
        for way, module in ways.items():
            took[way] = seconds(module.to(device), ids, options.rounds)
            faster = took["float32"] / took[way]
            print(f"{name}, {options.tokens} tokens: {way:36s} {took[way]:7.3f} s  {faster:5.2f}x of float32")
        if "torch's int8" in took:
            ours = took["knowcost's int8, scale per batch"]
            say(beside(f"int8 of {name}, beside torch's engine", ours, took["torch's int8"], "s"))


if __name__ == "__main__":
    main()
