"""Calibration windows of random tokens."""

import numpy as np
import pyarrow as pa
import torch

from knowcost.common import parquet
from knowcost.models import fetched

SAMPLES, LENGTH = 5, 12


def calibrated(path, samples=SAMPLES, length=LENGTH, seed=0, model=None, ids=(6, 120)):
    """A file of random windows, as windows.draw writes them for a fetched model, of ids in a range. Returns the ids."""
    ids = np.random.default_rng(seed).integers(*ids, (samples, length))
    about = {"name": "random"}
    if model:
        about["model_files"] = fetched.digest_of_small(fetched.read_source(model))
    schema = pa.schema([("ids", pa.list_(pa.int64()))])
    parquet.write(path, pa.table({"ids": ids.tolist()}, schema=schema), about)
    return torch.from_numpy(ids)
