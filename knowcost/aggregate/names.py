"""The names of a run's tables. Planning reads them, so that each is a file one may ask for; `job.py` is held to them.

Every table is always there: one that a run has nothing for is empty.
"""

from itertools import product

from knowcost.common import paths, seal
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import GROUPINGS


def int8(family: str, grouping: str) -> str:
    """The name of the paper's table of int8 for a family under a grouping."""
    return f"int8_{family}" if grouping == GROUPINGS[0] else f"int8_{family}_{grouping}"


TABLES = (
    "scores", "controls", "drops", "drops_by_model", "affordable", "cheapest", "front", "domains", "disciplines",
    "facts", "capacity", "matching", "matching_levels", "noise", "probabilities", "forgotten_by", "forgotten_first",
    "overlap", "halves", "answer_bias", "phrasings", "claims", "claims_levels", "perplexity", "similarity",
    "written", "examples", "judged", "judges", "recovered", "recovered_overlap", "relearned", "training",
    "how_asked", "benchmarks", "parameters", "audit_final", "audit_published",
    *(int8(*place) for place in product(FAMILIES, GROUPINGS)),
)  # fmt: skip
MADE_FROM = "made_from.json"  # beside tables or figures: the digests of the files that they were made from
SEAL = f"{paths.TABLES}/{seal.SUMS}"  # written last; other tables have another one
CSV = [paths.table(name, "csv") for name in TABLES]
OTHERS = [*(paths.table(name, "parquet") for name in TABLES), f"{paths.TABLES}/{MADE_FROM}", SEAL]
FILES = [*CSV, *OTHERS]
