"""The target `stale`: lists what the study no longer names, and removes it when it is told the number of that list."""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from knowcost.common import paths
from knowcost.common.display import size
from knowcost.common.errors import InputError
from knowcost.report import unnamed
from knowcost.report.unnamed import Found, Named

LOCKS = ".snakemake/locks"  # of the Snakemakes at work here, with the files that each makes; ours makes none

log = logging.getLogger(__name__)


def stale(named: Named, confirmed: str | None) -> None:
    """Log what the study no longer names and how it is removed; remove it where `confirmed` is the number of that list.

    Raises InputError where something cannot be removed, and while another Snakemake is at work.
    """
    found = unnamed.find(named)
    number = unnamed.digest(found)
    made = [path for path in _results(named) if Path(path).exists()]
    may_go = bool(made and unnamed.removable(found))
    if confirmed == number and may_go:
        _remove(found)
        return
    if confirmed:
        log.warning("delete: %s is not the number of a list that may go, so nothing was removed:", confirmed)
    for line in _listed(found, named):
        log.info(line)
    if found and not made:
        log.info(
            "Nothing is removed before any result of this study is here. Is this its configuration, and its folder? "
            "Run `snakemake` first; a model that was only renamed takes over what lies here."
        )
    elif absent := len(_results(named)) - len(made):
        log.info(
            "%d results of this study are not made yet. A model that was only renamed takes over what lies here when "
            "`snakemake` runs, so run that first.",
            absent,
        )
    if may_go:
        log.info("To remove these, with the options of this run: snakemake --cores 1 stale --config delete=%s", number)


def is_at_work() -> bool:
    """Whether a Snakemake makes something in this folder, or was killed when it did."""
    for path in Path(LOCKS).glob("*"):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            if path.read_text(encoding="utf-8").strip():
                return True
    return False


def _remove(found: Sequence[Found]) -> None:
    if is_at_work():
        raise InputError(
            "another Snakemake is at work in this folder, or other targets were asked for beside `stale`: nothing was "
            "removed. Run `stale` alone, when that has ended (and `snakemake --unlock` first, if it was killed)"
        )
    files = unnamed.removable(found)
    freed = unnamed.size(files) - unnamed.size_elsewhere(files)
    unnamed.remove(found)
    log.info("Removed %d files; %s are free.", len(files), size(freed))


def _listed(found: Sequence[Found], named: Named) -> Iterable[str]:
    if not found:
        yield "Nothing lies here that this study does not name."
    else:
        yield "This study no longer names:"
    for what, some in groupby(found, key=lambda each: each.what):
        yield f"{what}:"
        for each in some:
            said = "; ".join(filter(None, [each.holds, each.stays and f"not removed: {each.stays}"]))
            yield f"{size(unnamed.size(each.files)):>10}  {each.path}{f' ({said})' if said else ''}"
    files = [path for each in found for path in each.files]
    if files:
        yield f"{size(unnamed.size(files)):>10}  in all"
    if linked := unnamed.size_elsewhere(files):
        yield f"{size(linked):>10}  of it have other names too, of a renamed model perhaps, and stay on the disk"
    if any(each.path.startswith(paths.RESOURCES) and not each.stays for each in found):
        yield "Studies whose `resources` is a link to the one here may still use what is listed of it."
    if any(each.path.startswith(paths.EXPORTS) and not each.stays for each in found):
        yield "Move away an export that you want to keep."
    kept = unnamed.kept_answers(named)
    count = sum(path.suffix == ".parquet" for path in kept)
    of_kept = size(unnamed.size(kept))
    yield f"Never removed: {count} kept answers of what the study names ({of_kept}), judges' replies, logs."


def _results(named: Named) -> list[str]:
    return [paths.manifest(*place) for place in named.archives] + [paths.scores(*place) for place in named.cells]
