"""Ways to compress, side by side: where a variant of one step stands among them, and how a method looks, the same in
every figure but the papers' own and those that have scopes in colours, too (strengths.py)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from knowcost.compress.registry import METHODS, name_of
from knowcost.draw.style import LOOKS
from knowcost.spec import levels
from knowcost.spec.variants import LOST, Step, method_and_data, parse, scope_key

PRUNING, BITS = "pruning", "bits"  # what is set side by side: what was removed, and in how many bits weights are held
INT8_BITS = 8  # of a method without levels
# whose colours are farthest apart
FIRST = ("magnitude", "wanda", "sparsegpt", "gptq", "rtn", "int8", "magnitude_layer")
DATA_DASHES = ("-", "--", ":", "-.")  # of the study's main calibration data, and of others
PATTERNS = "<>dh8*H"  # markers of N:M, which are points and no lines


@dataclass(frozen=True, order=True)
class Way:
    """A method on its data: one line, or a few points, of a figure. pattern: an N:M level; more: what bits have beside
    their number, ", groups of 128"; each empty without."""

    method: str
    data: str
    pattern: str
    more: str

    @property
    def words(self) -> str:
        """ "SparseGPT 2:4", "GPTQ, groups of 128", "Wanda (wikitext2)", "magnitude pruning"."""
        name = name_of(f"{self.method}~{self.data}" if self.data else self.method)
        pattern = f" {levels.words(self.pattern)}" if self.pattern else ""
        return f"{name}{pattern}{self.more}"


class Place(NamedTuple):
    """kind: PRUNING or BITS. scope: as slugs write it. at: percent of the weights removed, or bits a weight."""

    kind: str
    scope: str
    way: Way
    at: float


def place(slug: str) -> Place | None:
    """Where a variant stands; None of more or fewer steps than one, and of what was recovered."""
    variant = parse(slug)
    if len(variant.steps) != 1 or variant.recovery:
        return None
    (step,) = variant.steps
    if step.method == LOST:
        return None
    scope = scope_key(step.grouping, step.scope)
    return Place(PRUNING if step.kind == "prune" else BITS, scope, _way(step), _at(step))


def of_method(method: str) -> Way:
    """The way of a Variant.method of one step, at whatever level."""
    name, data = method_and_data(method)
    return Way(name, data or "", "", "")


def _way(step: Step) -> Way:
    kind, level = levels.kind(step.level), str(step.level)
    more = "".join(levels.words(level).partition(", ")[1:]) if kind in ("bits", "actorder") else ""
    return Way(step.method, step.calibration or "", level if kind == "pattern" else "", more)


def _at(step: Step) -> float:
    removed = levels.percent(step.level)
    if removed is not None:
        return removed
    return INT8_BITS if step.level is None else levels.bits(str(step.level)).bits


def ordered(found: Iterable[Way]) -> list[Way]:
    """Each once: by method, those that share a line's look behind each other, N:M last."""
    places = {method: number for number, method in enumerate(_methods())}
    return sorted(set(found), key=lambda each: (each.pattern != "", places[each.method], each))


def looks(found: Iterable[Way]) -> dict[Way, dict[str, Any]]:
    """{way: colour, marker and line style for matplotlib}.

    found: all ways of a family. A method's colour and marker follow from the method alone; other calibration data
    have a dash, bits in groups or in another order a marker of their own, and so does every N:M.
    """
    every, methods = ordered(found), _methods()
    data = ["", *sorted({each.data for each in every} - {""})]
    more = ["", *sorted({each.more for each in every} - {""})]
    patterns = sorted({each.pattern for each in every} - {""}, key=lambda level: (len(level), level))
    made = {}
    for each in every:
        number = methods.index(each.method)
        further = number // len(LOOKS) + 5 * data.index(each.data) + 3 * more.index(each.more)
        marker = LOOKS[(number + further) % len(LOOKS)][1]
        if each.pattern:
            marker = PATTERNS[(number + 3 * patterns.index(each.pattern) + further) % len(PATTERNS)]
        dash = DATA_DASHES[data.index(each.data) % len(DATA_DASHES)]
        made[each] = {"color": LOOKS[number % len(LOOKS)][0], "marker": marker, "linestyle": dash}
    return made


def look_of(methods: Sequence[str]) -> tuple[str, str]:
    """Colour and marker of methods that were applied in turn: the marker of the first, the colour of the last; of one
    method alone its own, as in `looks`."""
    first, last = (_methods().index(name) for name in (methods[0], methods[-1]))
    return LOOKS[last % len(LOOKS)][0], LOOKS[(first + first // len(LOOKS)) % len(LOOKS)][1]


def _methods() -> list[str]:
    return list(dict.fromkeys([*FIRST, *METHODS]))
