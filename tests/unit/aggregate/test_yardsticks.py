import pandas as pd

from knowcost.aggregate.yardsticks import on_other_tokens


def test_which_perplexities_are_over_other_tokens():
    rows = [("m", "dense", 9), ("m", "int8@overall", 9), ("m", "gptq-3bit@overall^prompt-3", 7), ("o", "int8@final", 5)]
    frame = pd.DataFrame(rows, columns=["model", "variant", "tokens"], index=[4, 5, 6, 7]).assign(benchmark="c4")
    assert on_other_tokens(frame).to_dict() == {4: False, 5: False, 6: True, 7: False}  # o's dense model was not asked
    assert on_other_tokens(frame[:0]).empty
