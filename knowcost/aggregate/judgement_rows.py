"""Files of judgements, for the tables made of them: whether they belong to this run, and each row in numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from knowcost import judge
from knowcost.aggregate.inputs import Files
from knowcost.common import parquet, paths, seal
from knowcost.common.errors import InputError
from knowcost.judge.rows import DENSE as THE_DENSE_MODELS
from knowcost.judge.rows import JUDGED, LOSS, TIE, WIN
from knowcost.spec.variants import DENSE

FAILED_MOST = 0.05  # share of judgements that may fail: as many alone decide on a match
FLIPPED_MOST = 0.5  # share of verdicts that may depend on the order: beyond it most ties are no judgement of texts
WORTH = {WIN: 50.0, TIE: 0.0, LOSS: -50.0}  # points above 50

ASKED_ALIKE = ["rubric", "judge", "against"]  # rows that share these answer one question


@dataclass(frozen=True)
class Judgements:
    """What judges say of the texts of a model under a variant on a benchmark of some kind. judge: the study's, beside
    whom a second one may stand. rows: of JUDGED, and the columns of `numbers`."""

    family: str
    model: str
    variant: str
    benchmark: str
    kind: str
    judge: str
    rows: pd.DataFrame

    def is_null(self, against: str) -> bool:
        """Whether the dense model's texts are held against its own, where no judge should have a preference."""
        return self.variant == DENSE and against == THE_DENSE_MODELS


def read(found: Iterable[str | Path], files: Files) -> tuple[list[Judgements], dict[str, str]]:
    """(the Judgements behind paths.judgements, in their order; {path: sha256} of these files).

    Raises InputError for a file that is damaged, of another version, not where it belongs, without a column, of a cell
    that is not of this run, or made from other files than this run has.
    """
    made = [Path(path) for path in found]
    return [_read(path, files) for path in made], {str(path): seal.check(path) for path in made}


def _read(path: Path, files: Files) -> Judgements:
    table, about = parquet.read(path)
    again = f"delete {path} and run again"
    if about.get("version") != judge.STAGE_VERSION:
        raise InputError(f"{path}: judged by another version of knowcost; {again}; no reply is paid for twice")
    place = paths.cell_at(path)
    if (about["model"], about["variant"], about["benchmark"]) != place:
        raise InputError(f"{path}: says it is of {about['model']}, {about['variant']}, {about['benchmark']}; {again}")
    model, variant, benchmark = place
    cell = str(path.parents[1] / paths.SCORES / path.name)
    if cell not in files.digests:
        raise InputError(f"{path}: judgements of {cell}, which is not of this run; {again}")
    _check_made_from(path, about["digests"], files, cell)
    missing = [name for name in JUDGED.names if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; {again}")
    rows = table.to_pandas()
    what = files.models[model], model, variant, benchmark, about["kind"], about["judges"][0]
    return Judgements(*what, rows.join(numbers(rows)))


def _check_made_from(path: Path, digests: Mapping[str, str], files: Files, cell: str) -> None:
    """Raise InputError unless judgements were made from the cells that this run has, their own among them."""
    stale = [name for name in (cell, *digests) if digests.get(name) != files.digests.get(name, digests.get(name))]
    if stale:
        raise InputError(
            f"{path}: was judged before {stale[0]} was made as it is now; delete {path} and run again: only what is "
            "new is asked"
        )


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Each row of JUDGED in numbers. preference: WORTH of its verdict, nan without. score, other_score: the mean over
    criteria, nan where there is none. swapped: whether both orders gave a verdict; flipped: whether these differ.

    No judge is asked about an empty answer: its score is 0, and that of the text that it is held against counts as
    the mean of those that were judged, so that neither mean is better for it.
    """
    made = pd.DataFrame({"preference": rows["verdict"].map(WORTH).astype(float)}, index=rows.index)
    alike = [rows[each] for each in ASKED_ALIKE]
    for name, scores, length in (("score", "scores", "length"), ("other_score", "other_scores", "other_length")):
        told = rows[scores].map(_mean).where(rows["failed"].isna()).astype(float)
        usual = told.groupby(alike).transform("mean")
        made[name] = told.fillna(usual.where(rows[length] > 0, 0.0).where(rows["empty"] | (rows[length] == 0)))
    gives = made[["score", "other_score"]].where(~rows["empty"]).notna().any(axis=1).groupby(alike).transform("any")
    made[["score", "other_score"]] = made[["score", "other_score"]].where(gives)
    made["swapped"] = rows["first"].notna() & rows["second"].notna()
    made["flipped"] = made["swapped"] & (rows["first"] != rows["second"])
    return made


def _mean(scores: Any) -> float:
    return float(np.mean(scores)) if scores is not None and len(scores) else np.nan


def unreliable(rows: pd.DataFrame) -> str:
    """Why these rows bear no equality of the texts that they compare, in words, else "": too many judgements failed, or
    depend on which text stands first; rows: with the columns of `numbers`."""
    failed, swapped, flipped = rows["failed"].notna().sum(), rows["swapped"].sum(), rows["flipped"].sum()
    if failed > FAILED_MOST * len(rows):
        return f"{failed} of {len(rows)} judgements failed"
    if flipped > FLIPPED_MOST * swapped:
        return f"{flipped} of {swapped} verdicts depend on which text stands first"
    return ""
