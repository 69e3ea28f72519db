"""Rubrics: a judge's instructions, a file each in rubrics/. Imported while the Snakefile is parsed."""

import functools
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from knowcost.benchmarks.kinds import KINDS
from knowcost.common import seal
from knowcost.common.errors import InputError

FOLDER = Path(__file__).with_name("rubrics")

PAIR, SINGLE = "pair", "single"

FORMS: dict[str, tuple[type, str]] = {"tuple": (list, "a list"), "int": (int, "a whole number"), "str": (str, "a text")}

# How a reply is read (reading.py), and of how many answers such a reply speaks.
FIRST_LINE, LINES, TUPLE, VERDICT, RATING = "scores_first_line", "scores_lines", "scores_tuple", "verdict", "rating"
READS = {FIRST_LINE: (PAIR,), LINES: (PAIR, SINGLE), TUPLE: (PAIR,), VERDICT: (PAIR,), RATING: (SINGLE,)}

# What a template names: of a first turn, with the story or the question, and of a second one.
PLACES = {PAIR: {"first", "second"}, SINGLE: {"answer"}}
LATER = {PAIR: {"first_1", "first_2", "second_1", "second_2"}, SINGLE: {"answer_1", "answer_2"}}


@dataclass(frozen=True)
class Rubric:
    """A judge's instructions.

    version: raised when a word of it changes. source, licence: whose they are. kinds: of benchmarks that it is for, and
    of these only the relations of `categories` or all but those of `not_categories`, if there are any. turns: of a
    conversation that it judges. answers: PAIR or SINGLE. reads: a key of READS. system, template: what the judge is
    told and asked; system_later, template_later: the same of second turns. criteria: what the scores are of; scale: the
    lowest and the highest one; a verdict has neither.
    """

    name: str
    version: int
    source: str
    licence: str
    kinds: tuple[str, ...]
    turns: tuple[int, ...]
    answers: str
    reads: str
    system: str
    template: str
    system_later: str = ""
    template_later: str = ""
    criteria: tuple[str, ...] = ()
    scale: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    not_categories: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that it says."""
        return seal.of_values(asdict(self))

    def applies(self, kind: str, relation: str | None, turn: int) -> bool:
        """Whether it judges the answers of a turn to rows of a kind and relation."""
        if kind not in self.kinds or turn not in self.turns or relation in self.not_categories:
            return False
        return not self.categories or relation in self.categories

    def prompt(self, turn: int, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The messages that ask about a turn, ((role, content), ...). values: of the template's places."""
        later = turn > 1
        asked = (self.template_later if later else self.template).format_map(values)
        system = self.system_later if later else self.system
        return (*((("system", system),) if system else ()), ("user", asked))


def names() -> list[str]:
    """The rubrics that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> Rubric:
    """The rubric of a name. Raises InputError for one that there is not, and for a file that is none."""
    if name not in names():
        raise InputError(f"judge.rubrics: no rubric {name!r}; known: {', '.join(names())}")
    return read(FOLDER / f"{name}.yaml")


@functools.cache
def read(path: Path) -> Rubric:
    """The rubric of a file. Raises InputError naming the file and the key that is wrong."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no YAML ({error}); correct the file") from None
    if not isinstance(said, dict):
        raise InputError(f"{path}: expected keys and values, found {said!r}")
    _check_keys(path, said)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    rubric = Rubric(**values)
    _check(path, rubric)
    return rubric


def _check_keys(path: Path, said: Mapping[str, Any]) -> None:
    """Every key known, the required ones there, and lists where lists belong."""
    known = {field.name: field for field in fields(Rubric)}
    if unknown := [key for key in said if key not in known]:
        raise InputError(f"{path}: no key {unknown[0]!r}; known: {', '.join(known)}")
    optional = {"system_later", "template_later", "criteria", "scale", "categories", "not_categories"}
    if missing := [key for key in known if key not in said and key not in optional]:
        raise InputError(f"{path}: the key {missing[0]!r} is missing")
    for key, value in said.items():
        kind = getattr(known[key].type, "__name__", "tuple")
        wanted, word = FORMS[kind]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise InputError(f"{path}: {key}: expected {word}, found {value!r}")


def _check(path: Path, rubric: Rubric) -> None:
    """What the keys say of each other."""
    writing = [name for name, kind in KINDS.items() if kind.writes]
    for key, found, allowed in (
        ("name", [rubric.name], [path.stem]),
        ("kinds", rubric.kinds, writing),
        ("turns", [list(rubric.turns)], [[1], [1, 2]]),
        ("answers", [rubric.answers], [PAIR, SINGLE]),
        ("reads", [rubric.reads], [name for name, answers in READS.items() if rubric.answers in answers]),
    ):
        wrong: list[Any] = [each for each in found if each not in allowed] or ([] if found else [[]])
        if wrong:
            raise InputError(f"{path}: {key}: {wrong[0]!r}; expected {', '.join(map(str, allowed))}")
    scored = rubric.reads != VERDICT
    if scored != bool(rubric.criteria) or scored != bool(rubric.scale):
        raise InputError(f"{path}: criteria, scale: a rubric of scores has both, one of verdicts has neither")
    if scored and not _is_scale(rubric.scale):
        raise InputError(f"{path}: scale: expected the lowest and the highest score, found {list(rubric.scale)}")
    if rubric.reads != LINES and len(rubric.criteria) > 1:
        raise InputError(f"{path}: criteria: replies read as {rubric.reads} have one, found {len(rubric.criteria)}")
    _check_places(path, rubric)


def _is_scale(scale: Sequence[Any]) -> bool:
    return len(scale) == 2 and all(isinstance(end, int | float) for end in scale) and scale[0] < scale[1]


def _check_places(path: Path, rubric: Rubric) -> None:
    """Templates name the answers, and what they answer to, and nothing else."""
    asked = "story" if all(KINDS[kind].shortened for kind in rubric.kinds) else "question"
    first = PLACES[rubric.answers] | {asked}
    later = LATER[rubric.answers] | {"question_1", "question_2"} if 2 in rubric.turns else set()
    for key, wanted in (("template", first), ("template_later", later)):
        try:
            found = {place for _, place, _, _ in string.Formatter().parse(getattr(rubric, key)) if place is not None}
        except ValueError as error:
            raise InputError(f"{path}: {key}: {error}; a brace that is none of a place is written twice") from None
        if found != wanted:
            raise InputError(f"{path}: {key}: names {sorted(found)}, expected {sorted(wanted)}")
