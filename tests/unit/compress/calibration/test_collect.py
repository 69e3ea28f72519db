"""Statistics of what layers read: shared where all that they read is the same, refused where it was overwritten."""

import pytest
import torch

from knowcost.common.errors import BrokenPromise
from knowcost.compress.calibration.collect import Collector, Enough

X, Y = torch.tensor([[3.0, 1.0]]), torch.tensor([[0.0, 2.0]])


def layers(*names):
    return {name: (f"{name}.weight", torch.nn.Linear(2, 2)) for name in names}


def collected(linears, calls, **how):
    with Collector(linears, hessian=True, **{"once": False} | how) as collector:
        for batch in calls:
            for name, x in batch:
                linears[name][1](x)
            collector.add()
    return collector.statistics


def test_layers_that_read_the_same_tensors_share_their_statistics_and_count_them_once():
    statistics = collected(layers("q", "k", "o"), [[("q", X), ("k", X), ("o", Y)], [("q", Y), ("k", Y), ("o", X)]])
    assert statistics["q"] is statistics["k"] is not statistics["o"]
    assert statistics["q"].tokens == 2
    assert statistics["q"].mean_square.tolist() == [4.5, 2.5]


def test_a_layer_that_reads_less_than_another_has_its_own():
    """As in DeBERTa: queries and keys also read positions (Y), values do not."""
    calls = [[("q", X), ("k", X), ("v", X), ("q", Y), ("k", Y)]]
    statistics = collected(layers("q", "k", "v"), calls)
    assert statistics["q"] is statistics["k"] is not statistics["v"]
    assert (statistics["q"].tokens, statistics["v"].tokens) == (2, 1)
    assert statistics["v"].hessian.tolist() == [[18.0, 6.0], [6.0, 2.0]]


def test_a_layer_that_is_first_called_later_does_not_take_what_another_read_before():
    statistics = collected(layers("q", "k"), [[("q", X)], [("q", Y), ("k", Y)]])
    assert (statistics["q"].tokens, statistics["k"].tokens) == (2, 1)


def test_layers_that_part_are_a_broken_promise():
    with pytest.raises(BrokenPromise, match=r"q\.weight and k\.weight no longer read the same tensors"):
        collected(layers("q", "k"), [[("q", X), ("k", X)], [("q", X), ("k", Y)]])


def test_an_input_that_is_overwritten_before_it_is_summed_is_a_broken_promise():
    linears, x = layers("q"), X.clone()
    with Collector(linears, hessian=False, once=False) as collector:
        linears["q"][1](x)
        x += 1
        with pytest.raises(BrokenPromise, match=r"q\.weight: the model has overwritten what this layer read"):
            collector.add()


def test_once_ends_the_pass_when_every_layer_was_called():
    linears = layers("q", "k")
    with Collector(linears, hessian=False, once=True), pytest.raises(Enough):
        linears["q"][1](X)
        linears["q"][1](Y)
        linears["k"][1](X)
