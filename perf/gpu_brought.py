"""Versions that were compressed elsewhere on a GPU beside the CPU, or beside what transformers itself makes there.

    python perf/gpu_brought.py                 (cuda; a minute)
    python perf/gpu_brought.py --device cpu    (a smoke test without a GPU)

Needs what perf/gpu_checks.py needs, and the packages of the formats: gguf, compressed-tensors, bitsandbytes; one that
is missing is named. Prints lines as gpu_checks does, and ends with 1 if any failed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gpu_checks import ROOT, guarded, logits_on, off_by  # isort: skip  # puts the repository and its tests on the path

import torch
import transformers
from helpers import elsewhere, tiny

from knowcost.compress.archive import rebuild
from knowcost.compress.archive.make import Inputs, make_archive
from knowcost.fetch.model import fetch_model
from knowcost.models.load import load

NEAR = 1e-4  # of the largest logit: sums in another order, in float32
BITS = {"8 bit": {"load_in_8bit": True}, "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}}


def fetched(source: Path) -> Path:
    """The folder of a version, let in at the door."""
    folder = source.parent / "models" / source.name
    row = {"name": source.name, "family": "decoder", "source": str(source), "parent": "dense", "allow": ""}
    fetch_model(row | {"revision": ""}, folder, lock_path=source.with_name(f"{source.name}.json"))
    return folder


def beside_the_cpu(folder: Path, device: str) -> tuple[bool, str]:
    """Logits of one device held against the CPU's."""
    off = off_by(logits_on(load(folder, device=device)[0], device), tiny.logits(load(folder, device="cpu")[0]))
    return off < NEAR, f"logits off by {off:.1e}"


def gguf(here: Path, kind: str, device: str) -> tuple[bool, str]:
    elsewhere.write_gguf(elsewhere.llama(), here / kind / "model.gguf", kind)
    tiny.save_tokenizer(here / kind)
    return beside_the_cpu(fetched(here / kind), device)


def packed(here: Path, device: str) -> tuple[bool, str]:
    tiny.fetched("llama", here / "base")
    make_archive("m", "rtn-4bit-g8@overall", Inputs(here / "base"), here / "archive")
    rebuild.export(here / "archive", here / "base", here / "exported", ("m", "rtn-4bit-g8@overall"))
    return beside_the_cpu(fetched(here / "exported"), device)


def bitsandbytes(here: Path, bits: str, device: str) -> tuple[bool, str]:
    """Its kernels of a GPU are others than those of the CPU: held against transformers on the same device."""
    elsewhere.llama(here / "whole")
    made = transformers.AutoModelForCausalLM.from_pretrained(
        here / "whole", quantization_config=transformers.BitsAndBytesConfig(**BITS[bits]), device_map={"": device}
    )
    source = here / bits.replace(" ", "")
    made.save_pretrained(source)  # before it computes: on a CPU its weights are stored in another order from then on
    tiny.save_tokenizer(source)
    off = off_by(logits_on(load(fetched(source), device=device)[0], device), logits_on(made, device))
    return off < NEAR, f"logits off by {off:.1e} from transformers' own on this device"


def checks(here: Path, device: str) -> Iterator[tuple[str, Callable[[], tuple[bool, str]]]]:
    for kind in ("F16", "Q8_0", "Q4_0"):
        yield f"GGUF {kind}", lambda kind=kind: gguf(here, kind, device)
    yield "compressed-tensors, 4 bit", lambda: packed(here, device)
    for bits in BITS:
        yield f"bitsandbytes, {bits}", lambda bits=bits: bitsandbytes(here, bits, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    transformers.logging.set_verbosity_error()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, check in checks(Path(folder), device):
            well, numbers = guarded(check)
            print(f"{name}: {'ok' if well else 'FAILED'} {numbers}", flush=True)
            failed += not well
    print(f"{failed} failed; torch {torch.__version__}, knowcost in {ROOT.name}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
