"""Whether the intervals hold what they promise, on simulated rows of which the truth is known; all of it, with the
alternatives that were tried, is in docs/statistics.md (perf/intervals.py)."""

import numpy as np
import pytest
from helpers.simulated import BOOLQ, TREX, Rows, change

from knowcost.aggregate.clustered import mean

TIMES = 400
ROWS = {
    "ten relations": Rows(tuple(size // 4 for size in TREX[::3]), known=0.3, forgotten=0.1, gained=0.01, icc=0.05),
    "forty-one relations": Rows(TREX[:14] + TREX[1:28], known=0.3, forgotten=0.1, gained=0.01, icc=0.1),
    "one large relation": Rows((450,) + (50,) * 9, known=0.5, forgotten=0.1, gained=0.02, icc=0.1),
    "BoolQ, as much gained": Rows(BOOLQ, known=0.75, forgotten=0.02, gained=0.06, icc=0.1),
    "BoolQ, half a point": Rows(BOOLQ, known=0.75, forgotten=0.01, gained=0.01, icc=0.1),
    "ten losses in a thousand": Rows((1,) * 1000, forgotten=0.01),
    "twelve losses in 245": Rows((1,) * 245, forgotten=0.05),
    "one loss in a hundred": Rows((1,) * 100, forgotten=0.01),
    "ten facts": Rows((1,) * 10, forgotten=0.2),
}


@pytest.mark.parametrize("name", ROWS)
def test_intervals_cover(name):
    rows = ROWS[name]
    random = np.random.default_rng(20)
    below, above = 0, 0
    for _ in range(4):
        [(known, right)] = rows.draw(random, TIMES // 4)
        found = mean(change(known, right), rows.clusters, flip=100)
        below, above = below + (found.high < rows.lost).sum(), above + (found.low > rows.lost).sum()
    assert 1 - (below + above) / TIMES >= 0.92
    assert below / TIMES <= 0.06 and above / TIMES <= 0.045
