"""A run's data of the explorer, from its scores files, manifests and prepared benchmarks (stored.py)."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowcost.aggregate import fact_by_fact, inputs, tables
from knowcost.aggregate.explore import answers, parts, stored
from knowcost.aggregate.explore.answers import Asked
from knowcost.aggregate.inputs import Cell, Files
from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.common.files import atomic, write_json
from knowcost.recover.wording import in_words
from knowcost.spec.variants import DENSE

log = logging.getLogger(__name__)


@dataclass
class _Folder:
    """What was written so far: the index's lists, and parts, by their bytes."""

    path: Path
    benchmarks: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)

    def add(self, part: bytes) -> int:
        """Write a part. Returns its number."""
        number = len(self.parts)
        with atomic(stored.part(self.path, number)) as temporary:
            temporary.write_bytes(part)
        self.parts.append(len(part))
        return number


def explore(
    cells: Sequence[str | Path],
    manifests: Sequence[str | Path],
    benchmarks: Sequence[str | Path],
    tables_dir: str | Path,
    out_dir: str | Path,
) -> None:
    """Make the folder `out_dir` afresh, and seal it.

    Paths are those of the tables' job (aggregate/job.py), which made `tables_dir` of them. Left out are benchmarks that
    `knowcost facts` leaves out, and, named in the index, what cannot be held against the dense model. Raises InputError
    as inputs.read does, where the tables were made from other files, and for a variant of other facts than the dense
    model's.
    """
    files, read = inputs.read(cells, manifests, benchmarks)
    _check_tables(tables_dir, files)
    listed = [name for name, path in files.benchmarks.items() if not fact_by_fact.why_left_out(path, name)]
    by_benchmark = [group for group in inputs.by_benchmark(read) if group[0].benchmark in listed]
    beside = [group for group in by_benchmark if DENSE in {cell.variant for cell in group}]
    tables.clear(out_dir)
    made = _Folder(Path(out_dir))
    made.left_out += [
        f"{group[0].model}, {group[0].benchmark}: the dense model was not asked"
        for group in by_benchmark
        if group not in beside
    ]
    dense = [cell for group in beside for cell in group if cell.variant == DENSE]
    asked = {}
    for name in listed:
        if mine := [cell for cell in dense if cell.benchmark == name]:
            asked[name] = answers.asked(files.benchmarks[name], mine)
            _add_benchmark(made, name, asked[name])
    for model in files.models:
        if groups := [group for group in beside if group[0].model == model]:
            _add_model(made, groups, asked, files)
    index = {"version": parts.VERSION, "benchmarks": made.benchmarks, "models": made.models}
    write_json(made.path / stored.INDEX, index | {"left_out": made.left_out, "parts": len(made.parts)})
    tables.finish(out_dir, {str(tables_dir): seal.check_folder(tables_dir)})
    log.info("%d parts, %.1f MB", len(made.parts), sum(made.parts) / 1e6)


def _check_tables(made: str | Path, files: Files) -> None:
    said = tables.made_from(made)
    if others := [path for path, digest in files.digests.items() if said.get(path) != digest]:
        raise InputError(f"{made}: was made from another {others[0]} than is here; delete {made} and run again")


def _add_benchmark(made: _Folder, name: str, asked: Asked) -> None:
    part = made.add(parts.of_benchmark(asked.texts))
    made.benchmarks.append({"name": name, "kind": asked.kind, "facts": len(asked.texts.ids), "part": part})


def _add_model(made: _Folder, groups: Iterable[Sequence[Cell]], asked: Mapping[str, Asked], files: Files) -> None:
    """Add what the variants of a model answer. groups: its cells, benchmark by benchmark."""
    cells = [cell for group in groups for cell in group]
    model, there = cells[0].model, {cell.variant for cell in cells}
    slugs = [slug for name, slug in files.manifests if name == model and slug in there]
    slugs.sort(key=lambda slug: slug != DENSE)
    names = [each["name"] for each in made.benchmarks]
    of_model = []
    for group in sorted(groups, key=lambda group: names.index(group[0].benchmark)):
        by_place = dict(sorted((slugs.index(cell.variant), cell) for cell in group))
        part, left_out = answers.of_model(by_place, asked[group[0].benchmark])
        of_model.append({"benchmark": names.index(group[0].benchmark), "part": made.add(part)})
        made.left_out += [
            f"{cell.model} {cell.variant}, {cell.benchmark}: was not asked the dense model's facts" for cell in left_out
        ]
    variants = [
        {"slug": slug, "words": in_words(slug), "bytes": files.manifests[model, slug].get("bytes", {}).get("real")}
        for slug in slugs
    ]
    made.models.append({"name": model, "family": cells[0].family, "variants": variants, "asked": of_model})
