"""Unfinished training on disk: what a killed job goes on from, and ends with the same bytes (on a CPU)."""

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

from knowcost.common import seal
from knowcost.common.errors import InputError

log = logging.getLogger(__name__)

FILE = "state.pt"


def weights_of(model: torch.nn.Module) -> str:
    """The digest of a model's weights, without those that are being trained."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
            digest.update(parameter.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save(folder: Path, key: str, state: dict[str, Any]) -> None:
    """Keep a state in the folder, in the place of the last one; key: what it was made of."""
    with seal.sealed(folder / FILE) as temporary:
        torch.save({"key": key, "state": state}, temporary)


def load(folder: Path, key: str) -> dict[str, Any] | None:
    """The state that was kept under this key; None, and what there is is removed, where it is damaged or another's."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        seal.check(path)
        found = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except InputError as error:
        log.info("%s; training begins anew", error)
        found = {"key": None}
    except Exception as error:  # it is whole, so another torch wrote it; its reader stumbles with whatever comes first
        log.info("%s: cannot be read (%s), as of another version of torch; training begins anew", path, error)
        found = {"key": None}
    if found["key"] == key:
        return found["state"]
    forget(folder)
    return None


def forget(folder: Path) -> None:
    """Remove what was kept."""
    path = folder / FILE
    for each in (path, seal.beside(path)):
        each.unlink(missing_ok=True)
