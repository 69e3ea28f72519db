"""Which facts are not independent draws: the `cluster` of a row, out of what its file says.

A name of a cluster is any text; facts of a benchmark that have the same one are taken together. A row without one
shares nothing: prepared.py names it by the row's own fact.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from knowcost.common.records import Record

MANY = 10  # relations; intervals out of fewer clusters say next to nothing, so that the subject is taken
TWINS = 0.7  # WinoGrande's paper asks so much of a twin's words; of the validation set's pairs none is at 0.53 to 0.75


def by_relation(rows: Iterable[Record]) -> None:
    """Name the cluster of rows that have none, in place: the relation where there are MANY, else the subject."""
    rows = list(rows)
    relations = {row["relation"] for row in rows} - {None}
    for row in rows:
        if row.get("cluster") is None:
            subject = row.get("subject")
            row["cluster"] = (row["relation"] if len(relations) >= MANY else None) or subject


def of_text(*texts: str | None) -> str | None:
    """A short name of texts that facts share, whatever their case, spaces and punctuation; None for no word."""
    words = [_words(text or "") for text in texts]
    if not any(words):
        return None
    return hashlib.sha256("\n".join(map(" ".join, words)).encode()).hexdigest()[:16]


def twins(sentences: Sequence[tuple[str, str, str]]) -> list[str | None]:
    """Of each (sentence, option, option) the name that it shares with its twins, or None.

    Twins have the same two options, in either order, and at least TWINS of the longer one's words.
    """
    alike: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, (_, *options) in enumerate(sentences):
        alike[frozenset(" ".join(_words(option)) for option in options)].append(place)
    words = [Counter(_words(sentence)) for sentence, *_ in sentences]
    names: list[str | None] = [None] * len(sentences)
    for places in alike.values():
        for number, place in enumerate(places):
            for earlier in places[:number]:
                both, longer = words[place] & words[earlier], max(words[place].total(), words[earlier].total())
                if both.total() >= TWINS * longer:
                    names[earlier] = names[earlier] or f"like {earlier}"
                    names[place] = names[earlier]
                    break
    return names


def first(record: Mapping[str, object], *keys: str) -> str | None:
    """The first text that says something under one of the keys, or in the list under one; None where there is none."""
    for key in keys:
        value = record.get(key)
        said = value if isinstance(value, list) else [value]
        found = next((each for each in said if isinstance(each, str) and each.strip()), None)
        if found:
            return found.strip()
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
