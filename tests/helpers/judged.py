"""Made-up judgements: judges with one fault each, and their files. For tests only."""

import numpy as np
import pyarrow as pa

from knowcost import judge
from knowcost.aggregate.judgement_rows import Judgements, numbers
from knowcost.common import parquet, paths, seal
from knowcost.judge.rows import JUDGED


def row(place, verdict="tie", **more):
    """A row of JUDGED of question `place`, which both orders agree on."""
    made = {"id": f"q{place}", "relation": None, "cluster": f"q{place}", "turn": 1, "rubric": "pair", "judge": "j",
            "answered_by": "j-1", "against": "dense", "first": verdict, "second": verdict, "verdict": verdict,
            "scores": None, "other_scores": None, "failed": None, "empty": False, "length": 10,
            "other_length": 10}  # fmt: skip
    return made | more


def of(rows, variant="wanda-50@overall", benchmark="chat", kind="conversation", model="m"):
    """Judgements of a decoder, of rows as `row` makes them."""
    frame = pa.Table.from_pylist(rows, schema=JUDGED).to_pandas()
    return Judgements("decoder", model, variant, benchmark, kind, "j", frame.join(numbers(frame)))


def write(root, rows, model="m", variant="wanda-50@overall", benchmark="chat", **about):
    """A file of judgements beside a cell of scores that lies there."""
    own, dense = (root / paths.scores(model, slug, benchmark) for slug in (variant, "dense"))
    digests = {str(path): seal.check(path) for path in (own, dense) if path.exists()}
    said = {"model": model, "variant": variant, "benchmark": benchmark, "kind": "conversation", "digests": digests,
            "judges": ["j"], "version": judge.STAGE_VERSION}  # fmt: skip
    path = root / paths.judgements(model, variant, benchmark)
    parquet.write(path, pa.Table.from_pylist(rows, schema=JUDGED), said | about)
    return path


def simulate(seed, n=80, turns=2, worse=0.0, first=0.0, longer=0.0, noise=0.5, unparsed=0.0, null=False, shorter=0):
    """Rows of a judge that sees how much better an answer is, with noise of its own at every look.

    worse: how much the answers are, on the mean; questions differ (1), turns of a question less. first, longer: what
    standing first, and ten words more, are worth to it. Differences below 0.5 are ties. unparsed: share of pairs of
    which it writes garbage. null: the texts are the same. shorter: words that the answers lack.
    """
    random = np.random.default_rng(seed)
    rows = []
    for place in range(n):
        question = random.normal(-worse, 1)
        for turn in range(1, turns + 1):
            better = 0.0 if null else question + random.normal(0, 0.5)
            words, others = (int(each) for each in random.integers(50, 150, 2))
            words, others = (80, 80) if null else (max(words - shorter, 1), others)
            liked = better + longer * (words - others) / 10
            looks = liked + noise * random.normal(size=2) + first * np.array([1, -1])
            if random.random() < unparsed:
                said = {"first": None, "second": None, "verdict": None, "failed": "unparsed"}
            else:
                one, two = ("win" if look > 0.5 else "loss" if look < -0.5 else "tie" for look in looks)
                said = {"first": one, "second": two, "verdict": one if one == two else "tie"}
            rows.append(row(place, turn=turn, length=words, other_length=others, **said))
    return rows
