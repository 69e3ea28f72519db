"""Where torch computes. A file of its own: who needs no model is to load no transformers."""

import torch

from knowcost.common.errors import InputError


def pick_device(device: str, cpu_only: bool = False) -> torch.device:
    """torch device of the config's key: `auto` is the first GPU if there is one, else the CPU."""
    if cpu_only:
        if device not in ("auto", "cpu"):
            raise InputError(f"score.int8_engine: torch's engine runs on a CPU only, not on {device!r}")
        return torch.device("cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)
