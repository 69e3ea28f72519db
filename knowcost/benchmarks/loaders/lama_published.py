"""LAMA as "The Cost of Compression" read it (utils.py and bert_prune.py of its repository), to be held beside ours.

Rows with the same masked sentence are one, the first is kept; a sentence may have several masks; an answer may have
several tokens (it then counts as wrong when asked). T-REx and Google-RE are asked by LAMA's templates: that gives
Google-RE's 5,510 facts, the denominator of every Google-RE value in the paper's Table 3 (SQuAD: 308 masks).
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from knowcost.benchmarks import clusters
from knowcost.benchmarks.kinds import MASK
from knowcost.benchmarks.loaders import lama
from knowcost.benchmarks.loaders.lama import MakeFact
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.fields import optional
from knowcost.common.records import Record

GOOGLE_RE = {  # relation: LAMA's template (Petroni et al. 2019, table 1 and scripts/run_experiments.py)
    "place_of_birth": "[X] was born in [MASK] .",
    "date_of_birth": "[X] (born [MASK]).",
    "place_of_death": "[X] died in [MASK] .",
}


def trex(source: Path) -> Loaded:
    paths, fact, relations = lama.trex_rows(source)
    loaded = _load(paths, fact)
    loaded.files.append(relations)
    return loaded


def google_re(source: Path) -> Loaded:
    paths, fact = lama.google_re_rows(source)

    def by_template(where: str, record: Record, path: Path) -> Record:
        row = fact(where, record, path)
        template = GOOGLE_RE.get(row["relation"])
        return row | {"cloze": template.replace("[X]", row["subject"])} if template else row

    return _load(paths, by_template)


def squad(source: Path) -> Loaded:
    return _load(*lama.squad_rows(source))


def conceptnet(source: Path) -> Loaded:
    return _load(*lama.conceptnet_rows(source))


def _load(paths: Iterable[Path], fact: MakeFact) -> Loaded:
    rows, seen = [], set()
    dropped: Counter[str] = Counter()
    for where, record, row in lama.placed(paths, fact):
        answer = optional(where, record, "obj_label")
        if answer is None:
            dropped["no_answer"] += 1
        elif row["cloze"] in seen:
            dropped["same_sentence"] += 1
        elif MASK not in row["cloze"]:
            dropped["no_mask"] += 1
        else:
            rows.append({**row, "answer": answer})
        seen.add(row["cloze"])
    clusters.by_relation(rows)
    return Loaded(rows, list(paths), dropped)
