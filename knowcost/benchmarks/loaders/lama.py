"""LAMA (Petroni et al. 2019, https://github.com/facebookresearch/LAMA): T-REx, Google-RE, SQuAD, ConceptNet as clozes.

Decisions, all counted in the metadata or the log:
- T-REx is asked by the relation's template, the subject in place of [X]; the other three by the first of a row's
  `masked_sentences` (578 of 5,528 Google-RE rows have a second one, which is not read).
- A sentence without a mask is dropped as `no_mask`, with more than one as `several_masks`, a row without an object as
  `no_answer`: one cloze has one answer at one place.
- What facts share (`cluster`) is the relation; of Google-RE, whose relations are few, the subject; of SQuAD the
  passage.
- Rows that differ in nothing are dropped as `duplicate`. Rows with equal text but different uuid are kept: they are
  facts about different entities of one name, and the official counts include them.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from knowcost.benchmarks import clusters, ids, layouts
from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.loaders.templates import checked, filled
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import optional, text
from knowcost.common.reading import shown
from knowcost.common.records import Record, records

log = logging.getLogger(__name__)

# SQuAD's ids begin with the second they were made in, and the questions of a passage were made at once
_SQUAD = re.compile(r"([0-9a-f]{8})[0-9a-f]{16}(_\d+)?")

MakeFact = Callable[[str, Record, Path], Record]  # of where a record stands, the record, and its file


def trex(source: Path) -> Loaded:
    """T-REx: one fact per row of TREx/<relation>.jsonl, templates from relations.jsonl beside it."""
    paths, fact, relations = trex_rows(source)
    loaded = _load(paths, fact)
    loaded.files.append(relations)
    return loaded


def trex_rows(source: Path) -> tuple[list[Path], MakeFact, Path]:
    """(files, function (where, record, path) -> fact, the file of templates) of T-REx."""
    *paths, relations = layouts.lama("trex", source)
    templates: dict[str, str] = {}
    for where, record in records(relations):
        template = checked(where, text(where, record, "template"))
        relation = text(where, record, "relation")
        if templates.setdefault(relation, template) != template:
            raise InputError(f"{where}: a second template for {shown(relation)}, {shown(template)}; expected one")
    for path in paths:
        if path.stem not in templates:
            raise InputError(f"{path}: {relations} has no template for relation {path.stem}")
    missing = sorted(templates.keys() - {path.stem for path in paths})
    if missing:
        log.warning(
            "T-REx: %d of %d relations have no file in %s: %s",
            len(missing),
            len(templates),
            paths[0].parent,
            " ".join(missing),
        )

    def fact(where: str, record: Record, path: Path) -> Record:
        subject = text(where, record, "sub_label")
        sentence = filled(templates[path.stem], subject)
        return {"id": text(where, record, "uuid"), "relation": path.stem, "subject": subject, "cloze": sentence}

    return paths, fact, relations


def google_re(source: Path) -> Loaded:
    """Google-RE: relation is the last part of `pred`, e.g. place_of_birth."""
    return _load(*google_re_rows(source))


def google_re_rows(source: Path) -> tuple[list[Path], MakeFact]:
    """(files, function (where, record, path) -> fact) of Google-RE."""

    def fact(where: str, record: Record, path: Path) -> Record:
        return {
            "id": text(where, record, "uuid"),
            "relation": text(where, record, "pred").rsplit("/", 1)[-1],
            "subject": text(where, record, "sub_label"),
            "cloze": _sentence(where, record),
        }

    return layouts.lama("google_re", source), fact


def squad(source: Path) -> Loaded:
    """SQuAD: no relations, and no subjects (`sub_label` is "Squad" in every row)."""
    return _load(*squad_rows(source))


def squad_rows(source: Path) -> tuple[list[Path], MakeFact]:
    """(files, function (where, record, path) -> fact) of SQuAD."""

    def fact(where: str, record: Record, path: Path) -> Record:
        name = text(where, record, "id")
        made = _SQUAD.fullmatch(name)
        row = {"id": name, "relation": None, "subject": None, "cloze": _sentence(where, record)}
        return row | {"cluster": made[1] if made else None}

    return layouts.lama("squad", source), fact


def conceptnet(source: Path) -> Loaded:
    """ConceptNet: relation is `pred`, e.g. HasSubevent."""
    return _load(*conceptnet_rows(source))


def conceptnet_rows(source: Path) -> tuple[list[Path], MakeFact]:
    """(files, function (where, record, path) -> fact) of ConceptNet."""

    def fact(where: str, record: Record, path: Path) -> Record:
        subject = optional(where, record, "sub_label") or optional(where, record, "sub")
        return {
            "id": text(where, record, "uuid"),
            "relation": text(where, record, "pred"),
            "subject": subject,
            "cloze": _sentence(where, record),
        }

    return layouts.lama("conceptnet", source), fact


def _sentence(where: str, record: Record) -> str:
    sentences = record.get("masked_sentences")
    if not isinstance(sentences, list) or not sentences or not isinstance(sentences[0], str):
        raise InputError(f"{where}: 'masked_sentences' must be a list of texts, found {shown(sentences)}")
    return sentences[0]


def placed(paths: Iterable[Path], fact: MakeFact) -> Iterator[tuple[str, Record, Record]]:
    """(where, record, fact) of every line of the files, each of which has some; the fact lacks its answer."""
    for path in paths:
        empty = True
        for where, record in records(path):
            empty = False
            yield where, record, fact(where, record, path)
        if empty:
            raise InputError(f"{path}: no fact in it; fetch LAMA again, or delete the file")


def _load(paths: Iterable[Path], fact: MakeFact) -> Loaded:
    """Every fact with its answer; the unusable are dropped and counted."""
    rows: list[Record] = []
    dropped: Counter[str] = Counter()
    seen, said = set(), set()
    for where, record, row in placed(paths, fact):
        answer = optional(where, record, "obj_label")
        masks = row["cloze"].count(MASK)
        identity = (row["id"], row["relation"], row["cloze"], answer)
        if answer is None:
            dropped["no_answer"] += 1
        elif masks != 1:
            dropped["several_masks" if masks else "no_mask"] += 1
        elif identity in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(identity)
            said.add(identity[1:])
            rows.append({**row, "answer": answer})
    if len(said) < len(rows):
        log.info(
            "%d facts repeat the sentence and answer of another fact (entities of one name); kept",
            len(rows) - len(said),
        )
    ids.distinguish(rows)
    clusters.by_relation(rows)
    return Loaded(rows, list(paths), dropped)
