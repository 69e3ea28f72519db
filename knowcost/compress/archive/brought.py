"""A version that was compressed elsewhere, as a variant of its model: a manifest, and no file beside it.

Its files stay where they were fetched (`keep: as_brought`): the manifest lists them by their digests, as it does those
of an archive, so cells say which weights they were asked of.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowcost import compress
from knowcost.common import again, paths
from knowcost.common.errors import InputError
from knowcost.compress.archive import storage, write
from knowcost.compress.archive.again import check_place, restore
from knowcost.models import fetched, footprint
from knowcost.models.brought import FLOATS, computes_otherwise, left_out
from knowcost.models.footprint import Footprint
from knowcost.spec.variants import parse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The folder of a fetched model, and whether its own code may run."""

    folder: Path
    remote_code: bool = False


def describe(place: tuple[str, str], version: Fetched, parent: Fetched, out: Path) -> None:
    """Write the manifest of a version, and of the model that it is a version of, in `out`.

    place: (model, slug). What its tokenizer and configuration have otherwise than its parent's is logged and stands in
    the manifest. Raises InputError for a folder that is not what was fetched.
    """
    model, slug = place
    check_place(out, model, slug)
    source, dense = fetched.check(version.folder), fetched.check(parent.folder)
    of = {"version": compress.STAGE_VERSION, "brought": source, "parent": dense}
    if restore(out, of):
        return
    write.clear(out)
    differences = _differences(parent, version, source)
    for what, sentences in differences.items():
        for sentence in sentences:
            log.warning("%s: its %s is not that of %s: %s", source["name"], what, model, sentence)
    manifest = _manifest(place, source, dense) | {f"{what}_differs": said for what, said in differences.items()}
    storage.write_manifest(out, manifest, {"keep": storage.AS_BROUGHT, "files": {}})
    again.remember(out / paths.MANIFEST, of)
    log.info("%s %s: %s, %.2f bits per parameter", model, slug, source["format"], manifest["bits_per_parameter"])


def _differences(parent: Fetched, version: Fetched, source: Mapping[str, Any]) -> dict[str, list[str]]:
    """{"tokenizer", "configuration": what the version's does otherwise than its parent's}; source: the version's."""
    from knowcost.models import tokenizers  # which loads torch, and every job that reads an archive imports this file

    read = (tokenizers.read_tokenizer(each.folder, each.remote_code) for each in (parent, version))
    said = (tokenizers.configured(each.folder, each.remote_code).to_dict() for each in (parent, version))
    configuration = computes_otherwise(*said) + left_out(version.folder, source["parameters"])
    return {"tokenizer": tokenizers.differences(*read), "configuration": configuration}


def _manifest(place: tuple[str, str], source: Mapping[str, Any], dense: Mapping[str, Any]) -> dict[str, Any]:
    model, slug = place
    about = ("name", "format", "source", "commit", "requested_revision")
    return {
        "model": model,
        "variant": slug,
        "stage_version": compress.STAGE_VERSION,
        "steps": [],
        "family": source["family"],
        "architecture": source["architecture"],
        "brought": {key: source[key] for key in about},
        "base": {key: dense.get(key) for key in ("source", "commit", "requested_revision")}
        | {"files": fetched.digests(dense)},
        "parameters": {"total": source["parameters"]},
        "bits_per_parameter": 8 * source["weight_bytes"] / dense["parameters"],
        "bytes": _as_stored(source).as_manifest(),
        "files": source["files"],
    }


def _as_stored(source: Mapping[str, Any]) -> Footprint:
    """What a version takes, as it is stored: there are kernels for each of these formats."""
    form = footprint.DENSE if source["format"] == FLOATS else footprint.PACKED_BITS
    return Footprint({form: source["weight_bytes"]}, source["weight_bytes"], form)


def folder_of(manifest: Mapping[str, Any]) -> Path:
    """Where the files of a version lie, every byte of which was read for this.

    Raises InputError where they are not those that its manifest lists.
    """
    folder = Path(paths.model_dir(parse(manifest["variant"]).brought or ""))
    if fetched.check(folder)["files"] != manifest["files"]:
        path = paths.manifest(manifest["model"], manifest["variant"])
        raise InputError(f"{path} was written for other files than those in {folder}; delete it and run again")
    return folder
