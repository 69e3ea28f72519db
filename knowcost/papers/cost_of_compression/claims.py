"""The findings of "The Cost of Compression" (Namburi et al. 2023) as claims.

Variants are those of the paper's grouping and methods; whatever models a family has are in.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from knowcost.papers.claim import BELOW, CLOSE, MAJORITY, SLOPE, ByLevel, Claim, Contrasts
from knowcost.spec.families import FAMILIES, GENERATIVE, LABELS
from knowcost.spec.variants import DENSE, paper_slug, parse

PAPER = "The Cost of Compression"

Level: TypeAlias = int | None
Made: TypeAlias = Callable[[str, Level], str]  # the slug of (what is compared: a scope or a method, level)


def pruned(scope: str, level: Level) -> str:
    """A scope with `level` percent of its weights set to zero."""
    return paper_slug(("magnitude", scope, level))


def quantized(scope: str, _: Level = None) -> str:
    """A scope in int8."""
    return paper_slug(("int8", scope))


def pruned_then_quantized(scope: str, level: Level) -> str:
    """A scope with `level` percent of its weights set to zero, then in int8."""
    return paper_slug(("magnitude", scope, level), ("int8", scope))


def final_by(method: str, level: Level) -> str:
    """The final layer pruned by `level` percent: single weights or whole rows, as the method does."""
    return paper_slug((method, "final", level))


def costs_more(made: Made, worse: str, *better: str, levels: tuple[int, int] | None = None) -> Contrasts:
    """Comparisons: `worse` loses more than each of `better`, at the levels (first, last) that were run."""

    def contrasts(slugs: Collection[str]) -> dict[str, ByLevel]:
        chosen = _levels(made, (worse, *better), levels, slugs) if levels else [None]
        return {
            f"{LABELS[worse]} costs more than {LABELS[other]}{_at(chosen)}": {
                level: {made(other, level): 1, made(worse, level): -1} for level in chosen
            }
            for other in (better if chosen else ())
        }

    return contrasts


def rows_cost_more(slugs: Collection[str]) -> dict[str, ByLevel]:
    """Comparison: removing whole rows of the final layer loses more than removing as many single weights."""
    levels = _levels(final_by, ("magnitude", "magnitude_structured"), (1, 99), slugs)
    by_level: ByLevel = {
        level: {final_by("magnitude", level): 1, final_by("magnitude_structured", level): -1} for level in levels
    }
    return {f"rows cost more than single weights{_at(levels)}": by_level} if levels else {}


def steeper_above(middle: int) -> Contrasts:
    """Comparison: points lost per 10% of sparsity, above `middle` percent less up to there (everything pruned)."""

    def contrasts(slugs: Collection[str]) -> dict[str, ByLevel]:
        low = max(_levels(pruned, ("overall",), (1, middle), slugs), default=None)
        high = max(_levels(pruned, ("overall",), (middle + 1, 99), slugs), default=None)
        if low is None or high is None:
            return {}
        before, after = 10 / low, 10 / (high - low)
        weights = {DENSE: -before, pruned("overall", low): before + after, pruned("overall", high): -after}
        return {f"points lost per 10% of sparsity, from {low}% to {high}% more than from 0 to {low}%": {None: weights}}

    return contrasts


def close_to_majority(level: int) -> Contrasts:
    """Comparisons: with `level` percent of the final layer gone, less than CLOSE points are left above the baseline."""
    kinds = {"single weights": final_by("magnitude", level), "rows": final_by("magnitude_structured", level)}
    words = f"of the final layer pruned: {CLOSE:.0f} points less the lead over the majority baseline"

    def contrasts(_: Collection[str]) -> dict[str, ByLevel]:
        return {f"{level}% of the {kind} {words}": {None: {slug: -1, MAJORITY: 1}} for kind, slug in kinds.items()}

    return contrasts


HALVES = ("attention", "feed_forward")
claim = functools.partial(Claim, paper=PAPER)
CLAIMS = (
    claim("prune_medium_feed_forward", "3.1, 8.1",
          "Pruned by 30 to 50%, feed-forward layers cost more than attention.",
          ("encoder",), costs_more(pruned, "feed_forward", "attention", levels=(30, 50))),
    claim("prune_medium_attention", "3.1, 8.1", "Pruned by 30 to 50%, attention costs more than feed-forward layers.",
          GENERATIVE, costs_more(pruned, "attention", "feed_forward", levels=(30, 50))),
    claim("prune_everything", "8.1", "Pruning everything together costs the most.",
          FAMILIES, costs_more(pruned, "overall", *HALVES, levels=(1, 99))),
    claim("prune_cliff", "1, 8.1", "Above 50% sparsity, knowledge goes faster than up to there.",
          FAMILIES, steeper_above(50), unit=SLOPE),
    claim("int8_feed_forward", "3.2, 8.2", "In int8, feed-forward layers cost more than attention.",
          FAMILIES, costs_more(quantized, "feed_forward", "attention")),
    claim("int8_everything", "8.2", "Int8 of everything costs the most.",
          FAMILIES, costs_more(quantized, "overall", *HALVES)),
    claim("prune_int8_20", "3.3, 8.3", "Pruned by 20%, then in int8, feed-forward layers cost more than attention.",
          FAMILIES, costs_more(pruned_then_quantized, "feed_forward", "attention", levels=(20, 20))),
    claim("prune_int8_40", "3.3, 8.3", "Pruned by 40%, then in int8, feed-forward layers cost more than attention.",
          ("encoder", "decoder"), costs_more(pruned_then_quantized, "feed_forward", "attention", levels=(40, 40))),
    claim("prune_int8_40_attention", "8.3",
          "Pruned by 40%, then in int8, attention costs more than feed-forward layers.",
          ("encoder_decoder",), costs_more(pruned_then_quantized, "attention", "feed_forward", levels=(40, 40))),
    claim("final_rows", "3.4, 8.4", "Of the final layer, whole rows cost more than as many single weights.",
          ("encoder",), rows_cost_more),
    claim("final_majority", "8.4", "With 20% of the final layer pruned, models fall close to the majority baseline.",
          GENERATIVE, close_to_majority(20), unit=BELOW),
)  # fmt: skip


def _levels(made: Made, names: Sequence[str], between: tuple[int, int], slugs: Collection[str]) -> list[int]:
    """The whole percents within `between` at which at least one of the named variants was run."""
    first, last = between
    run = {step.level for slug in slugs for step in parse(slug).steps if isinstance(step.level, int)}
    wanted = sorted(level for level in run if first <= level <= last)
    return [level for level in wanted if any(made(name, level) in slugs for name in names)]


def _at(levels: Sequence[Level]) -> str:
    """ " at 40%", " at 10 to 90% (mean of 9 levels)", or nothing."""
    if not levels or levels[0] is None:
        return ""
    more = f" to {levels[-1]}% (mean of {len(levels)} levels)" if len(levels) > 1 else "%"
    return f" at {levels[0]}{more}"
