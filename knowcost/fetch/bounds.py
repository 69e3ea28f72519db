"""How much a download may bring: refused before it comes where the other side announces too much, else as it comes."""

import shutil
from pathlib import Path
from typing import Any

from huggingface_hub.utils import tqdm

from knowcost.common.errors import InputError

MOST = 100e9  # bytes; the configuration's download_gb says otherwise
BY_KEY = "download_gb allows {:g}; raise it if that is right"
BY_HUB = "the hub's list of files says {:g}; if it happens again, the mirror in HF_ENDPOINT is bad"


def check_size(size: float, most: float, limit: str = BY_KEY) -> None:
    """Raise InputError for more bytes than `most`. limit: BY_KEY or BY_HUB, whose limit that is."""
    if size > most:
        raise InputError(f"{size / 1e9:.3g} GB or more, and {limit.format(most / 1e9)}")


def check_room(size: float, folder: Path) -> None:
    """Raise InputError where so many bytes do not fit into a folder's disk."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(f"{size / 1e9:.3g} GB, and the disk of {folder} has {free / 1e9:.3g} GB free; make room there")


def bar(folder: Path, most: float, limit: str = BY_KEY) -> type[tqdm]:
    """A progress bar for huggingface_hub that ends a download which announces or brings more than `most` bytes.

    It is made with the announced size before the first byte is written and told of each block before that is, and what
    it raises passes through: there is no other way into such a download. Xet's own client asks by size and hash, so
    there the announced size is all that comes.
    """

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._so_far = options.get("initial") or 0
            announced = options.get("total") or 0
            check_size(announced, most, limit)
            check_room(announced - self._so_far, folder)

        def update(self, n: float | None = 1) -> bool | None:
            self._so_far += n or 0
            check_size(self._so_far, most, limit)
            return super().update(n)

    return Bar
