"""What jobs are predicted to take, against sums done by hand with the constants that were measured."""

from dataclasses import replace

import pytest

from knowcost.plan.machine import Machine
from knowcost.plan.predicted import predicted
from knowcost.plan.reading import Read
from knowcost.plan.sizes import Size
from knowcost.plan.training import Training
from knowcost.plan.work import Work

SMOL = Size(134_515_008, 0.538)
LLAMA_7B = Size(6_738_415_616, 13.476831232)  # float16
LLAMA_70B = Size(68_976_648_192, 39.0, packed=True)
PAPER = Training(40_960_000, 2 * 1024, 64 * 1024)
ONE, EIGHT, GPU = Machine(0, 1), Machine(0, 8), Machine(1, 2, "float16")

QUESTIONS = Read(tokens=8_700, prompts=120, cells=1, variants=1)  # 30 of BoolQ, twice


def seconds(stage, size, machine, **options):
    return predicted(Work(stage, size, **options), machine).seconds


@pytest.mark.parametrize(
    ("stage", "size", "machine", "options", "expected"),
    [
        # 0.4 s, and 5 for a gigabyte; half of 5 s of imports for torch alone
        ("compress", LLAMA_7B, ONE, {"methods": ["magnitude"]}, 0.4 + 67.38),
        ("compress", LLAMA_7B, ONE, {"methods": ["rtn"]}, 0.4 + 2.5 + 67.38),
        ("thresholds", SMOL, ONE, {}, 0.4 + 2.69),
        # wanda: two passes over 16 x 512 tokens, 2 x 134.5e6 x 8192 / 8e10 each; 5 s of imports
        ("compress", SMOL, ONE, {"methods": ["wanda"], "windows": 8192}, 8.09 + 2 * 27.55),
        # gptq: three, and a sweep of 1e-7 x 134.5e6 x 1.129 (8.81 blocks, 1,129 wide); eight threads share both
        ("compress", SMOL, ONE, {"methods": ["gptq"], "windows": 8192}, 8.09 + 3 * 27.55 + 15.19),
        ("compress", SMOL, EIGHT, {"methods": ["gptq"], "windows": 8192}, 8.09 + (3 * 27.55 + 15.19) / 8),
        # two steps: five passes, a sweep
        ("compress", SMOL, ONE, {"methods": ["wanda", "gptq"], "windows": 8192}, 8.09 + 5 * 27.55 + 15.19),
        # on a GPU 3 x 2 x 6.738e9 x 262,144 / 1e14, and a sweep of 1e-7 x 6.738e9 x 4.158 / 8
        ("compress", LLAMA_7B, GPU, {"methods": ["sparsegpt"], "windows": 128 * 2048}, 5.4 + 67.38 + 105.99 + 350.2),
        # nothing to be asked: four archives are read
        ("score", SMOL, ONE, {"variants": 4}, 0.4 + 4 * 0.538),
        # 0.4 + 0.54, 8 of imports, 2.15 of loading, 0.15 a cell, 0.0003 a prompt, 2 x 134.5e6 x 8,700 / 8e10
        ("score", SMOL, ONE, {"read": QUESTIONS}, 0.94 + 8 + 2.15 + 0.15 + 0.036 + 29.26),
        ("score", SMOL, ONE, {"read": QUESTIONS, "methods": ["int8"]}, 0.94 + 8 + 2.15 + 0.15 + 0.036 + 1.2 * 29.26),
        # of four variants two are asked; archives are made again
        (
            "score",
            SMOL,
            ONE,
            {"read": replace(QUESTIONS, variants=2), "variants": 4, "rebuilt": True},
            0.4 + 2.15 + 8 + 2 * (2.15 + 2.69) + 0.15 + 0.036 + 29.26,
        ),
        # 13.48 + 53.9, and 2 x 6.738e9 x 8,700 / 1e14
        ("score", LLAMA_7B, GPU, {"dtype": "float16", "read": QUESTIONS}, 8.4 + 13.48 + 53.91 + 0.186 + 1.17),
        # the dense model beside is loaded, too
        (
            "score",
            LLAMA_7B,
            GPU,
            {"dtype": "float16", "read": QUESTIONS, "beside_dense": True},
            8.4 + 13.48 + 107.81 + 0.186 + 1.17,
        ),
        # 5.4 + 53.91, 6.738e9 x (6 x 40.96e6 + 2 x 11 x 65,536) / 2e13, and 20,000 steps of 0.05 s
        ("recover", LLAMA_7B, Machine(1, 2), {"training": PAPER}, 59.31 + 83_282 + 1000),
        # and without training what a compression with second moments takes
        ("recover", LLAMA_7B, Machine(1, 2), {"windows": 128 * 2048}, 59.31 + 529.95 + 350.2),
        ("tables", None, ONE, {"cells": 200}, 7 + 4),
        ("calibrate", SMOL, ONE, {"cells": 200}, 4),
        ("export", SMOL, ONE, {"methods": ["gptq"]}, 0.4 + 2.69),
        ("verify", None, ONE, {"cells": 200, "archives_gb": 3200}, 5 + 4 + 3200),
    ],
)
def test_seconds_by_hand(stage, size, machine, options, expected):
    assert seconds(stage, size, machine, **options) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("stage", "size", "options", "expected"),
    [
        ("compress", LLAMA_7B, {"methods": ["magnitude"]}, 0.15 + 1.348),
        ("compress", LLAMA_7B, {"methods": ["rtn"]}, 0.5 + 1.348),
        # 0.25 x 13.48, and 262,144 tokens of 4,158 numbers in float32
        (
            "compress",
            LLAMA_7B,
            {"methods": ["gptq"], "dtype": "float16", "windows": 128 * 2048},
            0.5 + 3.369 + 4.360,
        ),
        ("score", LLAMA_7B, {"dtype": "float16"}, 0.5 + 13.477),
        # the dense model beside, and 1
        ("score", LLAMA_7B, {"dtype": "float16", "beside_dense": True}, 0.5 + 2 * 13.477 + 1),
        # int8 computes in float32 and is built from float32 copies
        ("score", LLAMA_7B, {"dtype": "float16", "methods": ["int8"]}, 0.5 + 3 * 26.954),
        # compressed elsewhere, and computing on the 39 GB as they are
        ("score", LLAMA_70B, {"dtype": "bfloat16"}, 39.5),
        # 13.48 + 26.95, 1.10 for what 32.5 blocks of 4,158 read of 2,048 tokens, 0.82 for one that is computed again,
        # 1.23 of logits
        ("recover", LLAMA_7B, {"training": PAPER}, 0.5 + 13.477 + 26.954 + 3.152),
        ("recover", LLAMA_7B, {"training": PAPER, "beside_dense": True}, 0.5 + 13.477 + 2 * 26.954 + 3.152),
        # a prefix computes nothing twice: blocks keep 26.55
        ("recover", LLAMA_7B, {"training": replace(PAPER, recomputes=False)}, 0.5 + 13.477 + 26.954 + 27.78),
        ("recover", LLAMA_7B, {}, 0.5 + 13.477 + 2 * 26.954),
        ("tables", None, {"cells": 20_000}, 11),
    ],
)
def test_gigabytes_by_hand(stage, size, options, expected):
    assert predicted(Work(stage, size, **options), GPU).gigabytes == pytest.approx(expected, rel=2e-3)
