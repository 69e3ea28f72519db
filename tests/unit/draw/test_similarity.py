"""The figure of similarity: a line per variant over the layers, recoveries beside what they stand on."""

import matplotlib
import pandas as pd
import pytest

from knowcost.aggregate.similarity import similarity
from knowcost.draw.similarity import layers
from knowcost.draw.style import STYLE


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def frame(*slugs):
    """Three layers, two windows; the cosine of attention is that of the slug's place among these and the layer."""
    return similarity(
        {"family": "decoder", "model": "m", "variant": slug, "benchmark": "prose", "limit": None, "dropped": "",
         "rows": pd.DataFrame([{"id": str(window), "layer": layer, "attention": 0.9 - place / 10 - layer / 100 + sign,
                                "activation": 0.5} for window, sign in ((0, 0.02), (1, -0.02)) for layer in (3, 1, 2)])}
        for place, slug in enumerate(slugs)
    )  # fmt: skip


def lines(axis):
    return {line.get_color(): (line.get_xdata().tolist(), line.get_ydata().round(6).tolist()) for line in axis.lines}


def test_lines_over_the_layers_recoveries_apart():
    slugs = ["dense", "gptq-3bit@overall", "gptq-3bit@overall^lora-r4", "gptq-3bit@overall^prompt-50",
             "magnitude-20@overall", "magnitude-20@attention"]  # fmt: skip
    [made] = layers(frame(*slugs), "decoder")
    assert made.name == "similarity_decoder" and made.family == "decoder"
    titles = [axis.get_title(loc="left") for axis in made.figure.axes]
    base = "m, prose: everything in 3 bit (GPTQ)"
    assert titles == [f"{base}\nattention", f"{base}\nstates of the tokens", "m, prose\nattention",
                      "m, prose\nstates of the tokens"]  # fmt: skip
    attention, states, other, _ = made.figure.axes
    expected = [[0.79, 0.78, 0.77], [0.69, 0.68, 0.67], [0.59, 0.58, 0.57]]
    assert [y for _, y in lines(attention).values()] == expected
    assert all(x == [1, 2, 3] for x, _ in lines(attention).values())
    assert [y for _, y in lines(states).values()] == [[0.5] * 3] * 3
    assert [y for _, y in lines(other).values()] == [[0.49, 0.48, 0.47]]  # the scope alone is not shown
    [legend] = made.figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["not recovered", "LoRA r4", "prompt 50", "everything pruned by 20%"]
    band = attention.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(0.79 + 0.02 * 2**0.5) and band.min() == pytest.approx(0.77 - 0.02 * 2**0.5)
    assert "virtual" not in made.caption and "A prompt's own tokens are left out" in made.caption
    assert "prose (2 windows)" in made.caption


def test_the_control_of_the_dense_model_and_nothing_without_lines():
    [made] = layers(frame("dense", "dense^lora-r4"), "decoder")
    assert [text.get_text() for text in made.figure.legends[0].get_texts()] == ["LoRA r4"]
    assert made.figure.axes[0].get_title(loc="left").startswith("m, prose: dense")
    assert list(layers(frame("dense"), "decoder")) == [] and list(layers(frame(), "decoder")) == []
    [made] = layers(frame("dense", "rtn-3bit@overall"), "decoder")
    assert "prompt" not in made.caption
