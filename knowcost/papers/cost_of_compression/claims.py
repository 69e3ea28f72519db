"""The papers' findings as claims that any run decides by itself: here those of "The Cost of Compression" (Namburi et
al. 2023), in claims_kick.py those of LLM-KICK.

A claim is data: a sentence, the families it speaks of, and contrasts. A contrast is a weighted sum of a fact's cells
(1 if a variant gave the right answer, else 0), so that it is paired fact by fact; it is made positive when the claim is
true. It is averaged over facts, then a model's benchmarks, then the family's models, in percentage points. Its interval
resamples facts or relations (statistics.Bootstrap), once for all models and variants asked them.

Verdicts: `holds` if the interval of every contrast lies above zero, `fails` if one lies below, else `undecided`; so too
when a cell is missing, or when fewer than FEWEST_FACTS facts make the difference (a sign test could not decide either).
Variants are those of the paper's grouping and methods; whatever models a family has are in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from knowcost.aggregate.statistics import ROUNDS, Bootstrap, interval
from knowcost.spec.families import FAMILIES, LABELS
from knowcost.spec.variants import DENSE, parse

FEWEST_FACTS = 6  # six of six on one side: p = 0.03 two-sided; five of five: 0.06
CLOSE = 5.0  # percentage points above the majority baseline that still count as close to it
MAJORITY = "the majority baseline"  # a "cell" of contrasts

PAPER = "The Cost of Compression"
COLUMNS = ["claim", "paper", "section", "sentence", "family", "contrast", "estimate", "low", "high", "verdict", "facts",
           "differing", "models", "benchmarks", "missing"]  # fmt: skip

PRUNED, QUANTIZED, BOTH = "magnitude-{level}@{scope}", "int8@{scope}", "magnitude-{level}@{scope}+int8@{scope}"


@dataclass(frozen=True)
class Claim:
    """contrasts: a function from the variants of a family to {words: {variant: weight}}; {} if they don't suffice.

    parts: a function from a statistics.Group to [(sign, which of its facts)], whose means are added up; [] for a
    benchmark that the claim does not speak of. Left out, it speaks of all facts of all benchmarks.
    """

    id: str
    section: str  # of the paper
    sentence: str
    families: tuple[str, ...]
    contrasts: Callable
    parts: Callable = lambda group: [(1, np.ones(len(group.facts), bool))]
    paper: str = PAPER


def costs_more(form, worse, *better, levels=None):
    """Contrasts: `worse` loses more than each of `better`, at the mean of the levels (first, last) that were run."""

    def contrasts(slugs):
        chosen = _levels(form, (worse, *better), levels, slugs) if levels else [None]
        made = {}
        for other in better if chosen else ():
            weights = {form.format(level=level, scope=other): 1 / len(chosen) for level in chosen}
            weights |= {form.format(level=level, scope=worse): -1 / len(chosen) for level in chosen}
            made[f"{LABELS[worse]} costs more than {LABELS[other]}{_at(chosen)}"] = weights
        return made

    return contrasts


def rows_cost_more(slugs):
    """Contrast: removing whole rows of the final layer loses more than removing as many single weights."""
    levels = _levels("{method}-{level}@final", ("magnitude", "magnitude_structured"), (1, 99), slugs, "method")
    weights = {f"magnitude-{level}@final": 1 / len(levels) for level in levels}
    weights |= {f"magnitude_structured-{level}@final": -1 / len(levels) for level in levels}
    return {f"rows cost more than single weights{_at(levels)}": weights} if levels else {}


def steeper_above(middle):
    """Contrast: points lost per 10% of sparsity, above `middle` percent less up to there (everything pruned)."""

    def contrasts(slugs):
        low = max(_levels(PRUNED, ("overall",), (1, middle), slugs), default=None)
        high = max(_levels(PRUNED, ("overall",), (middle + 1, 99), slugs), default=None)
        if low is None or high is None:
            return {}
        before, after = 10 / low, 10 / (high - low)
        weights = {DENSE: -before, f"magnitude-{low}@overall": before + after, f"magnitude-{high}@overall": -after}
        return {f"points lost per 10% of sparsity, from {low}% to {high}% more than from 0 to {low}%": weights}

    return contrasts


def close_to_majority(level):
    """Contrasts: with `level` percent of the final layer gone, less than CLOSE points are left above the baseline."""
    kinds = {"single weights": f"magnitude-{level}@final", "rows": f"magnitude_structured-{level}@final"}
    words = f"of the final layer pruned: {CLOSE:.0f} points less the lead over the majority baseline"

    def contrasts(_):
        return {f"{level}% of the {kind} {words}": {slug: -1, MAJORITY: 1} for kind, slug in kinds.items()}

    return contrasts


HALVES, GENERATIVE = ("attention", "feed_forward"), ("encoder_decoder", "decoder")
CLAIMS = (
    Claim("prune_medium_feed_forward", "3.1, 8.1", "Pruned by 30 to 50%, feed-forward layers cost more than attention.",
          ("encoder",), costs_more(PRUNED, "feed_forward", "attention", levels=(30, 50))),
    Claim("prune_medium_attention", "3.1, 8.1", "Pruned by 30 to 50%, attention costs more than feed-forward layers.",
          GENERATIVE, costs_more(PRUNED, "attention", "feed_forward", levels=(30, 50))),
    Claim("prune_everything", "8.1", "Pruning everything together costs the most.",
          FAMILIES, costs_more(PRUNED, "overall", *HALVES, levels=(1, 99))),
    Claim("prune_cliff", "1, 8.1", "Above 50% sparsity, knowledge goes faster than up to there.",
          FAMILIES, steeper_above(50)),
    Claim("int8_feed_forward", "3.2, 8.2", "In int8, feed-forward layers cost more than attention.",
          FAMILIES, costs_more(QUANTIZED, "feed_forward", "attention")),
    Claim("int8_everything", "8.2", "Int8 of everything costs the most.",
          FAMILIES, costs_more(QUANTIZED, "overall", *HALVES)),
    Claim("prune_int8_20", "3.3, 8.3", "Pruned by 20%, then in int8, feed-forward layers cost more than attention.",
          FAMILIES, costs_more(BOTH, "feed_forward", "attention", levels=(20, 20))),
    Claim("prune_int8_40", "3.3, 8.3", "Pruned by 40%, then in int8, feed-forward layers cost more than attention.",
          ("encoder", "decoder"), costs_more(BOTH, "feed_forward", "attention", levels=(40, 40))),
    Claim("prune_int8_40_attention", "8.3",
          "Pruned by 40%, then in int8, attention costs more than feed-forward layers.",
          ("encoder_decoder",), costs_more(BOTH, "attention", "feed_forward", levels=(40, 40))),
    Claim("final_rows", "3.4, 8.4", "Of the final layer, whole rows cost more than as many single weights.",
          ("encoder",), rows_cost_more),
    Claim("final_majority", "8.4", "With 20% of the final layer pruned, models fall close to the majority baseline.",
          GENERATIVE, close_to_majority(20)),
)  # fmt: skip


def _levels(form, names, between, slugs, key="scope"):
    """The whole percents within `between` at which at least one of the named variants was run."""
    first, last = between
    levels = {parse(slug).level for slug in slugs} - {None}
    wanted = sorted(level for level in levels if first <= level <= last)
    return [level for level in wanted if any(form.format(level=level, **{key: name}) in slugs for name in names)]


def _at(levels):
    """ " at 40%", " at 10 to 90% (mean of 9 levels)", or nothing."""
    if not levels or levels[0] is None:
        return ""
    more = f" to {levels[-1]}% (mean of {len(levels)} levels)" if len(levels) > 1 else "%"
    return f" at {levels[0]}{more}"


def verdicts(groups, claims=CLAIMS):
    """One row per claim and family of this run that it speaks of; groups: statistics.Group of every model."""
    rows = []
    for family in FAMILIES:
        mine = [group for group in groups if group.family == family]
        slugs = {slug for group in mine for slug in group.right}
        plan = [(claim, _run(claim.contrasts(slugs), slugs)) for claim in claims if family in claim.families]
        contrasts = [(weights, claim.parts) for claim, made in plan for weights in made.values()]
        measured = iter(_measure(mine, contrasts) if contrasts else [])
        for claim, made in plan if mine else ():
            about = {name: getattr(claim, name) for name in ("paper", "section", "sentence")}
            about |= {"claim": claim.id, "family": family}
            parts = [{"contrast": words, **next(measured)} for words in made]
            rows.append(about | _judged(parts))
    order = [claim.id for claim in claims]
    rows.sort(key=lambda row: order.index(row["claim"]))  # families keep their order within a claim
    return pd.DataFrame(rows, columns=COLUMNS)


def _run(contrasts, slugs):
    """The contrasts, or {} if none of their compressed variants was run at all."""
    named = {slug for weights in contrasts.values() for slug in weights} - {DENSE, MAJORITY}
    return contrasts if named & slugs else {}


def _judged(parts):
    """The claim's row from its contrasts' rows: the one that speaks most against it, with the verdict on all."""
    if not parts:
        return {"verdict": "undecided", "missing": "no variants of this kind were run"}
    for part in parts:
        part["verdict"] = _verdict(part)
    worst = min(parts, key=lambda part: (("fails", "undecided", "holds").index(part["verdict"]), part["estimate"]))
    missing = list(dict.fromkeys(cell for part in parts for cell in part["missing"]))
    if missing:
        return worst | {"verdict": "undecided", "estimate": np.nan, "low": np.nan, "high": np.nan,
                        "missing": _shortened(missing)}  # fmt: skip
    return worst | {"missing": ""}


def _verdict(part):
    if part["missing"] or part["differing"] < FEWEST_FACTS:
        return "undecided"
    return "holds" if part["low"] > 0 else "fails" if part["high"] < 0 else "undecided"


def _shortened(missing):
    return "; ".join(missing[:4]) + (f"; and {len(missing) - 4} more cells" if len(missing) > 4 else "")


def _measure(groups, contrasts):
    """Per contrast a dict: estimate, low, high (percentage points), facts, differing, models, benchmarks, missing.

    contrasts: [({variant: weight}, parts)]. facts: distinct facts asked; differing: those of them whose contrast is not
    zero for some model.
    """
    means, draws, counts = {}, {}, np.zeros((2, len(contrasts)), int)
    missing = [[] for _ in contrasts]
    for benchmark in dict.fromkeys(group.benchmark for group in groups):
        here = [group for group in groups if group.benchmark == benchmark]
        values = [_values(group, contrasts, missing) for group in here]
        counts += _facts(here, values)
        facts = pd.concat([group.facts[["id", "relation"]] for group in here]).drop_duplicates("id")
        for group, mean, drawn in _means(here, values, contrasts, Bootstrap(facts, benchmark)):
            means.setdefault(group.model, []).append(mean)
            draws.setdefault(group.model, []).append(drawn)
    estimate, about = _average(means), _average(draws)
    models, benchmarks = _asked(groups, means)
    for place, absent in enumerate(missing):
        if np.isnan(estimate[place]) and not absent:
            needs_baseline = MAJORITY in contrasts[place][0]
            absent.append(
                f"{MAJORITY} of these benchmarks" if needs_baseline else "no benchmark of this kind was asked"
            )
        low, high = (np.round(value, 9) for value in interval(100 * about[:, place]))  # 0 is 0, not 1e-17
        yield {"estimate": 100 * estimate[place], "low": low, "high": high, "facts": counts[0, place],
               "differing": counts[1, place], "models": models[place], "benchmarks": benchmarks[place],
               "missing": absent}  # fmt: skip


def _values(group, contrasts, missing):
    """n x k: the contrasts of every fact. A column is nan where a cell is missing (noted in `missing`), or where it
    asks for a majority baseline that the benchmark does not have; so are facts that the claim does not speak of."""
    values = np.full((len(group.facts), len(contrasts)), np.nan)
    for place, (weights, parts) in enumerate(contrasts):
        for _, facts in parts(group):
            values[facts, place] = 0
        for slug, weight in weights.items() if parts(group) else ():
            if slug == MAJORITY:
                values[:, place] += weight * group.majority + CLOSE / 100
            elif slug in group.right:
                values[:, place] += weight * group.right[slug]
            else:
                values[:, place] = np.nan
                missing[place].append(f"{group.model} {slug} on {group.benchmark}")
    return values


def _means(groups, values, contrasts, bootstrap):
    """Per group (group, k, rounds x k): the means of each contrast's parts added up, over the facts and over each
    resample of them; the resamples are drawn once for all."""
    places = {}
    for place, (_, parts) in enumerate(contrasts):
        places.setdefault(parts, []).append(place)
    spoken_of = [
        (number, columns, sign, facts)
        for number, group in enumerate(groups)
        for parts, columns in places.items()
        for sign, facts in parts(group)
    ]
    tables = [
        (groups[number].facts["id"][facts], values[number][np.ix_(facts, columns)], np.ones(facts.sum()))
        for number, columns, _, facts in spoken_of
    ]
    means = np.full((len(groups), len(contrasts)), np.nan)
    draws = np.full((len(groups), ROUNDS, len(contrasts)), np.nan)
    for number, columns, _, _ in spoken_of:
        means[number, columns] = draws[number][:, columns] = 0
    for (number, columns, sign, _), (_, found, _), drawn in zip(
        spoken_of, tables, bootstrap.means(tables), strict=True
    ):
        means[number, columns] += sign * found.mean(axis=0)
        draws[number][:, columns] += sign * drawn
    return zip(groups, means, draws, strict=True)


def _facts(groups, values):
    """2 x k: distinct facts of one benchmark, and how many of them have a contrast other than zero; nan counts none."""
    one = pd.concat([pd.DataFrame(found, index=group.facts["id"]) for group, found in zip(groups, values, strict=True)])
    here, differing = one.notna(), one.abs() > 1e-9
    return np.array([flags.groupby(level=0).any().sum() for flags in (here, differing)])


def _asked(groups, means):
    """Per contrast: how many models, and how many benchmarks, have a value."""
    seen = [(set(), set()) for _ in next(iter(means.values()))[0]]
    for model, found in means.items():
        benchmarks = [group.benchmark for group in groups if group.model == model]
        for benchmark, values in zip(benchmarks, found, strict=True):
            for place in np.flatnonzero(~np.isnan(values)):
                seen[place][0].add(model)
                seen[place][1].add(benchmark)
    return [[len(each[part]) for each in seen] for part in (0, 1)]


def _average(found):
    """Over a model's benchmarks, then over models: arrays of k or rounds x k. What has no value (nan) is skipped."""
    return _mean([_mean(each) for each in found.values()])


def _mean(arrays):
    stack = np.stack(arrays)
    count = (~np.isnan(stack)).sum(axis=0)
    return np.where(count, np.nansum(stack, axis=0) / np.maximum(count, 1), np.nan)
