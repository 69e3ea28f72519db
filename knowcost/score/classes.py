"""Of which answers a cloze's row says how likely they are (`choice_logprobs`).

A cloze with candidates of its own: these. An open one: the most frequent answers of its relation in the whole benchmark
and its own, and all the rest of the vocabulary as one class more. They follow from the benchmark alone, so that all
models that are asked it can be compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from knowcost.benchmarks.kinds import Row

MOST = 256  # answers of a relation: with all of the vocabulary a cell would have gigabytes


def answers_by_relation(facts: Iterable[Row]) -> dict[str | None, list[str]]:
    """{relation: its answers, at most MOST, the most frequent first, of equal ones in alphabetical order}.

    facts: of the whole benchmark. Those without a relation (None) are taken together.
    """
    counts: dict[str | None, Counter[str]] = {}
    for fact in facts:
        counts.setdefault(fact["relation"], Counter())[fact["answer"]] += 1
    return {
        relation: sorted(found, key=lambda answer: (-found[answer], answer))[:MOST]
        for relation, found in counts.items()
    }


def classes(fact: Row, answers: Mapping[str | None, list[str]]) -> list[str]:
    """The texts whose probabilities stand in a cloze's row, in that order; in an open cloze one value more is that of
    the rest of the vocabulary. answers: of answers_by_relation."""
    if fact["candidates"] is not None:
        return list(fact["candidates"])
    known = answers[fact["relation"]]
    return known if fact["answer"] in known else [*known, fact["answer"]]
