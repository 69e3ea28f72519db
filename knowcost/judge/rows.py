"""The rows of a file of judgements: one per answer, rubric, judge and what the answer was held against.

turn: of the conversation, from 1. judge: the model that was asked, as the configuration calls it; answered_by: what it
calls itself. against: DENSE, the dense model's own answer (of the dense model: what it writes when it is asked once
more), REFERENCE, an answer of a file, or ALONE, nothing. first, second: of WIN, TIE and LOSS what is said of the answer
when it stands first, and when it stands second; null where that was not asked or says nothing. verdict: what both say,
a tie where they disagree; what the one says where there is one order; else null. scores, other_scores: of the answer
and of what it is held against, a number per criterion of the rubric, averaged over the orders; null where the rubric
gives none. failed: why there is no verdict, nor scores of a single answer: UNPARSED or TOO_LONG, else null. empty:
whether one of the answers is no text at all, so that no judge was asked: it loses against any other, ties with another
empty one, and has no scores. length, other_length: words.
"""

import pyarrow as pa

WIN, TIE, LOSS = "win", "tie", "loss"
DENSE, REFERENCE, ALONE = "dense", "reference", "alone"
UNPARSED, TOO_LONG = "unparsed", "too_long"  # asked twice in vain; more than the judge can read

JUDGED = pa.schema(
    [
        ("id", pa.string()),
        ("relation", pa.string()),
        ("cluster", pa.string()),
        ("turn", pa.int32()),
        ("rubric", pa.string()),
        ("judge", pa.string()),
        ("answered_by", pa.string()),
        ("against", pa.string()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("verdict", pa.string()),
        ("scores", pa.list_(pa.float64())),
        ("other_scores", pa.list_(pa.float64())),
        ("failed", pa.string()),
        ("empty", pa.bool_()),
        ("length", pa.int32()),
        ("other_length", pa.int32()),
    ]
)
