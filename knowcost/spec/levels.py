"""Levels: how strongly one step compresses, as slugs and the configuration write it.

    50                    percent of the weights set to zero
    2of4                  2 of every 4 neighbouring inputs are kept, in every row
    4bit, 4bit-g128       bits per weight, with one scale per row, or per 128 inputs of a row
    4bit-g128-actorder    the same, columns quantized in the order of their inputs' size (GPTQ's act-order)

A percentage is an int, everything else a str.
"""

import re
from dataclasses import dataclass

from knowcost.common.errors import InputError

Level = int | str

SLUG = r"\d+(?:of\d+|bit(?:-g\d+)?(?:-actorder)?)?"  # what a level looks like

# A kind of level and how an error message asks for it. Each method says which kinds it takes.
KINDS = {
    "percent": "from 1 to 99 (percent)",
    "pattern": "like 2of4 (of every 4 weights 2 are kept)",
    "bits": "like 4bit or 4bit-g128 (2, 3, 4 or 8 bits; -g: inputs per scale)",
    "actorder": "like 4bit-actorder or 4bit-g128-actorder",
}

BITS = (2, 3, 4, 8)  # bits per weight that archives can hold
# Without leading zeros: one level has one spelling, and so one folder.
_PATTERN = re.compile(r"([1-9]\d*)of([1-9]\d*)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) *(%|percent)?")  # as people write them
_BITS = re.compile(r"([1-9]\d*)bit(?:-g([1-9]\d*))?(-actorder)?")


@dataclass(frozen=True)
class Pattern:
    """Which share of a layer's weights goes: `sparsity` in (0, 1), or N:M, where n of every m neighbours are KEPT.

    Pattern(sparsity=0.5) or Pattern(n=2, m=4). For 2:4 and 4:8 kept and removed are as many; for others mind that the
    authors' code calls the number removed n.
    """

    sparsity: float | None = None
    n: int | None = None
    m: int | None = None

    def __post_init__(self) -> None:
        if self.sparsity is not None and (self.n, self.m) == (None, None):
            if not 0 < self.sparsity < 1:
                raise InputError(f"sparsity {self.sparsity}: expected a fraction between 0 and 1")
        elif self.sparsity is not None or self.n is None or self.m is None or not 0 < self.n < self.m:
            raise InputError(
                f"{self.n}:{self.m}: expected N:M with N kept of M and 0 < N < M, such as 2:4, or a sparsity"
            )

    def __str__(self) -> str:
        return f"{self.n}:{self.m}" if self.structured else f"{self.sparsity:.0%}"

    @property
    def structured(self) -> bool:
        """Whether this is N:M."""
        return self.m is not None


@dataclass(frozen=True)
class Bits:
    """bits per weight; group_size: how many inputs share a scale, None for a whole row; act_order: see above."""

    bits: int
    group_size: int | None
    act_order: bool


def parse(text: object) -> Level:
    """A level from its text: an int if it is a percentage, else the text itself."""
    text = str(text)
    return int(text) if text.isdigit() else text


def kind(level: Level | None) -> str | None:
    """Which of KINDS a level is; None when it is none, or has impossible numbers."""
    if isinstance(level, int):
        return "percent" if 0 < level < 100 else None
    if match := _PATTERN.fullmatch(level or ""):
        return "pattern" if 0 < int(match[1]) < int(match[2]) else None
    if match := _BITS.fullmatch(level or ""):
        return ("actorder" if match[3] else "bits") if int(match[1]) in BITS else None
    return None


def pattern(level: Level) -> Pattern:
    """The Pattern of a percentage or an N:M level."""
    if isinstance(level, int):
        return Pattern(sparsity=level / 100)
    if not (match := _PATTERN.fullmatch(level)):
        raise InputError(f"level {level!r}: expected one {KINDS['percent']}, or {KINDS['pattern']}")
    kept, of = map(int, match.groups())
    return Pattern(n=kept, m=of)


def bits(level: str) -> Bits:
    """The Bits of a level of that kind."""
    if not (match := _BITS.fullmatch(level)):
        raise InputError(f"level {level!r}: expected one {KINDS['bits']}")
    count, group, act_order = match.groups()
    return Bits(int(count), int(group) if group else None, bool(act_order))


def percent(level: Level | None) -> float | None:
    """The share of weights that a level removes, in percent; None for bits. Whole numbers are ints."""
    if level is None or isinstance(level, int):
        return level
    if match := _PATTERN.fullmatch(level):
        share = 100 * (1 - int(match[1]) / int(match[2]))
        return round(share) if share == round(share) else share
    return None


def percent_words(value: float) -> str:
    """A percentage in at most four digits: "40%", "62.5%", "93.75%"."""
    return f"{value:.4g}%"


def words(level: Level) -> str:
    """A level as tables and figures write it: "50%", "2:4", "4 bit", "4 bit, groups of 128, act order"."""
    if isinstance(level, int):
        return f"{level}%"
    if match := _PATTERN.fullmatch(level):
        return f"{match[1]}:{match[2]}"
    found = bits(level)
    group = f", groups of {found.group_size}" if found.group_size else ""
    return f"{found.bits} bit{group}{', act order' if found.act_order else ''}"


def written(entry: object) -> Level:
    """An entry of an experiment's `levels` as slugs have it: 50 where 50.0, "50%" or "50 percent" was written, also in
    a part of "50%+4bit".

    Raises InputError, saying what to write, for a share of one such as 0.5, and for parts of a percent.
    """
    return parse("+".join(_written(part.strip()) for part in str(entry).split("+")))


def _written(text: str) -> str:
    if not (match := _PERCENT.fullmatch(text)):
        return text
    number = float(match[1])
    if number.is_integer():
        return match[1].partition(".")[0]
    share = 100 * number
    if not match[2] and 1 <= share < 100 and abs(share - round(share)) < 1e-9:
        raise InputError(f"level {text}: levels are percent of the weights; write {round(share)}")
    raise InputError(f"level {text}: expected whole percent of the weights, from 1 to 99")


def spread(entry: object, count: int) -> list[Level]:
    """An entry of an experiment's `levels` as one level for each of `count` steps that take one.

    "50+4bit" gives each step its own, anything else is every step's. Raises InputError when the numbers differ.
    """
    parts = [parse(part) for part in str(entry).split("+")]
    if len(parts) == 1:
        return parts * count
    if len(parts) != count:
        raise InputError(f"level {entry!r} is for {len(parts)} steps, but {count} of this experiment's take one")
    return parts
