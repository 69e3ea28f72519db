"""The first picture: what is on it, in which words, where it leads, and that it is the same each time."""

import re
from math import nan

import matplotlib
import numpy as np
import pandas as pd
import pytest

from knowcost.aggregate import tables
from knowcost.aggregate.front import COLUMNS
from knowcost.draw import front, links, ways
from knowcost.draw.placing import Label, place
from knowcost.draw.style import STYLE, save
from knowcost.spec.variants import parse


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def rows(*each, model="m", reference="m", series="s"):
    """The table from (slug, MB, kept, on the front, share)."""
    made = [
        {"series": series, "family": "decoder", "model": model, "reference": reference, **tables.describe(slug),
         "real_bytes": size * 1e6, "kept_percent": kept, "kept_low": kept - 1, "kept_high": kept + 1,
         "kept_least": kept - 2, "on_front": on, "front_share": share}
        for slug, size, kept, on, share in each
    ]  # fmt: skip
    return pd.DataFrame(made).reindex(columns=COLUMNS)


POINTS = rows(
    ("dense", 400, 100.0, 1, 0.8),
    ("int8@overall", 150, 99.5, 1, 1.0),
    ("int8@attention", 300, 99.4, 0, 0.3),
    ("gptq-4bit@overall", 100, 96.0, 1, 0.93),
    ("gptq-4bit@overall^lora-r4", 110, 95.0, 0, 0.0),
    ("wanda-2of4@overall", 250, 30.0, 0, 0.0),
)


def one(table):
    (made,) = front.figures(table)
    return made


def words(figure):
    """The words of the labels, a point each."""
    (axis,) = figure.axes
    return [text.get_text() for text in axis.texts if text.get_text()]


def at(figure):
    """{(MB, percent kept)} of the points."""
    (axis,) = figure.axes
    points = [line for line in axis.lines if line.get_url()]
    return {(line.get_xdata()[0], line.get_ydata()[0]): line for line in points}


