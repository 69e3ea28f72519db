"""Perplexity against knowledge: which points a line joins, and in which order."""

import math

import matplotlib
import pandas as pd
import pytest
from helpers.plotted import dots

from knowcost.aggregate import rule, tables
from knowcost.draw import perplexity as perplexity_figures
from knowcost.draw.perplexity import LOST
from knowcost.draw.style import STYLE


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def frames(points, model="m", text="prose"):
    """(scores, perplexity) of {variant: (perplexity, accuracies in %)}, the first being dense."""
    dense = points["dense"]
    about = [{"family": "decoder", "model": model, **tables.describe(slug)} for slug in points]
    perplexity = [
        each | {"benchmark": text, "perplexity": value, "perplexity_times": value / dense[0]}
        for each, (value, _) in zip(about, points.values(), strict=True)
    ]
    scores = [
        each | {"benchmark": str(place), "accuracy": one / 100, "dense_accuracy": dense[1][place] / 100}
        for each, (_, accuracies) in zip(about, points.values(), strict=True)
        for place, one in enumerate(accuracies)
    ]
    return pd.DataFrame(scores), pd.DataFrame(perplexity)


POINTS = {
    "dense": (10.0, (80, 60)), "magnitude-60@overall": (30.0, (40, 20)), "magnitude-20@overall": (10.5, (70, 42)),
    "magnitude-80@overall": (math.inf, (1, 1)), "int8@overall": (11.5, (78, 60)),
    "magnitude-20@attention": (10.1, (9, 9)), "magnitude-40@overall": (12.0, (50,)),
}  # fmt: skip


def drawn(*made, tolerance=0.05, decided=None):
    """decided: {variant: (points lost, low, high, decision)}"""
    scores, perplexity = (pd.concat(each) for each in zip(*made, strict=True))
    matching = pd.DataFrame({"tolerance": [tolerance] * 3})
    rows = [
        {"model": "m", "variant": slug, **dict(zip(LOST, each, strict=True))} for slug, each in (decided or {}).items()
    ]
    lost = pd.DataFrame(rows, columns=["model", "variant", *LOST])
    mine = {"scores": scores, "perplexity": perplexity, "matching": matching, "drops_by_model": lost}
    return list(perplexity_figures.against(mine, "decoder"))


def test_a_line_per_method_from_the_dense_model_to_its_strongest_variant():
    (made,) = drawn(frames(POINTS))
    assert made.name == "perplexity_decoder" and made.title == "Perplexity against knowledge: decoder models"
    (axis,) = made.figure.axes
    lines = [line for line in axis.lines if len(line.get_xdata()) > 1 and line.get_linestyle() == "-"]
    # 80% has no finite perplexity, 40% was not asked everything, attention is not everything
    assert [list(line.get_xdata()) for line in lines] == [[10.0, 10.5, 30.0], [10.0, 11.5]]
    assert [value for line in lines for value in line.get_ydata()] == pytest.approx([70, 56, 30, 70, 69])
    assert sorted(text.get_text() for text in axis.texts) == ["20%", "60%"]
    (dashed,) = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert dashed.get_ydata()[0] == pytest.approx(0.95 * 70)
    assert axis.get_xscale() == "log" and axis.get_title(loc="left") == "m, prose"
    assert "Everything means every linear layer but the final one, which int8 takes in too. " in made.caption


def test_what_perplexity_does_not_show_is_what_was_decided():
    """Perplexity rises by 5%, 15% and 200%; the caption speaks of those up to a tenth."""
    points = {"dense": (10.0, (80,)), "magnitude-20@overall": (10.5, (70,)), "gptq-4bit@overall": (10.9, (78,))}
    points |= {"magnitude-60@overall": (30.0, (20,))}
    costly = {"magnitude-20@overall": (10.0, 7.0, 13.0, rule.COSTS), "gptq-4bit@overall": (2.0, -1.0, 5.0, rule.UNSURE)}
    costly |= {"magnitude-60@overall": (60.0, 50.0, 70.0, rule.COSTS)}
    (made,) = drawn(frames(points), decided=costly)
    words = "Variants whose perplexity rose by at most a tenth: 2, of which 1 cost accuracy"
    assert f"{words}, the most everything pruned by 20% (m): 10.0 points (7.0 to 13.0). " in made.caption
    looks = dots(made.figure.axes[0])
    assert looks == {("#D55E00", 10.5): "filled", ("#0072B2", 10.9): "hollow", ("#D55E00", 30.0): "filled"}
    spared = {slug: (0.1, -0.5, 0.7, rule.EQUAL) for slug in costly}
    assert "at most a tenth: 2, of which 0 cost accuracy. " in drawn(frames(points), decided=spared)[0].caption
    assert (
        "at most a tenth"
        not in drawn(frames({"dense": (10.0, (80,)), "magnitude-60@overall": (30.0, (20,))}))[0].caption
    )


