"""Runs that claims can be decided on, and what is decided."""

from helpers.groups import group
from knowcost.aggregate import verdicts
from knowcost.papers.cost_of_compression.claims import CLAIMS

BY_ID = {claim.id: claim for claim in CLAIMS}
FINAL = {"magnitude-20@final", "magnitude_structured-20@final"}


def ints(attention, feed_forward, overall="0" * 10, times=4, dense="1" * 10, **more):
    """Ten facts, several times over, in int8."""
    right = {"dense": dense, "int8@attention": attention, "int8@feed_forward": feed_forward, "int8@overall": overall}
    return group({slug: text * times for slug, text in right.items()}, **more)


def tables(groups, claims=CLAIMS, removed=None, margin=1.0):
    return verdicts.verdicts(groups, claims, margin, removed or {})


def verdict(groups, claim, family="encoder", **more):
    rows, _ = tables(groups, **more)
    return rows.set_index(["claim", "family"]).loc[(claim, family)]


def alone(groups, claim, family="encoder", **more):
    """A claim as the only one of its table."""
    return verdict(groups, claim, family, claims=[BY_ID[claim]], **more)


def level_run(lost, n=400):
    """A group whose variant loses the first `lost` facts, from {level: {scope: lost}}; dense knows all."""
    cut = {f"magnitude-{level}@{scope}": "0" * count + "1" * (n - count)
           for level, each in lost.items() for scope, count in each.items()}  # fmt: skip
    return group({"dense": "1" * n} | cut)


def scopes(overall, attention, feed_forward):
    return {"overall": overall, "attention": attention, "feed_forward": feed_forward}


def finals(right, majority, **more):
    """100 facts, `right` of which stay right."""
    text = "1" * right + "0" * (100 - right)
    return group({"dense": "1" * 100} | dict.fromkeys(FINAL, text), family="decoder", majority=majority, **more)
