"""What judging a study asks, said before anything runs: exactly of cells that are here, at most of others."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowcost.benchmarks import expected, prepared
from knowcost.benchmarks.expected import Row
from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.judge.pairs import Comparison, Manner
from knowcost.judge.request import tokens
from knowcost.judge.rubric import PAIR, Rubric
from knowcost.judge.study import Cells, Place
from knowcost.spec.variants import DENSE

STORY, MESSAGE = 1500, 100  # tokens, of a usual story of CNN/DailyMail and of what a user says


@dataclass(frozen=True)
class Plan:
    """What is planned. config: the configuration's section `judge`; benchmarks: rows of the benchmark table by name;
    limit: the first so many rows of each, or None."""

    config: Mapping[str, Any]
    places: Sequence[Place]
    benchmarks: Mapping[str, Row]
    limit: int | None


@dataclass
class Count:
    """judgements: how many there are, at most; kept: of them; prompt_tokens: about, of those that are missing; unknown:
    benchmarks that are not here yet, of which nothing says how many rows they have."""

    judgements: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    unknown: set[str] = field(default_factory=set)

    @property
    def missing(self) -> int:
        return self.judgements - self.kept


def count(plan: Plan) -> Count:
    """The Count of a plan. Raises InputError for a rubric that there is not."""
    cells, found = Cells(plan.config), Count()
    seen: set[str] = set()  # keys of questions, which several cells may have in common
    expected = functools.cache(lambda benchmark: _of_a_cell(plan, benchmark, cells.manner))
    for place in plan.places:
        here = _comparisons(place, cells)
        if here is not None:
            _add(here, seen, found)
            continue
        questions, told = expected(place[2]) or (0, 0)
        found.judgements += questions
        found.prompt_tokens += told
        if expected(place[2]) is None:
            found.unknown.add(place[2])
    return found


def line(plan: Plan, found: Count) -> str:
    """What the Count of a plan says, in a sentence or two."""
    config = plan.config
    judges = " and ".join(name for name in (config["model"], config["second_model"]) if name)
    if not (found.missing or found.unknown):
        return f"judge {judges}: all of {found.judgements:,} judgements are kept; nothing is asked"
    unknown = ", ".join(sorted(found.unknown))
    if not found.judgements:
        return (
            f"judge {judges}: how many judgements there are is known when {unknown} is here (limits: "
            f"{config['requests']:,} requests, {config['tokens']:,} tokens)"
        )
    said = (
        f"judge {judges}: {found.missing:,} of {found.judgements:,} judgements are missing"
        f"{f' (and those of {unknown}, whose rows are not known yet)' if unknown else ''}. They take at most so many "
        f"requests (limit {config['requests']:,}), and one more for each reply that cannot be read; these hold about "
        f"{found.prompt_tokens:,} tokens and are answered by {found.missing * config['reply_tokens']:,} at most (limit "
        f"{config['tokens']:,})."
    )
    wanted = {"requests": found.missing, "tokens": found.prompt_tokens}
    low = [f"judge.{key}" for key, amount in wanted.items() if amount > config[key]]
    return said + (f" The limits do not hold them: raise {' and '.join(low)}." if low else "")


def _comparisons(place: Place, cells: Cells) -> list[Comparison] | None:
    """What is to be asked of a cell; None where a file of it is not here, or will be made again."""
    model, _, benchmark = place
    files = [paths.scores(*place), paths.scores(model, DENSE, benchmark), paths.benchmark(benchmark)]
    if not all(Path(file).exists() for file in files):
        return None
    try:
        return cells.comparisons(place)
    except InputError:  # the job that needs it says what is wrong
        return None


def _add(comparisons: Sequence[Comparison], seen: set[str], found: Count) -> None:
    """Count the questions of a cell that are not among `seen`. What is kept is not read: that would take minutes."""
    for question in (each for comparison in comparisons for each in comparison.questions.values()):
        if question.key in seen:
            continue
        seen.add(question.key)
        found.judgements += 1
        if Path(paths.judgement(question.key)).exists():
            found.kept += 1
        else:
            found.prompt_tokens += question.request().prompt_tokens


def _of_a_cell(plan: Plan, benchmark: str, manner: Manner) -> tuple[int, int] | None:
    """(questions, about how many tokens they hold) of a cell that is not here; None where nothing tells."""
    row = plan.benchmarks[benchmark]
    kind = kind_of(row["format"])
    orders = 3 if benchmark in plan.config["references"] else 2
    path = paths.benchmark(benchmark)
    if Path(path).exists():
        try:
            table, about = prepared.read(path)
        except InputError:
            return None
        facts = table.slice(0, plan.limit).to_pylist()
        new_tokens = about.get("new_tokens") or expected.new_tokens(row)
        each = [_of_row(kind, fact, new_tokens, manner, orders) for fact in facts]
        return sum(questions for questions, _ in each), sum(told for _, told in each)
    count = expected.most_rows(row, plan.limit)
    if count is None:
        return None
    questions, told = _of_unseen(row, manner, orders)
    return count * questions, count * told


def _of_row(kind: str, fact: Mapping[str, Any], new_tokens: int, manner: Manner, orders: int) -> tuple[int, int]:
    """(questions, tokens) of a row of a benchmark; answers are taken for as long as they may be."""
    said = KINDS[kind].said(fact)
    questions = told = 0
    for turn in range(1, len(said) + 1):
        for rubric in manner.rubrics:
            if rubric.applies(kind, fact["relation"], turn):
                asked, size = _of_turn(rubric, turn, new_tokens, orders)
                asked *= len(manner.judges)
                questions += asked
                told += asked * (size + sum(map(tokens, said[:turn])))
    return questions, told


def _of_turn(rubric: Rubric, turn: int, new_tokens: int, orders: int) -> tuple[int, int]:
    """(questions, tokens of each beside what was asked) of a turn."""
    pair = rubric.answers == PAIR
    template = rubric.template_later + rubric.system_later if turn > 1 else rubric.template + rubric.system
    return orders if pair else 1, tokens(template) + (1 + pair) * turn * new_tokens


def _of_unseen(row: Row, manner: Manner, orders: int) -> tuple[int, int]:
    """(questions, tokens) of a row of a benchmark that is not here. Of rubrics for some categories one applies."""
    kind = kind_of(row["format"])
    new_tokens = expected.new_tokens(row)
    rubrics = [rubric for rubric in manner.rubrics if kind in rubric.kinds]
    few = [rubric for rubric in rubrics if rubric.categories or rubric.not_categories]
    _, turns = expected.OFFICIAL.get(row["format"], (None, None))
    questions = told = 0
    for rubric in [rubric for rubric in rubrics if rubric not in few] + few[:1]:
        for turn in rubric.turns[:turns]:
            asked, size = _of_turn(rubric, turn, new_tokens, orders)
            asked *= len(manner.judges)
            questions += asked
            told += asked * (size + (STORY if KINDS[kind].sized else turn * MESSAGE))
    return questions, told
