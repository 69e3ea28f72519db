"""BEAR and ParaRel: facts of Wikidata, each asked in all templates of its relation, which are its phrasings.

Both choose among the answers of the relation, as in their papers: BEAR among its published answer space, ParaRel among
the objects of the relation's facts. Of more than CANDIDATES (ParaRel has up to 396) so many are drawn, the same for all
phrasings and all models, so that a decoder can be asked. What is left out, counted in the metadata:
- a fact or a template that the relation has before (`duplicate`, `same_template`: BEAR has such), a relation with fewer
  than two answers (`no_choice`);
- a phrasing whose subject holds a mask itself (`several_masks`);
- of ParaRel, as its code does, a phrasing with "a" before an answer that begins with a vowel, or "an" before one that
  does not (`article`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowcost.benchmarks import clusters, layouts
from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.loaders.candidates import draw
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.errors import InputError
from knowcost.common.fields import text, texts
from knowcost.common.reading import document, shown
from knowcost.common.records import Record, records

SUBJECT, OBJECT = "[X]", "[Y]"
CANDIDATES = 60  # BEAR's largest answer space


@dataclass(frozen=True)
class Relation:
    """How the facts of a relation are asked: in each of these templates, among these answers."""

    name: str
    templates: list[str]
    answers: list[str]


def bear(source: Path) -> Loaded:
    """Wiland et al. 2024: <relation>.jsonl of `sub_id`, `sub_label`, `obj_id`, `obj_label`, and metadata_relations.json
    of `templates` and `answer_space_labels` (without those, as BEAR-big may be: the objects of the relation's file).

    source: the folder of both (BEAR or BEAR-big), the one above it, or one relation's file beside the metadata.
    """
    *paths, metadata = layouts.bear(source)
    about = document(metadata)
    loaded = Loaded([], [*paths, metadata])
    for path in paths:
        said = about.get(path.stem) if isinstance(about, Mapping) else None
        if not isinstance(said, Mapping):
            raise InputError(f"{metadata}: expected an object with {path.stem!r}, whose facts are in {path.name}")
        where = f"{metadata}, {path.stem}"
        facts = _read(path, ("sub_id", "obj_id"), loaded)
        answers = texts(where, said, "answer_space_labels") if "answer_space_labels" in said else _objects(facts)
        relation = Relation(path.stem, [checked(where, each) for each in texts(where, said, "templates")], answers)
        loaded.rows += _asked(relation, facts, loaded)
    return _finished(loaded)


def pararel(source: Path) -> Loaded:
    """Elazar et al. 2021: trex_lms_vocab/<relation>.jsonl of `uuid`, `sub_label`, `obj_label`, the facts, and
    pattern_data/graphs_json/<relation>.jsonl of `pattern`.

    source: the repository, or its folder data. Relations without patterns, or without facts, are not asked.
    """
    paths = layouts.pararel(source)
    loaded = Loaded([], paths)
    for facts_of, patterns in zip(paths[::2], paths[1::2], strict=True):
        templates = [checked(where, text(where, record, "pattern")) for where, record in records(patterns)]
        if not templates:
            raise InputError(f"{patterns}: no pattern in it; fetch ParaRel again, or delete the file")
        facts = _read(facts_of, ("uuid",), loaded)
        relation = Relation(facts_of.stem, templates, _objects(facts))
        loaded.rows += _asked(relation, facts, loaded, article=True)
    return _finished(loaded)


def checked(where: str, template: str) -> str:
    """A template that has a place for the subject and one for the object; InputError for any other."""
    if template.count(SUBJECT) != 1 or template.count(OBJECT) != 1:
        raise InputError(f"{where}: a template needs [X] and [Y] once each, found {shown(template)}")
    return template


def filled(template: str, subject: str) -> str:
    """The cloze that asks a template's object of a subject."""
    # [Y] first: a subject may hold anything, the template holds each mark once
    return template.replace(OBJECT, MASK).replace(SUBJECT, subject)


def _read(path: Path, keys: tuple[str, ...], loaded: Loaded) -> list[tuple[str, Record]]:
    """(where, fact) of a relation's file, each with its name out of these keys; repeated ones are dropped."""
    found: dict[str, tuple[str, Record]] = {}
    for where, record in records(path):
        name = "-".join([path.stem, *(text(where, record, key) for key in keys)])
        row = {"fact": name, "subject": text(where, record, "sub_label"), "answer": text(where, record, "obj_label")}
        if name in found:
            loaded.dropped["duplicate"] += 1
        else:
            found[name] = where, row
    if not found:
        raise InputError(f"{path}: no fact in it; fetch it again, or delete the file")
    return list(found.values())


def _objects(facts: Iterable[tuple[str, Record]]) -> list[str]:
    return sorted({fact["answer"] for _, fact in facts})


def _asked(
    relation: Relation, facts: list[tuple[str, Record]], loaded: Loaded, article: bool = False
) -> Iterator[Record]:
    """Of each fact of a relation its rows, one for each template in which it can be asked."""
    answers, templates = set(relation.answers), list(dict.fromkeys(relation.templates))
    loaded.dropped["same_template"] += len(facts) * (len(relation.templates) - len(templates))
    for where, fact in facts:
        if fact["answer"] not in answers:
            raise InputError(
                f"{where}: the answer {shown(fact['answer'])} is not in the answer space of {relation.name}, "
                f"{shown(relation.answers)}"
            )
        candidates = draw(fact["fact"], fact["answer"], answers, CANDIDATES)
        for number, template in enumerate(templates):
            row = {"id": f"{fact['fact']}-{number}", "relation": relation.name, "phrasing": template, **fact}
            row |= {"cloze": filled(template, fact["subject"]), "candidates": candidates}
            why = _unusable(row, article)
            if why:
                loaded.dropped[why] += 1
            else:
                yield row


def _unusable(row: Record, article: bool) -> str | None:
    if row["cloze"].count(MASK) != 1:
        return "several_masks"
    if len(row["candidates"]) < 2:
        return "no_choice"
    before = re.search(r"\b(an?) \[Y\]", row["phrasing"])
    wrong = before and (before[1] == "an") != (row["answer"][0].lower() in "aeiou")
    return "article" if article and wrong else None


def _finished(loaded: Loaded) -> Loaded:
    clusters.by_relation(loaded.rows)
    loaded.dropped = +loaded.dropped
    return loaded
