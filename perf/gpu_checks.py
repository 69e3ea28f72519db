"""What a GPU makes beside what the CPU makes, and what a GPU takes for blocks of a 7B's size.

    python perf/gpu_checks.py                      (cuda; two to six minutes on one H100)
    python perf/gpu_checks.py --only int8,real     (some parts)
    python perf/gpu_checks.py --device cpu         (a smoke test without a GPU: both sides are the CPU, sizes are small)

Needs this repository, torch, transformers 5 and what it imports (huggingface_hub, httpx2, tokenizers, regex),
accelerate, safetensors, filelock, numpy, pandas, pyarrow and pyyaml; neither network nor checkpoints, since it makes
models of random weights (tests/helpers/tiny.py). The parts:

    int8      int_matmul and DynamicInt8Linear, bit for bit
    walk      the block walk over every architecture: squares and second moments of every layer's inputs
    archives  archives of wanda, sparsegpt, gptq and rtn: promised zeros there, masks and values as on the CPU
    load      archives loaded: dense, pruned, packed and int8, their logits
    real      two blocks of Llama-7B's shapes in float16, 128 windows of 2,048 tokens: seconds and memory

Each check prints one line, "name: ok numbers" or "name: FAILED numbers"; a failure ends nothing. The last line counts
them, and the exit status is 1 if any failed.
"""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
import transformers  # noqa: E402
from helpers import tiny  # noqa: E402
from helpers.calibrated import calibrated  # noqa: E402

from knowcost.compress.archive.make import Inputs, make_archive  # noqa: E402
from knowcost.compress.calibration import block_walk  # noqa: E402
from knowcost.compress.method import Work  # noqa: E402
from knowcost.models import formats, gpus  # noqa: E402
from knowcost.models.base import Base  # noqa: E402
from knowcost.models.checkpoint import Checkpoint  # noqa: E402
from knowcost.models.int8_linear import DynamicInt8Linear, int_matmul  # noqa: E402
from knowcost.models.load import load  # noqa: E402
from knowcost.models.torch_tensors import to_torch  # noqa: E402
from knowcost.spec import scopes  # noqa: E402

ARCHIVED = ["bert", "albert", "t5", "opt", "llama-tied", "gemma2", "bart", "gpt2", "mixtral"]  # of these archives
SLUGS = ["wanda-50", "wanda-2of4", "sparsegpt-50", "sparsegpt-2of4", "gptq-4bit", "gptq-3bit-actorder", "rtn-4bit"]
LOADED = {"dense": 1e-3, "wanda-50": 1e-3, "gptq-4bit": 1e-3, "int8": 5e-2}  # how far logits may be, of the largest
SHAPES = itertools.product((1, 2, 17, 33), (1, 7, 8, 129), (1, 5, 8, 63))  # rows, inputs, outputs
NEAR = 2e-3  # of the largest value: sums in another order, and cudnn's convolution in TF32
SAME = 0.9  # of a mask's or a layer's entries: one that goes the other way takes its neighbours along

Found = Iterator[tuple[str, bool, str]]  # (name, whether it is well, numbers)


@dataclass
class Bench:
    """Where the checks work: a device, and a folder with a fetched tiny model of each kind, made when first asked."""

    device: str
    folder: Path
    made: dict[str, Path] = field(default_factory=dict)

    def model(self, kind: str) -> Path:
        """The folder of a kind's model; its calibration windows lie beside it."""
        if kind not in self.made:
            self.made[kind] = self.folder / kind / "model"
            tiny.fetched(kind, self.made[kind])
            calibrated(self.made[kind].with_name("windows.parquet"), 8, 24, model=self.made[kind])
        return self.made[kind]

    def archive(self, kind: str, slug: str, device: str) -> Path:
        """The folder of an archive of all layers of a kind's model, made on a device; `dense` is the model itself."""
        model = self.model(kind)
        if slug == "dense":
            return model
        out = model.with_name(f"{slug}-{device}")
        if not out.exists():
            make_archive(kind, f"{slug}@overall", Inputs(model, None, model.with_name("windows.parquet"), device), out)
        return out


