"""What there is to judge: the cells that are here, and what of it is kept. Planning counts it, so no torch here."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowcost.benchmarks import prepared
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.judge import kept, references, rubric
from knowcost.judge.outcomes import Outcome, outcome
from knowcost.judge.pairs import Comparison, Manner, Question, Sides, Texts, comparisons
from knowcost.judge.rows import ALONE, REFERENCE
from knowcost.judge.rows import DENSE as BESIDE
from knowcost.score import cells
from knowcost.spec.variants import DENSE

Place = tuple[str, str, str]  # (model, variant, benchmark)


def manner(config: Mapping[str, Any]) -> Manner:
    """How the configuration's section `judge` has judges asked. Raises InputError for a rubric that there is not."""
    judges = [config["model"], config["second_model"]]
    return Manner(
        judges=tuple(name for name in judges if name),
        rubrics=tuple(rubric.load(name) for name in config["rubrics"]),
        temperature=config["temperature"],
        reply_tokens=config["reply_tokens"],
    )


@dataclass(frozen=True)
class Facts:
    """A prepared benchmark. rows: by id; kind: of it; given: the reference answers to it, if there are any."""

    kind: str
    rows: Mapping[str, Mapping[str, Any]]
    given: Texts | None


@dataclass
class Cells:
    """The cells of a study, read as they are asked for. config: the configuration's section `judge`."""

    config: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.manner = manner(self.config)
        self.facts = functools.cache(self._facts)
        self._dense = functools.lru_cache(maxsize=1)(self._written)  # cells come model by model, and not all fit

    def comparisons(self, place: Place) -> list[Comparison]:
        """All that is to be asked of a cell. Raises InputError for files that are damaged or do not belong together."""
        model, variant, benchmark = place
        facts = self.facts(benchmark)
        dense, again = self._dense(model, DENSE, benchmark)
        answers = dense if variant == DENSE else self._written(*place)[0]
        against = {BESIDE: again if variant == DENSE else dense, ALONE: dense}
        if facts.given is not None:
            references.check(self.config["references"][benchmark], facts.given, {id for id, _ in answers}, benchmark)
            against[REFERENCE] = facts.given
        try:
            return list(comparisons(facts.kind, facts.rows, Sides(answers, against), self.manner))
        except InputError as error:
            raise InputError(f"{paths.scores(*place)}: {error}; delete it and run again") from None

    def made_from(self, place: Place) -> dict[str, str]:
        """{path: sha256} of the files that the judgements of a cell are made from."""
        model, _, benchmark = place
        files = [paths.scores(*place), paths.scores(model, DENSE, benchmark), paths.benchmark(benchmark)]
        digests = {path: seal.check(path) for path in files}
        if path := self.config["references"].get(benchmark):
            digests[path] = seal.digest(paths.given(path))
        return digests

    def _facts(self, benchmark: str) -> Facts:
        table, about = prepared.read(paths.benchmark(benchmark))
        path = self.config["references"].get(benchmark)
        given = references.read(paths.given(path)) if path else None
        return Facts(about["kind"], {row["id"]: row for row in table.to_pylist()}, given)

    def _written(self, model: str, variant: str, benchmark: str) -> tuple[Texts, Texts]:
        """The answers of a cell, and what was written when the same was asked once more, "" where it was not."""
        table, _ = cells.read_columns(paths.scores(model, variant, benchmark), ["id", "turn", "text", "again"])
        where = list(zip(*(table[name].to_pylist() for name in ("id", "turn")), strict=True))
        texts = dict(zip(where, (text or "" for text in table["text"].to_pylist()), strict=True))
        again = {at: text for at, text in zip(where, table["again"].to_pylist(), strict=True) if text is not None}
        return texts, again


@dataclass
class Tally:
    """What judges are to be asked: what came of what is kept, by key, and the questions that are still to be asked.

    Attributes: prompt_tokens, an estimate of how many tokens judges read of what is missing, each question once; and
    reply_tokens, how many they may write.
    """

    found: dict[str, Outcome] = field(default_factory=dict)
    missing: dict[str, Question] = field(default_factory=dict)
    prompt_tokens: int = 0
    reply_tokens: int = 0

    def add(self, found: Iterable[Comparison]) -> None:
        """Look for the questions of comparisons among what is kept. Raises InputError for a damaged file."""
        for comparison in found:
            for question in comparison.questions.values():
                if question.key not in self.found and question.key not in self.missing:
                    self._add(question)

    def _add(self, question: Question) -> None:
        came = outcome(question.rubric, kept.read(question.key))
        if came:
            self.found[question.key] = came
            return
        self.missing[question.key] = question
        request = question.request()
        self.prompt_tokens += request.prompt_tokens
        self.reply_tokens += request.max_tokens

    @property
    def judgements(self) -> int:
        """How many questions there are."""
        return len(self.found) + len(self.missing)
