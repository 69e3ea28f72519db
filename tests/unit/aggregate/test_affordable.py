from math import nan

import pandas as pd
import pytest

from knowcost.aggregate.affordable import NO, UNSURE, YES, Budget, affordable, judge
from knowcost.aggregate.tables import describe

DROP = ("drop_points", "drop_low", "drop_high")


@pytest.mark.parametrize(
    ("loaded", "lost", "budget", "verdict"),
    [
        (7e9, (0.5, 1.9), Budget(8 * 10**9, 2), YES),
        (7e9, (0.5, 2.0), Budget(8 * 10**9, 2), YES),
        (7e9, (0.5, 2.1), Budget(8 * 10**9, 2), UNSURE),
        (7e9, (2.1, 3.0), Budget(8 * 10**9, 2), NO),
        (8.1e9, (-1.0, 0.1), Budget(8 * 10**9, 2), NO),
        (8.1e9, (-1.0, 0.1), Budget(None, 2), YES),
        (nan, (-1.0, 0.1), Budget(8 * 10**9, 2), UNSURE),
        (nan, (-1.0, 0.1), Budget(None, 2), YES),
        (nan, (2.1, 3.0), Budget(8 * 10**9, 2), NO),
        (7e9, (nan, nan), Budget(8 * 10**9, 2), UNSURE),
    ],
)
def test_what_a_budget_says(loaded, lost, budget, verdict):
    assert judge(loaded, lost, budget)[0] == verdict


def test_a_budget_as_the_configuration_has_it():
    assert Budget.of({"size": "8GB", "points": 2}) == Budget(8_000_000_000, 2.0)
    assert Budget.of({"size": None, "points": 0.5}) == Budget(None, 0.5)


def test_a_row_has_the_interval_of_its_worst_benchmark_and_dense_models_lose_nothing():
    sizes = {"format": "int8", "real_bytes": 100, "loaded_bytes": 110, "bytes_saved_percent": 75}
    about = {"family": "decoder", "model": "m"}
    cells = [("dense", "piqa", 0, nan, nan), ("dense", "sciq", 0, nan, nan)]
    cells += [("int8@overall", "piqa", 1, 0.2, 1.8), ("int8@overall", "sciq", 3, 1.0, 5.0)]
    scores = pd.DataFrame(
        about | sizes | describe(slug) | {"benchmark": name} | dict(zip(DROP, lost, strict=True))
        for slug, name, *lost in cells
    )
    mean = {"drop_points": 2, "drop_low": 0.9, "drop_high": 3.1, "worst_benchmark": "sciq", "worst_points": 3}
    kept = dict.fromkeys(("kept_percent", "kept_low", "kept_high", "kept_least"), 97)
    lost = about | sizes | kept | {"facts_kept": 8, "bits_per_fact_kept": 100} | mean
    no_points = ("dense^lora-r8", "int8@overall^lora-r8~half")  # a control, and one that was told what is asked
    by_model = pd.DataFrame(lost | describe(slug) for slug in ("int8@overall", *no_points))
    made = affordable(by_model, scores, {("m", "int8@overall"): 2.5}, Budget(105, 5), {"half"}).set_index("variant")
    assert list(made.index) == ["dense", "int8@overall"]
    row = made.loc["int8@overall"]
    assert (row["worst_points"], row["worst_low"], row["worst_high"], row["seconds_per_1000_tokens"]) == (3, 1, 5, 2.5)
    assert (row["verdict"], row["why"]) == (NO, "does not fit")
    assert made.loc["dense", ["drop_points", "drop_low", "drop_high", "kept_percent"]].tolist() == [0, 0, 0, 100]