def int8(bench: Bench) -> Found:
    """Integers have one right product, and a layer one right result."""
    generator = torch.Generator().manual_seed(0)
    wrong = []
    shapes = list(SHAPES)
    for rows, inputs, outputs in shapes:
        a, b = (torch.randint(-128, 128, (n, inputs), generator=generator).to(torch.int8) for n in (rows, outputs))
        if not torch.equal(int_matmul(a.to(bench.device), b.to(bench.device)).cpu().long(), a.long() @ b.long().T):
            wrong.append((rows, inputs, outputs))
    yield "int8 int_matmul", not wrong, f"{len(shapes)} shapes, wrong: {wrong or 'none'}"
    wrong, count = [], 0
    for inputs, outputs, bias in ((7, 5, True), (64, 33, False), (129, 8, True), (1, 1, False)):
        weight = torch.randint(-127, 128, (outputs, inputs), generator=generator).to(torch.int8)
        layer = DynamicInt8Linear(
            weight, torch.tensor([0.013]), torch.randn(outputs, generator=generator) if bias else None
        )
        for shape, layer.per_sentence in itertools.product(
            [(1,), (3, 5), (0,), (0, 4), (2, 1), (40, 30)], (False, True)
        ):
            x = torch.randn(*shape, inputs, generator=generator) * 3
            expected = layer.to("cpu")(x)
            count += 1
            if not torch.equal(layer.to(bench.device)(x.to(bench.device)).cpu(), expected):
                wrong.append((*shape, inputs, outputs, layer.per_sentence))
    yield "int8 DynamicInt8Linear", not wrong, f"{count} inputs, wrong: {wrong or 'none'}"


def walk(bench: Bench) -> Found:
    """Sums over inputs on both devices."""
    for kind in tiny.EVERY:
        yield f"walk {kind}", *guarded(lambda kind=kind: _walk_of(bench, kind))


def _walk_of(bench: Bench, kind: str) -> tuple[bool, str]:
    here, there = _sums(bench.model(kind), "cpu"), _sums(bench.model(kind), bench.device)
    worst = {
        key: max(off_by(there[name][key], sums[key]) for name, sums in here.items()) for key in ("square", "hessian")
    }
    tokens = all(here[name]["tokens"] == there[name]["tokens"] for name in here)
    numbers = ", ".join(f"{key}s off by {value:.1e}" for key, value in worst.items())
    return tokens and max(worst.values()) < NEAR, f"{len(here)} layers, {numbers}{'' if tokens else ', other tokens'}"


def _sums(model: Path, device: str) -> dict[str, dict[str, Any]]:
    base = Base(model)
    work = Work(base, dict(base.tensors), model.parent, calibration=model.with_name("windows.parquet"), device=device)
    sums: dict[str, dict[str, Any]] = {}

    def keep(name: str, _: torch.Tensor, seen: Any) -> Any:
        sums[name] = {"square": seen.mean_square.cpu().clone(), "hessian": seen.hessian.cpu().clone()}
        sums[name]["tokens"] = seen.tokens
        return SimpleNamespace(weight=base.tensors[name])

    names = scopes.layers(base.model_type, base.modules, "paper", "overall", quantizing=True)
    block_walk.solve(work, [f"{name}.weight" for name in names], keep, hessian=True)
    return sums


def off_by(found: torch.Tensor, expected: torch.Tensor) -> float:
    """How far one is from the other, as a share of the largest value."""
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30)).item()


def archives(bench: Bench) -> Found:
    """make_archive reads back what it wrote and raises where a promise is broken."""
    for kind, slug in itertools.product(ARCHIVED, SLUGS):
        yield f"archives {kind} {slug}", *guarded(lambda kind=kind, slug=slug: _archive_of(bench, kind, slug))


def _archive_of(bench: Bench, kind: str, slug: str) -> tuple[bool, str]:
    here, there, base = (
        formats.floats(Checkpoint(folder))
        for folder in (bench.archive(kind, slug, "cpu"), bench.archive(kind, slug, bench.device), bench.model(kind))
    )
    zeros = same = size = 0
    for name in here:
        one, other = to_torch(here[name]).float(), to_torch(there[name]).float()
        if name in base and torch.equal(one, to_torch(base[name]).float()):
            continue
        prunes = not slug.endswith(("bit", "actorder"))
        equal = (one == 0) == (other == 0) if prunes else torch.isclose(one, other, rtol=1e-5)
        zeros, same, size = zeros + int((other == 0).sum()), same + int(equal.sum()), size + one.numel()
    well = same >= SAME * size and (slug.endswith(("bit", "actorder")) or zeros >= size / 2)
    return well, f"{size:,} weights, {zeros / size:.1%} zero, {same / size:.2%} as on the CPU"


