"""The three domains of the paper's nine tasks, under the names that benchmark tables give them (`domain`)."""

from knowcost.papers.claim import Group

WORLD, COMMON, LANGUAGE = "world knowledge", "common reasoning", "language understanding"
KINDS = {  # of benchmarks, in the order of Table 1
    **dict.fromkeys(("arc", "sciq", "webquestions", "triviaqa"), WORLD),
    "piqa": COMMON,
    **dict.fromkeys(("hellaswag", "lambada", "winogrande"), LANGUAGE),
}


def domain_of(group: Group) -> str | None:
    """The domain that the study's table gives a benchmark, else the paper's of its kind, None where neither says."""
    return group.domain or KINDS.get(group.kind)