def test_points_links_and_the_front():
    made = one(POINTS)
    assert (made.name, made.family, made.linked) == ("front_s", "", True)
    found = at(made.figure)
    assert set(found) == {(400, 100), (150, 99.5), (300, 99.4), (100, 96), (110, 95)}  # without the outlier
    assert (
        found[100, 96].get_url() == links.facts("m", "gptq-4bit@overall") == "#facts?m=m&a=dense&b=gptq-4bit%40overall"
    )
    assert found[400, 100].get_marker() == "*"
    assert found[150, 99.5].get_markersize() > found[300, 99.4].get_markersize()
    assert found[110, 95].get_color() == found[100, 96].get_color() and found[110, 95].get_markerfacecolor() == "white"
    (axis,) = made.figure.axes
    steps = next(line for line in axis.lines if len(line.get_xdata()) > 2).get_xydata().tolist()
    low, right = axis.get_ylim()[0], axis.get_xlim()[1]
    assert steps == [[100, low], [100, 96], [150, 96], [150, 99.5], [400, 99.5], [400, 100], [right, 100]]
    bars = {tuple(path.vertices[:, 1]) for each in axis.collections for path in each.get_paths()}
    assert {(95, 97), (98.5, 100), (99, 100)} <= bars and (98.4, 100) not in bars
    assert [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"] == [99, 95, 90]


def test_labels_are_few_words_and_say_what_luck_decides():
    assert words(one(POINTS).figure) == ["m, dense", "on the front in 80%", "int8", "GPTQ 4 bit", "on the front in 93%"]


def test_the_caption_counts_what_is_not_seen():
    caption = one(POINTS).caption
    assert "Below the picture, at less than 85% kept: 1 more." in caption and "no room" not in caption
    deep = one(pd.concat([POINTS, rows(("gptq-2bit@overall", 50, 10.0, 1, 1.0))]))
    assert "Below the picture, at less than 20% kept: 1 more (1 of them on the front)." in deep.caption
    assert (250, 30) in at(deep.figure)
    assert "Below" not in one(POINTS[POINTS["kept_percent"] > 90]).caption


def test_a_series_of_several_models_names_them():
    small = rows(("dense", 90, 97.0, 1, 1.0), ("int8@overall", 30, 96.5, 1, 1.0), model="opt-1b", reference="opt-7b")
    large = POINTS.assign(model="opt-7b", reference="opt-7b")
    made = one(pd.concat([large, small]))
    assert {"opt-7b, dense", "opt-1b, dense", "7b: int8", "1b: int8"} <= set(words(made.figure))
    assert "Smaller dense models of the series are points of it, too (opt-1b)." in made.caption
    assert "facts that opt-7b answers right" in made.caption


def test_models_that_were_asked_other_facts_have_a_figure_of_their_own():
    both = pd.concat(
        [POINTS, POINTS.assign(model="n", reference="n"), rows(("dense", 5, 100.0, 1, 1.0), series="alone")]
    )
    assert [made.name for made in front.figures(both)] == ["front_s", "front_n"]  # and a dense model alone has none


def test_bytes_that_span_much_are_on_a_logarithmic_axis_and_in_gigabytes():
    (axis,) = one(POINTS).figure.axes
    assert (axis.get_xscale(), axis.get_xlim()[0]) == ("linear", 0) and axis.get_xlabel().endswith("(MB)")
    (axis,) = one(pd.concat([POINTS, rows(("magnitude-20@overall", 4000, 99.0, 0, 0.0))])).figure.axes
    assert axis.get_xscale() == "log" and axis.get_xlabel().endswith("(GB)")


def test_what_has_no_bytes_or_is_not_known_is_no_point():
    gone = POINTS.assign(real_bytes=POINTS["real_bytes"].where(POINTS["variant"] != "int8@overall"))
    assert len(at(one(gone).figure)) == 4
    assert not list(front.figures(POINTS.assign(kept_percent=nan)))
    assert not list(front.figures(POINTS.iloc[:0]))
    assert len(at(one(POINTS.assign(kept_low=nan, kept_high=nan)).figure)) == 5  # facts of one cluster


def test_a_method_looks_as_in_other_figures_and_several_have_something_of_each():
    slugs = ("magnitude-20@overall", "int8@overall", "magnitude-20@overall+int8@overall", "int8@overall^lora-r4")
    pruned, int8, both, recovered = (front.look(parse(slug).method) for slug in slugs)
    assert both == (int8[0], pruned[1]) and recovered == int8 and len({pruned, int8, both}) == 3
    place = ways.place("magnitude-20@overall")
    of_others = ways.looks([place.way])[place.way]
    assert pruned == (of_others["color"], of_others["marker"])
    handles = one(rows(*((slug, 1, 99.0, 0, 0.0) for slug in (*slugs, "brought-a", "brought-b")))).figure.legends[0]
    words = [text.get_text() for text in handles.get_texts()]
    assert words == ["pruned", "int8", "pruned + int8", "compressed elsewhere", "recovered"]


def test_the_files_links_stay_in_the_page_and_have_names(tmp_path):
    for name in ("a.svg", "b.svg"):
        save(one(POINTS).figure, tmp_path / name, "svg")
    svg = (tmp_path / "a.svg").read_text()
    assert svg == (tmp_path / "b.svg").read_text()
    found = dict(re.findall(r'<a xlink:href="([^"]*)"><title>([^<]*)</title>', svg))
    assert found["#facts?m=m&amp;a=dense&amp;b=gptq-4bit%40overall"] == "m: everything in 4 bit (GPTQ)"
    assert found["#facts?m=m&amp;a=dense&amp;b=dense"] == "m: dense" and len(found) == 5
    assert svg.count("<a ") == len(re.findall("<a [^>]*><title>", svg)) and "_blank" not in svg


def test_labels_cover_no_other_and_what_has_no_room_is_left_out():
    figure = matplotlib.figure.Figure(figsize=(4, 3))
    axis = figure.subplots()
    axis.set(xlim=(0, 1), ylim=(0, 1))
    crowd = np.random.default_rng(0).random((30, 2)) * 0.02 + 0.5
    left_out = place(figure.axes[0], [Label((x, y), ("a label of some words",), "black") for x, y in crowd], crowd, [])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axis.texts if text.get_text()]
    assert 3 < len(boxes) == 30 - left_out < 30
    inside = axis.get_window_extent()
    for place_of, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place_of])
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