def test_patterns_have_a_line_of_their_own():
    points = {"dense": (10.0, (80,)), "sparsegpt-50@overall": (12.0, (70,)), "sparsegpt-2of4@overall": (20.0, (50,))}
    (made,) = drawn(frames(points))
    words = [text.get_text() for text in made.figure.legends[0].get_texts()]
    assert words == ["dense", "SparseGPT", "SparseGPT (N:M)", "5% below dense"]
    assert sorted(text.get_text() for text in made.figure.axes[0].texts) == ["2:4", "50%"]


def test_a_panel_per_model_and_text():
    (made,) = drawn(frames(POINTS), frames(POINTS, model="n"))
    assert [axis.get_title(loc="left") for axis in made.figure.axes] == ["m, prose", "n, prose"]


def test_nothing_is_drawn_without_both():
    scores, perplexity = frames(POINTS)
    assert not drawn((scores, perplexity.iloc[:0]))
    assert not drawn((scores, perplexity[perplexity["scope"] != "overall"]))


def test_no_two_of_many_lines_look_alike():
    slugs = [f"{step}@overall~{n}" for step in ("wanda-20", "gptq-4bit") for n in range(9)] + ["magnitude-20@overall"]
    points = {"dense": (10.0, (80,))} | {slug: (12.0 + n, (70 - n,)) for n, slug in enumerate(slugs)}
    (made,) = drawn(frames(points))
    handles = made.figure.legends[0].legend_handles
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in handles}
    assert len(looks) == len(handles) == len(slugs) + 2


def test_of_strengths_that_lie_close_together_one_is_written():
    points = {
        "dense": (10.0, (80,)),
        "magnitude-10@overall": (10.01, (79.9,)),
        "magnitude-20@overall": (10.02, (79.8,)),
    }
    (made,) = drawn(frames(points | {"magnitude-80@overall": (900.0, (5,))}))
    assert sorted(text.get_text() for text in made.figure.axes[0].texts) == ["20%", "80%"]


def test_ticks_of_a_wide_range_are_powers_of_ten():
    for worst, some in ((40.0, 20.0), (90_000.0, 1000.0)):
        (made,) = drawn(frames({"dense": (10.0, (80,)), "magnitude-80@overall": (worst, (5,))}))
        low, high = made.figure.axes[0].get_xlim()
        ticks = [tick for tick in made.figure.axes[0].get_xticks() if low <= tick <= high]
        assert some in ticks
        assert (worst < 50) == any(math.log10(tick) % 1 > 1e-9 for tick in ticks)


def test_the_dashed_line_is_the_studys_tolerance():
    (made,) = drawn(frames(POINTS), tolerance=0.1)
    (dashed,) = [line for line in made.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert dashed.get_ydata()[0] == pytest.approx(63)  # 90% of 70
    assert made.figure.legends[0].get_texts()[-1].get_text() == "10% below dense"
    assert made.caption.endswith("Grey, dashed: 10% below dense, the tolerance of what matches it. ")


def test_lines_stand_apart_by_act_order_too():
    slugs = ("gptq-4bit@overall", "gptq-4bit-actorder@overall", "gptq-4bit-g128-actorder@overall")
    (made,) = drawn(frames({"dense": (10.0, (80,))} | {slug: (12.0 + n, (70,)) for n, slug in enumerate(slugs)}))
    words = [text.get_text() for text in made.figure.legends[0].get_texts()]
    assert words == ["dense", "GPTQ", "GPTQ (bits, act order)", "5% below dense"]


def test_dots_have_intervals_and_strengths_cover_no_other():
    """Mean accuracies of 56 and 30 of 70, so 14 and 40 points were lost."""
    lost = {
        "magnitude-20@overall": (14.0, 11.0, 18.0, rule.COSTS),
        "magnitude-60@overall": (40.0, 39.0, 41.0, rule.COSTS),
    }
    (made,) = drawn(frames(POINTS), decided=lost)
    (axis,) = made.figure.axes
    ends = [path.vertices[:, 1].tolist() for each in axis.collections for path in each.get_paths()]
    assert [pytest.approx(found) for found in ends if found[0] == found[0]] == [[52, 59], [29, 31]]
    made.figure.draw_without_rendering()
    one, other = (text.get_window_extent() for text in axis.texts if text.get_text())
    assert not one.overlaps(other)
