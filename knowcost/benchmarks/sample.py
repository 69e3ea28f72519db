"""The order in which the facts of a benchmark are asked: the first so many of it are a sample, whatever their number.

A study with a limit asks the first facts, so their order decides what it speaks of. Official files are no help: T-REx
has relation after relation, and BoolQ begins with 25 times yes in 30. Hence:

- Relations take turns, as many facts of each: the question is of every relation and not of the one that has most
  facts. So a limit weighs relations alike, and the whole file by their facts.
- In its turn a relation gives a fact of the cluster (a passage, a person, twins) of which fewest were taken: facts
  that share one are no independent draws, so a second one says less than the first of another. Where the cluster is
  the relation, the subject stands for it.
- Right choices (yes or no, A to D) come as often as they do among all, never more than a fact or two away, so that
  what always saying yes gets is the same in the sample. Answers of which a benchmark has more than FEW are left to
  chance: the most frequent one of every relation would come first.
- Everything else is chance: the order of a hash of the fact's name with a fixed seed.

The first 30 of 100 are therefore the 30; the order of the file does not matter (but to facts without ids, whose names
are their places in it), and facts that are added to it leave the others in their order. Formats that read one file (a
companion as published, with or without examples) ask the same facts, as far as these have the same ids. Phrasings of
one fact stay together, in the order of the file.
"""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from knowcost.benchmarks.kinds import Kind
from knowcost.common.records import Record

SEED = 20231208
FEW = 5  # right answers of a benchmark, yes and no or A to E


def order(rows: Sequence[Record], kind: Kind) -> list[Record]:
    """The rows in the order in which they are asked; a running text stays as it is.

    rows: with the columns of a prepared benchmark; `cluster` and `fact` may be missing. Needs ids that are unique.
    """
    if kind.running:
        return list(rows)
    of_relation: dict[str | None, list[_Fact]] = defaultdict(list)
    for fact in _facts(rows, kind):
        of_relation[fact.relation].append(fact)
    in_turn = sorted(of_relation, key=lambda relation: _hash("relation", relation or ""))
    return [row for fact in _turns([_Relation(of_relation[each]) for each in in_turn]) for row in fact.rows]


def windows(count: int) -> list[int]:
    """The numbers 0 to count - 1 in the order in which windows of a running text are drawn."""
    return sorted(range(count), key=lambda number: _hash("window", str(number)))


@dataclass(frozen=True)
class _Fact:
    """A fact with its rows, one per phrasing. relation: of its rows. shares: with which facts it shares something;
    label: which choice is right, None where that is left to chance."""

    rows: list[Record]
    relation: str | None
    shares: Hashable
    label: str | None


def _facts(rows: Sequence[Record], kind: Kind) -> list[_Fact]:
    """The facts that the rows ask."""
    phrasings: dict[str, list[Record]] = defaultdict(list)
    clusters: dict[str | None, set[str]] = defaultdict(set)
    for row in rows:
        phrasings[_name(row)].append(row)
        clusters[row["relation"]].add(_cluster(row))
    labels = {name: _label(asked[0], kind) for name, asked in phrasings.items()}
    few = len(set(labels.values())) <= FEW
    found = []
    for name, asked in phrasings.items():
        row, relation = asked[0], asked[0]["relation"]
        shares = (relation, row.get("subject") or name) if len(clusters[relation]) == 1 else _cluster(row)
        found.append(_Fact(asked, relation, shares, labels[name] if few else None))
    return found


def _name(row: Record) -> str:
    name: str = row["id"] if row.get("fact") is None else row["fact"]
    return name


def _cluster(row: Record) -> str:
    name: str = _name(row) if row.get("cluster") is None else row["cluster"]
    return name


def _label(row: Record, kind: Kind) -> str | None:
    if kind.majority == "place" and kind.choices:
        return str(kind.choices(row)[1])
    return row["answer"] if kind.majority == "answer" and row.get("candidates") else None


_Cluster = tuple[int, bytes, list[_Fact]]  # how many turns it had, the hash of its next fact, what is left of it
Taken = Counter[Hashable]  # how many facts of each cluster were taken
Owed = dict[str | None, float]  # how many facts of each label are missing among those that were taken


class _Relation:
    """What is left of a relation's facts, label by label: the cluster that had least turns first, then by hash."""

    def __init__(self, facts: Sequence[_Fact]) -> None:
        found: dict[str | None, dict[Hashable, list[_Fact]]] = defaultdict(lambda: defaultdict(list))
        for fact in facts:
            found[fact.label][fact.shares].append(fact)
        self._left = {label: _clusters(found[label].values()) for label in sorted(found, key=str)}
        self._shares = {label: sum(map(len, found[label].values())) / len(facts) for label in self._left}

    def take(self, taken: Taken, owed: Owed) -> _Fact:
        """The next fact, of which `taken` and `owed` take notice."""
        for label, share in self._shares.items():
            owed[label] += share
        least = {label: self._least(label, taken) for label in self._left}
        label = max((each for each in least if least[each] == min(least.values())), key=lambda each: owed[each])
        turns, _, facts = heapq.heappop(self._left[label])
        fact = facts.pop()
        if facts:
            heapq.heappush(self._left[label], (turns + 1, _hash_of(facts[-1]), facts))
        if not self._left[label]:
            del self._left[label]
        owed[label] -= 1
        taken[fact.shares] += 1
        return fact

    def _least(self, label: str | None, taken: Taken) -> int:
        """How many turns the cluster of a label's next fact had."""
        left = self._left[label]
        while (now := taken[left[0][2][-1].shares]) > left[0][0]:  # others of it were taken since
            heapq.heapreplace(left, (now, *left[0][1:]))
        return left[0][0]

    def __bool__(self) -> bool:
        return bool(self._left)


def _clusters(every: Iterable[list[_Fact]]) -> list[_Cluster]:
    """A heap of clusters, each with its facts in the order of their hashes, the first at the end."""
    ordered = [sorted(facts, key=_hash_of, reverse=True) for facts in every]
    return sorted(((0, _hash_of(facts[-1]), facts) for facts in ordered), key=lambda each: each[1])


def _turns(relations: list[_Relation]) -> Iterator[_Fact]:
    taken: Taken = Counter()
    owed: Owed = defaultdict(float)
    while relations:
        for relation in relations:
            yield relation.take(taken, owed)
        relations = [relation for relation in relations if relation]


def _hash_of(fact: _Fact) -> bytes:
    return _hash("fact", _name(fact.rows[0]))


def _hash(what: str, name: str) -> bytes:
    return hashlib.blake2b(f"{SEED} {what} {name}".encode(), digest_size=16).digest()
