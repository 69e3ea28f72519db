"""What recoveries bring back: of the facts that compression lost, and in points of accuracy, fact by fact; beside the
same recovery of the dense model, without which plain adaptation would look like it; and whether two of them bring back
the same facts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from knowcost.aggregate import forgotten, losses, returned, rule
from knowcost.aggregate.clustered import Estimates, estimate
from knowcost.aggregate.losses import DROP, Loss, Values
from knowcost.aggregate.returned import Recovered
from knowcost.aggregate.statistics import Group, holm, models_of
from knowcost.spec.variants import DENSE

COLUMNS = ["family", "model", "compressed", "variant", "recovery", "benchmark", "n", "known", "lost", "returned",
           "returned_percent", "returned_low", "returned_high", "chance_percent", "chance_by", "harmed",
           "regained_points", "regained_low", "regained_high", "decision", "needed", "drop_points", "drop_low",
           "drop_high", "control_points", "control_low", "control_high", "net_points", "net_low", "net_high",
           "net_decision"]  # fmt: skip
OVERLAP = ["family", "model", "benchmark", "compressed", "a", "b", "lost", "returned_a", "returned_b", "both",
           "expected", "expected_crude", "jaccard", "overlap_p", "overlap_holm_p"]  # fmt: skip
RETURNED = {"known": "lost", "forgotten_a": "returned_a", "forgotten_b": "returned_b"}  # of forgotten.shared's counts


def recovered(groups: Sequence[Group], margin: float) -> pd.DataFrame:
    """A row per model and recovered variant, over its benchmarks (`benchmark` is "") and for each of them.

    Points are averaged as losses.means does. margin: of rule.decide, whose words speak of losses: "gains" is said of a
    recovery that brings back, "costs" of one that harms. groups: those of controls among them, from which chance is
    seen.
    """
    rows: list[dict[str, Any]] = []
    held = [group for group in groups if group.compared()]
    for of_model in models_of(held):
        pairs = returned.recovered_of(of_model)
        own = [group for group in of_model if not group.is_never_told]
        asked = {group.benchmark for group in held if group.family == of_model[0].family and not group.is_never_told}
        if pairs and own:
            rows += _rows(_Asked(own, of_model, asked), pairs, margin)
            for group in own:
                rows += _rows(_Asked([group], of_model, {group.benchmark}, group.benchmark), pairs, margin)
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class _Asked:
    """groups: what rows speak of; all: of the model, with controls; expected: the benchmarks that a variant has to have
    been asked; benchmark: of the rows, "" for all."""

    groups: Sequence[Group]
    all: Sequence[Group]
    expected: set[str]
    benchmark: str = ""


def _rows(asked: _Asked, pairs: Sequence[Recovered], margin: float) -> list[dict[str, Any]]:
    """A row for each of the pairs that was asked all that is expected."""
    pairs = [pair for pair in pairs if _whole(asked, pair.variant) and _whole(asked, pair.compressed)]
    if not pairs:
        return []
    variants, controls = [pair.variant for pair in pairs], [pair.control for pair in pairs]
    before = [pair.compressed for pair in pairs]
    change = _means(asked, variants, Loss("regained", partial(_change, before)))
    net = _means(asked, variants, Loss("net", partial(_net, before, controls)))
    drop, control = _means(asked, variants, DROP), _means(asked, controls, DROP)
    decided, net_decided = rule.decided(change, margin), rule.decided(net, margin)["decision"]
    about = {"family": asked.groups[0].family, "model": asked.groups[0].model, "benchmark": asked.benchmark}
    return [
        {**about, "variant": pair.variant, "compressed": pair.compressed, "recovery": pair.recovery}
        | _counts(asked, pair)
        | {name: values[place] for name, values in decided.items()}
        | drop.columns("drop_points", "drop", place)
        | _gain("regained", change, place)
        | _gain("control", control, place)
        | _gain("net", net, place)
        | {"net_decision": "" if np.isnan(net.value[place]) else net_decided[place]}
        for place, pair in enumerate(pairs)
    ]


def _whole(asked: _Asked, slug: str) -> bool:
    return losses.is_whole(asked.groups, slug, asked.expected)


def _means(asked: _Asked, slugs: Sequence[str], loss: Loss) -> Estimates:
    """Over the benchmarks, weighed as everywhere; of a single one as it is, whatever is known of it."""
    if asked.benchmark:
        return estimate([losses.sample(asked.groups[0], slugs, loss)])
    whole = np.array([[_whole(asked, slug) for slug in slugs]])
    return losses.means([asked.groups], whole, slugs, loss)


def _change(before: Sequence[str], group: Group, slugs: Sequence[str]) -> Values:
    """What recoveries cost beside the compressed variants, less than nothing where they bring back."""
    return group.lost(slugs) - group.lost(before), None


def _net(before: Sequence[str], controls: Sequence[str], group: Group, slugs: Sequence[str]) -> Values:
    """The same, less what the same recoveries cost the dense model."""
    return group.lost(slugs) - group.lost(before) - group.lost(controls), None


def _gain(name: str, found: Estimates, place: int) -> dict[str, float]:
    """The columns of a loss as what was brought back."""
    ends = -found.high[place], -found.low[place]
    return {f"{name}_points": -found.value[place], f"{name}_low": ends[0], f"{name}_high": ends[1]}


def _counts(asked: _Asked, pair: Recovered) -> dict[str, Any]:
    """Facts lost, returned and harmed, and the share that returned beside chance; over benchmarks of those of which
    the dense model is shown to know something, as guesses are not lost."""
    groups = [group for group in asked.groups if asked.benchmark or group.knows]
    lost = [returned.part(group, returned.lost(group, pair.compressed), [pair.variant]) for group in groups]
    kept = [group.right[DENSE] & group.right[pair.compressed] for group in groups]
    harmed = [known & ~group.right[pair.variant] for known, group in zip(kept, groups, strict=True)]
    back = returned.share(lost)
    chance = returned.chance(asked.all, lost, pair.compressed, [pair.variant])
    return {
        "n": sum(len(group.facts) for group in asked.groups),
        "known": sum(group.known for group in groups),
        "lost": sum(each.n for each in lost),
        "returned": sum(each.hits for each in lost),
        "harmed": sum(int(each.sum()) for each in harmed),
        **back.columns("returned_percent", "returned", 0),
        "chance_percent": chance.found.value[0],
        "chance_by": chance.by,
    }


def overlap(groups: Sequence[Group]) -> pd.DataFrame:
    """How many of a compressed variant's lost facts two recoveries both brought back, against what two unrelated sets
    of these sizes would share within the quarters of the dense model's confidence (forgotten.shared). What no model was
    ever told was not lost."""
    made = [pd.DataFrame(columns=OVERLAP)]
    for group in (group for group in groups if not group.is_never_told):
        rows = list(_overlaps(group))
        if rows:
            frame = pd.DataFrame(rows).rename(columns=RETURNED)
            frame["overlap_holm_p"] = holm(frame["overlap_p"].to_numpy())
            if group.repeated is not None:
                frame[["overlap_p", "overlap_holm_p"]] = np.nan
            made.append(frame[OVERLAP])
    return pd.concat([frame for frame in made if len(frame)] or made, ignore_index=True)


def _overlaps(group: Group) -> Iterator[dict[str, Any]]:
    about = {"family": group.family, "model": group.model, "benchmark": group.benchmark}
    for one, other in combinations(returned.recovered_of([group]), 2):
        lost = returned.lost(group, one.compressed) if one.compressed == other.compressed else np.zeros(0, bool)
        if not lost.any():
            continue
        strata = forgotten.strata_of(forgotten.quartiles(group.facts["confidence"][lost]))
        counts = forgotten.shared(group.right[one.variant][lost], group.right[other.variant][lost], strata)
        yield about | {"compressed": one.compressed, "a": one.recovery, "b": other.recovery} | counts
