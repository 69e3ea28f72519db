"""The figures of what is measured of texts, from rows by hand."""

import matplotlib
import pytest
from helpers import wrote
from helpers.plotted import dots, points

from knowcost.aggregate import rule
from knowcost.draw import written
from knowcost.draw.by_strength import place
from knowcost.draw.style import LOOKS, STYLE


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def drawn(rows):
    return list(written.figures(wrote.frames(rows), "decoder"))


def test_without_a_strength_nothing_is_drawn():
    assert drawn([]) == []
    assert drawn([wrote.measured(slug, "repeated") for slug in ("dense", "magnitude-40@attention")]) == []


def test_a_row_of_panels_for_each_measure_and_the_dense_model_at_its_own_value():
    slugs = ("dense", "magnitude-20@overall", "magnitude-40@overall")
    rows = [wrote.measured(slug, "unique_tokens", value=value, dense=60.0, change=value - 60, low=value - 62,
                           high=value - 59, decision=word)
            for slug, value, word in zip(slugs, (60, 60, 30), ("", rule.UNSURE, rule.COSTS), strict=True)]  # fmt: skip
    rows += [wrote.measured(slugs[2], "tokens", value=50.0, dense=90.0, change=-40.0, low=-50.0, high=-30.0)]
    (made,) = drawn(rows)
    varied, long = made.figure.axes
    assert made.name == "written_measures_m_talk"  # which LLM-KICK's index names
    colour = LOOKS[0][0]
    assert points(varied) == {colour: [60, 60, 30]}
    assert dots(varied) == {(colour, 20): "hollow", (colour, 40): "filled"}
    assert dots(long) == {(colour, 40): "filled"}  # nothing says whether short is bad, its interval says it is shorter
    (interval,) = [each for each in long.collections if len(each.get_segments())]
    assert [list(map(list, each)) for each in interval.get_segments()] == [[[40, 40], [40, 60]]]


def test_stories_are_not_the_conversations_of_figure_6():
    (made,) = drawn([wrote.measured("magnitude-20@overall", "repeated", "news")])
    assert made.name == "written_story_measures_m_news"


@pytest.mark.parametrize(
    ("slug", "found"),
    [
        ("wanda-50@overall", ("sparsity (%)", 50, "50")),
        ("wanda-2of4@overall", ("N:M", 50, "2:4")),
        ("gptq-3bit@overall", ("bits a weight", -3, "3 bit")),
        ("int8@overall", ("bits a weight", -8, "8 bit")),
        ("gptq-4bit-g128@overall", ("bits a weight", -4.5, "4 bit, groups of 128")),
        ("wanda-50@attention", None),
        ("wanda-50@overall+int8@overall", None),
        ("wanda-50@overall^lora-r8", None),
        ("dense", None),
    ],
)
def test_where_a_variant_stands(slug, found):
    assert place(slug) == found
