"""Calibration windows of random tokens, and the kinds of tiny models that are run over them."""

import numpy as np
import pyarrow as pa
import torch

from knowcost.common import parquet

KINDS = ["bert", "roberta", "distilbert", "albert", "t5", "t5-tied", "llama", "llama-tied", "opt"]
SAMPLES, LENGTH = 5, 12


def calibrated(path, samples=SAMPLES, length=LENGTH, seed=0):
    """A file of random windows, as windows.draw writes them. Returns the ids."""
    ids = np.random.default_rng(seed).integers(6, 120, (samples, length))
    schema = pa.schema([("ids", pa.list_(pa.int64()))])
    parquet.write(path, pa.table({"ids": ids.tolist()}, schema=schema), {"name": "random"})
    return torch.from_numpy(ids)
