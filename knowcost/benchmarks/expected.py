"""What a row of the benchmark table says of its texts, before any file of it is here. Light at import: Snakemake parses
this."""

from collections.abc import Mapping

from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.benchmarks.sizes import CLASSES
from knowcost.spec.families import GENERATIVE

OFFICIAL = {"mt_bench": (80, 2), "vicuna": (80, 1)}  # (rows, turns of each) of files that everybody has alike
ROWS = {  # of the files that most people have: an official test split, or the validation split where that is asked
    "lama_trex": 34_039, "lama_google_re": 5_528, "lama_squad": 305, "lama_conceptnet": 11_458, "bear": 7_731,
    "boolq": 3_270, "piqa": 1_838, "winogrande": 1_267, "arc": 2_376, "sciq": 1_000, "hellaswag": 10_042,
    "mmlu": 14_042, "mmlu_5shot": 14_042, "webquestions": 2_032, "triviaqa": 7_993, "triviaqa_closed": 7_993,
    "triviaqa_open": 7_993, "freebaseqa": 3_996, "popqa": 14_267, "lambada": 5_153, "cnn_dailymail": 11_490,
}  # fmt: skip
UNKNOWN = 10_000  # rows of a file of which nothing tells

Row = Mapping[str, str]  # of the benchmark table


def new_tokens(row: Row) -> int:
    """The most tokens that an answer may have: the row's, else its kind's; 0 where answers are no texts."""
    return int(row.get("new_tokens") or KINDS[kind_of(row["format"])].new_tokens or 0)


def completers(row: Row) -> list[str]:
    """The families that are asked the benchmark's clozes as completions, since they fill no blanks; none of others."""
    named = [family.strip() for family in row.get("families", "").split(",")]
    fills = KINDS[kind_of(row["format"])].encoder_engine is not None
    return [family for family in GENERATIVE if fills and family in named]


def most_rows(row: Row, limit: int | None) -> int | None:
    """The most rows that the benchmark can have, of which the first `limit` are asked; None where nothing tells."""
    sized = KINDS[kind_of(row["format"])].sized and row.get("per_relation")
    classes = len(CLASSES) * int(row["per_relation"]) if sized else None
    official, _ = OFFICIAL.get(row["format"], (None, None))
    return min((bound for bound in (limit, classes, official) if bound is not None), default=None)


def rows(row: Row, limit: int | None) -> int:
    """How many rows of the benchmark are asked, as well as it can be told: `most_rows`, else what its format's official
    file has."""
    known = most_rows(row, None)
    usual = ROWS.get(row["format"].removesuffix("_published").removesuffix("_ranked"), UNKNOWN)
    found = usual if known is None else known
    return found if limit is None else min(found, limit)
