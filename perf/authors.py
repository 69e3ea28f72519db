"""The authors' own SparseGPT, GPTQ and Wanda, run from checkouts of IST-DASLab/sparsegpt, IST-DASLab/gptq and
locuslab/wanda on single layers or a whole Llama, on a CPU. None of their code is in this repository.

Used by solvers.py and whole_model.py (time and memory), exactness.py (agreement) and golden.py (expected values of the
tests). Linears are {name: torch.nn.Linear}, changed in place; inputs {name: [(tokens, in) per sample]}. A setting is a
dict of sparsity, or n and m (n KEPT of m), or bits, group_size, symmetric and act_order; and blocksize.
"""

import contextlib
import importlib.util
import io
import sys
import types
from pathlib import Path

import torch


def run(code, checkout, linears, inputs, setting):
    """Compress the layers of one block with the authors' `sparsegpt`, `gptq`, `wanda` or (Wanda's) `magnitude`."""
    _without_cuda()
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        if code in ("wanda", "magnitude"):
            _masks(code, checkout, linears, inputs, setting)
        else:
            _second_order(code, checkout, linears, inputs, setting)


def run_model(code, checkout, model, windows, setting):
    """Compress a whole transformers Llama in place, by the drivers in the authors' own checkouts (llama.py, prune.py).

    windows: int64 (samples, length). What their drivers know of transformers is of 2023: the blocks are wrapped so that
    they may be called as then, without rotary embeddings and with a tuple for an answer.
    """
    _without_cuda()
    model.seqlen, model.hf_device_map = windows.shape[1], {}
    for number, block in enumerate(model.model.layers):
        model.model.layers[number] = _As2023(block, model.model.rotary_emb)
    loader = [(window[None], None) for window in windows]
    removed = {"prunen": setting.get("m", 0) - setting.get("n", 0), "prunem": setting.get("m", 0)}
    device = torch.device("cpu")
    with contextlib.redirect_stdout(io.StringIO()):
        if code == "wanda":
            module = _wanda(checkout)
            module.get_loaders = lambda *args, **kwargs: (loader, None)
            arguments = types.SimpleNamespace(nsamples=len(windows), seed=0, use_variant=False)
            arguments.sparsity_ratio = setting.get("sparsity", 0)
            counts = {"prune_n": removed["prunen"], "prune_m": removed["prunem"]}
            module.prune_wanda(arguments, model, None, device, **counts)
        else:
            module = _load(Path(checkout) / "llama.py")
            module.args = types.SimpleNamespace(
                nsamples=len(windows), true_sequential=False, percdamp=0.01, blocksize=128, minlayer=-1, maxlayer=10**6,
                prune_only="", invert=False, sparsity=setting.get("sparsity", 0), **removed,
                wbits=setting.get("bits", 16), sym=False, groupsize=setting.get("group_size", -1),
                act_order=setting.get("act_order", False), static_groups=False,
            )  # fmt: skip
            module.llama_sequential(model, loader, device)
    for number, wrapped in enumerate(model.model.layers):
        model.model.layers[number] = wrapped.block


class _As2023(torch.nn.Module):
    """A block of a transformers Llama, called as in 2023."""

    def __init__(self, block, rotary):
        super().__init__()
        self.block, self._rotary = block, [rotary]

    def forward(self, states, attention_mask=None, position_ids=None, **_):
        places = torch.arange(states.shape[1])[None]
        return (self.block(states, attention_mask=attention_mask, position_embeddings=self._rotary[0](states, places)),)


def _without_cuda():
    """Their code synchronizes and moves to a GPU without asking whether there is one."""
    torch.cuda.synchronize = torch.cuda.empty_cache = lambda *args, **kwargs: None
    torch.Tensor.cuda = lambda tensor, *args, **kwargs: tensor


def _second_order(code, checkout, linears, inputs, setting):
    module = _load(Path(checkout) / f"{code}.py")
    kind = module.SparseGPT if code == "sparsegpt" else module.GPTQ
    solvers = {name: kind(linear) for name, linear in linears.items()}
    for name, solver in solvers.items():
        for sample in inputs[name]:
            solver.add_batch(sample[None], None)
    for solver in solvers.values():
        if "bits" in setting:  # with `sparsegpt` both at once
            solver.quantizer = module.Quantizer()
            solver.quantizer.configure(setting["bits"], perchannel=True, sym=setting.get("symmetric", False))
        if code == "sparsegpt":
            solver.fasterprune(
                setting.get("sparsity", 0),
                prunen=setting.get("m", 0) - setting.get("n", 0),
                prunem=setting.get("m", 0),
                blocksize=setting.get("blocksize", 128),
            )
        else:
            group_size, act_order = setting.get("group_size", -1), setting.get("act_order", False)
            solver.fasterquant(
                blocksize=setting.get("blocksize", 128),
                groupsize=group_size,
                actorder=act_order,
                static_groups=act_order and group_size > 0,
            )
        solver.free()


def _load(path):
    """Import one file with its folder on the path; both checkouts have modules of these names."""
    for name in ("quant", "modelutils"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(f"authors_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def _wanda(checkout):
    """The checkout's lib.prune, without the data that its loaders would download."""
    package = types.ModuleType("lib")
    package.__path__ = [str(Path(checkout) / "lib")]
    loaders = types.SimpleNamespace(get_loaders=lambda *args, **kwargs: (None, None))
    sys.modules |= {"lib": package, "lib.data": loaders}
    return importlib.import_module("lib.prune")


class _Block(torch.nn.Module):
    """A block of one layer, as prune_wanda calls it."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, x, attention_mask, position_ids):
        self.linear(x)
        return (None,)


def _masks(code, checkout, linears, inputs, setting):
    """prune_wanda and prune_magnitude take a model: each layer is made one. Inputs are given, not read from a set."""
    module = _wanda(checkout)
    for name, linear in linears.items():
        samples = inputs[name]
        model = types.SimpleNamespace(
            model=types.SimpleNamespace(layers=[_Block(linear)]),
            config=types.SimpleNamespace(use_cache=False),
            hf_device_map={},
            seqlen=len(samples[0]),
        )
        module.prepare_calibration_input = lambda *args, s=samples: (s, [None] * len(s), None, None)
        arguments = types.SimpleNamespace(
            nsamples=len(samples), seed=0, sparsity_ratio=setting.get("sparsity", 0), use_variant=False
        )
        removed, m = setting.get("m", 0) - setting.get("n", 0), setting.get("m", 0)
        prune = getattr(module, f"prune_{code}")
        prune(arguments, model, None, torch.device("cpu"), prune_n=removed, prune_m=m)
