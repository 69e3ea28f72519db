"""What calibration saw: how many texts, whose, and how many of the asked sentences stand in them word for word."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS, MASK
from knowcost.common import seal
from knowcost.report.table import number, whole

FIRST = 4  # words by which a sentence is looked up; a shorter one stands in any text, and is not looked for

Words = tuple[str, ...]


def saw(
    manifests: Iterable[Mapping[str, Any]], texts: Mapping[str, str | Path], benchmarks: Iterable[str | Path]
) -> list[str]:
    """Sentences on all the calibration data that the archives of these manifests were made with.

    texts: {name: Arrow file}, where a file may be gone; benchmarks: prepared ones. Raises InputError for a damaged one.
    """
    used = {data["name"]: data for manifest in manifests if (data := manifest.get("calibration"))}
    asked = {words for path in benchmarks for words in sentences(path)} if used else set()
    return [_sentence(data, Path(texts.get(name, "")), asked) for name, data in used.items()]


def _sentence(data: Mapping[str, Any], path: Path, asked: Collection[Words]) -> str:
    source = f"{whole(data['texts'])} text{'s' * (data['texts'] != 1)} of {data['source']}"
    told = f"{data['name']}: {whole(data['samples'])} windows of {whole(data['length'])} tokens from {source}."
    if not path.is_file():
        return f"{told} The texts are no longer here, so whether a question stands in them was not looked at."
    found = len(standing(asked, _read(path)))
    if not found:
        return (
            f"{told} None of the {whole(len(asked))} sentences that benchmarks ask stands in these texts word for word."
        )
    share = number(100 * found / len(asked))
    return (
        f"{told} {whole(found)} of the {whole(len(asked))} sentences that benchmarks ask ({share}%) "
        f"stand{'s' * (found == 1)} in these texts word for word."
    )


def sentences(benchmark: str | Path) -> Iterator[Words]:
    """The words of what a prepared benchmark asks, with the right answer in its gap, of at least FIRST words each."""
    table, about = prepared.read(benchmark)
    kind = KINDS[about["kind"]]
    for row in table.to_pylist():
        text = row[kind.shown]
        if kind.shown == "cloze":
            text = text.replace(MASK, row["answer"])
        elif kind.shown == "sentence" and kind.choices:
            choices, right = kind.choices(row)
            text = text.replace("_", choices[right])
        if len(words := words_of(text)) >= FIRST:
            yield words


def standing(asked: Collection[Words], texts: Iterable[str]) -> set[Words]:
    """Those that stand in one of the texts as they are, whatever the case and the punctuation."""
    by_first: dict[Words, set[Words]] = {}
    for words in asked:
        by_first.setdefault(words[:FIRST], set()).add(words)
    found: set[Words] = set()
    for text in texts:
        words = words_of(text)
        begun = by_first.keys() & set(zip(*(words[start:] for start in range(FIRST)), strict=False))
        if begun:
            whole_text = f" {' '.join(words)} "
            found |= {each for first in begun for each in by_first[first] if f" {' '.join(each)} " in whole_text}
    return found


def words_of(text: str) -> Words:
    """The words of a text in lower case, without punctuation."""
    return tuple(re.findall(r"\w+", text.lower()))


def _read(path: Path) -> Iterator[str]:
    seal.check(path)
    with pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        for place in range(file.num_record_batches):
            yield from file.get_batch(place)["text"].to_pylist()