def load_(bench: Bench) -> Found:
    """Logits of archives that the CPU made."""
    for kind, slug in itertools.product(ARCHIVED, LOADED):
        yield f"load {kind} {slug}", *guarded(lambda kind=kind, slug=slug: _load_of(bench, kind, slug))


def _load_of(bench: Bench, kind: str, slug: str) -> tuple[bool, str]:
    folder = bench.archive(kind, slug, "cpu")
    expected = tiny.logits(load(folder, device="cpu")[0])
    model = load(folder, device=bench.device)[0]
    off = off_by(logits_on(model, bench.device), expected)
    half = ""
    if slug == "dense":
        found = logits_on(load(folder, dtype="bfloat16", device=bench.device)[0], bench.device)
        half = f", in bfloat16 by {off_by(found, expected):.1e}"
        off = off if torch.isfinite(found).all() else torch.inf
    return off < LOADED[slug], f"logits off by {off:.1e}{half}"


def logits_on(model: torch.nn.Module, device: str) -> torch.Tensor:
    model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {name: ids.to(device) for name, ids in kwargs.items()}), with_kwargs=True
    )
    return tiny.logits(model).cpu()


def real(bench: Bench) -> Found:
    """Two blocks of Llama-7B's shapes, or on a CPU of a small model's."""
    width, hidden, samples, length = (4096, 11008, 128, 2048) if bench.device != "cpu" else (128, 344, 8, 64)
    config = transformers.LlamaConfig(
        vocab_size=32000, hidden_size=width, intermediate_size=hidden, num_hidden_layers=2, num_attention_heads=32
    )
    folder = bench.folder / "real" / "model"
    torch.manual_seed(0)
    with torch.device(bench.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    block = sum(parameter.numel() for parameter in model.model.layers[0].parameters())
    parameters = sum(parameter.numel() for parameter in model.parameters()) + 30 * block  # of all 32 blocks
    model.save_pretrained(folder)
    del model
    tiny.write_source(folder)
    calibrated(folder.with_name("windows.parquet"), samples, length, model=folder, ids=(0, 32000))
    for slug in ("wanda-50", "sparsegpt-50", "gptq-4bit"):
        yield f"real {slug}", *guarded(lambda slug=slug: _real_of(bench, folder, slug, parameters))


def _real_of(bench: Bench, folder: Path, slug: str, parameters: int) -> tuple[bool, str]:
    solve, walked = block_walk.solve, []

    def timed(*args: Any) -> Any:
        begun = time.perf_counter()
        result = solve(*args)
        walked.append(time.perf_counter() - begun)
        return result

    if bench.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    block_walk.solve = timed
    try:
        inputs = Inputs(folder, None, folder.with_name("windows.parquet"), bench.device)
        make_archive("real", f"{slug}@overall", inputs, folder.with_name(slug))
    finally:
        block_walk.solve = solve
    whole = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() / 1e9 if bench.device != "cpu" else 0
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    asked = 4 + 2 * parameters / 1e9 + gpus.weights_gb(parameters, "float16", False)  # as plan/resources.py says
    numbers = f"{sum(walked):.1f} s through two blocks, {whole:.1f} s in all; GPU {peak:.1f} GB; host {host:.1f} GB"
    return host < asked, f"{numbers} at most so far, asked for with 32 blocks: {asked:.1f} GB"


def guarded(check: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """What a check says, or that it failed and why."""
    try:
        return check()
    except Exception as error:
        return False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


PARTS: dict[str, Callable[[Bench], Found]] = {
    "int8": int8, "walk": walk, "archives": archives, "load": load_, "real": real
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(min(4, torch.get_num_threads()))  # most models here are tiny
    name = torch.cuda.get_device_name() if options.device != "cpu" else "the CPU"
    print(f"{name}, torch {torch.__version__}, transformers {transformers.__version__}", flush=True)
    failed = count = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.device, Path(folder))
        for part in options.only.split(","):
            for check, well, numbers in PARTS[part](bench):
                print(f"{check}: {'ok' if well else 'FAILED'} {numbers}", flush=True)
                failed, count = failed + (not well), count + 1
    print(f"{count} checks, {failed} failed, {time.perf_counter() - began:.0f} s")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
