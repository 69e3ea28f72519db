"""Which compression of a model keeps 99, 95 and 90% of what it knows, and what it saves, in a sentence or two.

Of the table `cheapest`, whose choice holds for all variants at once. Where a smaller dense model of the series is shown
to keep as much (table `front`, of whose pictures this model is the reference) in fewer bytes, that is the choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from knowcost.aggregate.yardsticks import KEEP_LEVELS
from knowcost.common.display import unit
from knowcost.recover.wording import in_words
from knowcost.report.saying import Row, listed, minus
from knowcost.report.table import whole
from knowcost.spec.variants import DENSE, parse


@dataclass(frozen=True)
class _Choice:
    """What to take at a level. words: what it is; real: its bytes; more: what has to be known of it."""

    words: str
    real: float
    more: str = ""
    is_dense: bool = False


def keeping(data: Mapping[str, pd.DataFrame], model: str) -> str:
    """ "Shown to keep 99% of what it knows: everything in int8 (65% fewer bytes: 0.65 of 1.84 MB); 95%: ...; 90%: the
    same."; data: of tables.read."""
    cheapest, front = (data[name] for name in ("cheapest", "front"))
    real = {(row["model"], row["variant"]): row["real_bytes"] for row in front.to_dict("records")}
    whole_bytes = real.get((model, DENSE), float("nan"))
    choices = {}
    for level in KEEP_LEVELS:
        rows = cheapest[(cheapest["model"] == model) & (cheapest["keep_at_least"] == level)]
        choices[level] = _choice(rows, _smaller(front, model, level, whole_bytes), real)
    if not any(choices.values()):
        return f"No smaller variant is shown to keep {min(KEEP_LEVELS)}% of what it knows."
    parts, before = list[str](), ""
    for level, choice in choices.items():
        words = choice.words if choice else "no smaller variant"
        told = "the same" if words == before else _in_words(choice, whole_bytes) if choice else words
        parts.append(f"{level}%{' of what it knows' * (not parts)}: {told}")
        before = words
    return f"Shown to keep {'; '.join(parts)}.{_in_fewer_bytes(choices)}"


def _choice(cheapest: pd.DataFrame, smaller: pd.DataFrame, real: Mapping[tuple[str, str], float]) -> _Choice | None:
    """The variant that `cheapest` (its row of a level) has, or the smallest of the smaller dense models if that takes
    fewer bytes; None where there is neither."""
    chosen = None
    for row in cheapest[cheapest["variant"].fillna("") != ""].to_dict("records"):
        others = "".join(f", or as small {in_words(slug)}" for slug in filter(None, row["as_small"].split("; ")))
        bytes_of = real.get((row["model"], row["variant"]), float("nan"))
        chosen = _Choice(in_words(row["variant"]) + others, bytes_of, _more(row))
    for row in smaller.head(1).to_dict("records"):
        if chosen is None or row["real_bytes"] < chosen.real:
            chosen = _Choice(f"the smaller dense model {row['model']}", row["real_bytes"], is_dense=True)
    return chosen


def _smaller(front: pd.DataFrame, model: str, level: float, whole_bytes: float) -> pd.DataFrame:
    """The other dense models of the model's series that are smaller and are shown to keep a level of what it knows, the
    smallest first."""
    dense = front[(front["reference"] == model) & (front["variant"] == DENSE) & (front["model"] != model)]
    keep = dense[(dense["kept_least"] >= level) & (dense["real_bytes"] < whole_bytes)]
    return keep.sort_values("real_bytes")


def _more(row: Row) -> str:
    """What the bytes of a variant hold, and whether it kept what anyone guesses."""
    both = ", base and adapter" if parse(row["variant"]).recovery else ""
    lost = row["lead_lost_percent"]
    but = f", but {minus(lost)}% of its lead over the baseline lost" if lost > 100 - row["keep_at_least"] else ""
    return both + but


def _in_words(choice: _Choice, whole_bytes: float) -> str:
    saved = 100 * (1 - choice.real / whole_bytes)
    if pd.isna(saved):
        return choice.words
    scale, name = unit(whole_bytes)
    sizes = " of ".join(f"{size / scale:#.3g}".rstrip(".") for size in (choice.real, whole_bytes))
    return f"{choice.words} ({whole(saved)}% fewer bytes: {sizes} {name}{choice.more})"


def _in_fewer_bytes(choices: Mapping[int, _Choice | None]) -> str:
    """A sentence where a smaller dense model is the choice. That no variant is shown to keep as much in as few bytes is
    all that it says: one of which it is not shown may do so."""
    levels = [f"{level}%" for level, choice in choices.items() if choice and choice.is_dense]
    return f" At {listed(levels)} no variant is shown to keep as much in as few bytes." if levels else ""
