"""Methods side by side: what stands in which figure, where its points are, and what the caption says of them."""

import re
from itertools import pairwise
from math import nan

import matplotlib
import pandas as pd
import pytest

from knowcost.aggregate import rule, tables
from knowcost.compress.registry import CHOSEN
from knowcost.draw import methods, ways
from knowcost.draw.links import facts
from knowcost.draw.style import STYLE, save


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(STYLE):
        yield


def lost(slug, points, model="m", decision=rule.COSTS, **more):
    """A row of drops_by_model, or of scores where it has a benchmark; with an interval of a point on both sides."""
    row = {"family": "decoder", "model": model, **tables.describe(slug), "decision": decision}
    row |= {"drop_points": points, "drop_low": points - 1, "drop_high": points + 1, "majority_drop_points": nan}
    row |= {"accuracy": 0.5, "dense_accuracy": 0.7, "majority": nan, "majority_drop_percent": nan}
    return row | more


def drawn(rows, margin=1.0, benchmarks=("x", "y")):
    """{name: Drawn} of such rows; each benchmark has what the mean has."""
    each = [row | {"benchmark": name} for row in rows for name in benchmarks]
    mine = {"drops_by_model": pd.DataFrame(rows), "scores": pd.DataFrame(each)}
    return {made.name: made for made in methods.figures(mine, "decoder", "Who.", margin)}


PRUNED = [
    lost("magnitude-40@overall", 6.0), lost("magnitude-60@overall", 26.0),
    lost("sparsegpt-40@overall", 4.5), lost("sparsegpt-60@overall", 25.0),
    lost("wanda-60@overall", 27.5), lost("wanda-2of4@overall", 30.0), lost("sparsegpt-2of4@overall", 21.5),
]  # fmt: skip
BITS = [lost("int8@overall", 0.1, decision=rule.EQUAL), lost("rtn-3bit@overall", 7.0),
        lost("gptq-3bit@overall", 4.6), lost("gptq-2bit@overall", 38.0)]  # fmt: skip
ELSEWHERE = [
    lost("magnitude-40@overall+int8@overall", 50.0), lost("gptq-2bit@overall^lora-r4", 50.0),
    lost("dense^lora-r4", 50.0), lost("brought-mine", 50.0),
]  # fmt: skip


def look(words, found):
    """Colour and marker of the way of these words."""
    styles = ways.looks(place.way for row in found if (place := ways.place(row["variant"])))
    (style,) = [style for each, style in styles.items() if each.words == words]
    return style["color"], style["marker"]


def tens(places):
    """Levels without how far they were moved aside."""
    return [(round(x, -1), y) for x, y in places]


def lines(axis, colour):
    """The lines of a colour that join points, as [(x, y), ...]."""
    mine = [line for line in axis.lines if line.get_color() == colour and line.get_marker() == "None"]
    return [tens(zip(*line.get_data(), strict=True)) for line in mine]


def marks(axis):
    """{(colour, marker): [(x, y), ...]} of the points that are links."""
    found = {}
    for line in axis.lines:
        if line.get_url():
            found.setdefault((line.get_color(), line.get_marker()), []).extend(zip(*line.get_data(), strict=True))
    return found


def test_every_way_of_pruning_stands_in_one_figure_and_every_number_of_bits_in_another():
    made = drawn([*PRUNED, *BITS, *ELSEWHERE])
    assert list(made) == [
        f"{kind}_decoder_overall{end}" for kind in ("pruning", "bits") for end in ("", "_by_benchmark")
    ]
    (axis,) = made["pruning_decoder_overall"].figure.axes
    found = marks(axis)
    assert {key: tens(places) for key, places in found.items()} == {
        look("magnitude pruning", PRUNED): [(40, 6.0), (60, 26.0)],
        look("SparseGPT", PRUNED): [(40, 4.5), (60, 25.0)],
        look("Wanda", PRUNED): [(60, 27.5)],
        look("Wanda 2:4", PRUNED): [(50, 30.0)],
        look("SparseGPT 2:4", PRUNED): [(50, 21.5)],
    }
    assert len(found) == 5  # no two look the same
    assert look("Wanda", PRUNED)[0] == look("Wanda 2:4", PRUNED)[0]
    (axis,) = made["bits_decoder_overall"].figure.axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["8", "3", "2"]
    assert [(round(x), y) for x, y in marks(axis)[look("GPTQ", BITS)]] == [(1, 4.6), (2, 38.0)]
    assert marks(axis)[look("int8", BITS)] == [(0, 0.1)]
    assert all(each.linked and each.caption.endswith("Who.") for each in made.values())


def test_two_levels_are_a_line_with_a_band_and_a_lone_one_has_a_bar():
    (axis,) = drawn(PRUNED)["pruning_decoder_overall"].figure.axes
    orange, blue = look("magnitude pruning", PRUNED)[0], look("Wanda", PRUNED)[0]
    assert lines(axis, orange) == [[(0, 0.0), (40, 6.0), (60, 26.0)]]  # from the dense model on
    assert lines(axis, blue) == []
    bands = [
        box for each in axis.collections if hasattr(each, "get_paths") for box in [each.get_paths()[0].get_extents()]
    ]
    assert any((box.ymin, box.ymax) == (0, 27) for box in bands)  # 26 + 1
    assert any((box.x0, box.ymin, box.ymax) == (box.x1, 26.5, 28.5) for box in bands)  # 27.5, and 1 on both sides


def test_a_line_begins_at_the_dense_model_only_where_nothing_weaker_was_run():
    rows = [*PRUNED[:2], lost("wanda-50@overall~c4", 9.0), lost("wanda-60@overall~c4", 20.0)]
    (axis,) = drawn(rows)["pruning_decoder_overall"].figure.axes
    assert lines(axis, look("Wanda (c4)", rows)[0]) == [[(50, 9.0), (60, 20.0)]]


def test_equal_methods_are_seen_beside_each_other_and_told():
    rows = [lost(f"{method}-{level}@overall", 2.0 * level) for method in ("magnitude", "wanda") for level in (20, 30)]
    made = drawn(rows)["pruning_decoder_overall"]
    first, second = marks(made.figure.axes[0]).values()
    assert [y for _, y in first] == [y for _, y in second] == [40.0, 60.0]
    for (one, _), (other, _), level in zip(first, second, (20, 30), strict=True):
        assert one < level < other and other - one < 1
    assert "Equal at every level that both have: magnitude pruning and Wanda. " in made.caption
    assert "Equal" not in drawn(PRUNED)["pruning_decoder_overall"].caption


def test_a_baseline_far_outside_is_a_note_and_squashes_nothing():
    far = drawn([row | {"majority_drop_points": 80.0} for row in PRUNED])["pruning_decoder_overall"].figure
    assert far.axes[0].get_ylim()[1] < 35 and [text.get_text() for text in far.axes[0].texts] == [
        "↑ majority baseline: 80"
    ]
    near = drawn([row | {"majority_drop_points": 20.0} for row in PRUNED])["pruning_decoder_overall"].figure
    dashed = [line.get_ydata()[0] for line in near.axes[0].lines if line.get_linestyle() == "--"]
    assert dashed == [20.0] and not near.axes[0].texts
    words = [[text.get_text() for text in figure.legends[0].get_texts()] for figure in (far, near)]
    assert ["majority baseline" in each for each in words] == [False, True]


def test_the_margin_is_shaded():
    (axis,) = drawn(PRUNED, margin=2.5)["pruning_decoder_overall"].figure.axes
    (shade,) = [patch for patch in axis.patches if patch.get_alpha()]
    assert (shade.get_y(), shade.get_height()) == (-2.5, 5.0)


def test_nothing_is_drawn_that_shows_nothing():
    assert drawn([lost("int8@attention", 0.3)]) == {}
    assert drawn([lost("wanda-40@overall", 0.0), lost("wanda-60@overall", 0.0)]) == {}
    assert drawn([lost("wanda-40@overall", nan), lost("wanda-60@overall", 3.0)]) == {}
    rows = [*PRUNED[:2], lost("magnitude-40@attention", 1.0)]  # one level of one method
    assert {name for name in drawn(rows) if "attention" in name} == set()
    assert drawn(rows[:1]) == {}


def test_a_benchmark_of_which_nothing_is_known_or_lost_is_a_sentence():
    rows = PRUNED[:2]
    each = [row | {"benchmark": "x"} for row in rows]
    each += [row | {"benchmark": "y", "drop_points": 0.0, "decision": rule.EQUAL} for row in rows]
    each += [row | {"benchmark": "z", "decision": rule.NOTHING} for row in rows]
    mine = {"drops_by_model": pd.DataFrame(rows), "scores": pd.DataFrame(each)}
    made = {each.name: each for each in methods.figures(mine, "decoder", "Who.", 1)}[
        "pruning_decoder_overall_by_benchmark"
    ]
    assert [axis.get_title(loc="left") for axis in made.figure.axes] == ["x"]
    assert "Not drawn, since nothing was lost: y. " in made.caption
    assert "Not drawn, since the dense model is not shown to know anything of it: z. " in made.caption


def test_models_are_never_averaged():
    rows = [row | {"model": model} for model in ("15m", "135m") for row in PRUNED]
    made = drawn(rows)
    assert list(made) == [
        "pruning_decoder_overall",
        *(f"pruning_decoder_overall_{m}_by_benchmark" for m in ("15m", "135m")),
    ]
    assert [axis.get_title(loc="left") for axis in made["pruning_decoder_overall"].figure.axes] == ["15m", "135m"]
    assert [each.group for each in made.values()] == ["", methods.EACH_MODEL, methods.EACH_MODEL]
    one = made["pruning_decoder_overall_135m_by_benchmark"].figure
    assert [axis.get_title(loc="left") for axis in one.axes] == ["x", "y"]


def test_other_scopes_are_folded_and_the_first_stands_open():
    rows = [
        lost(f"wanda-{level}@{scope}", 9.0)
        for scope in ("attention", "overall", "canonical.attention")
        for level in (40, 60)
    ]
    groups = {name: made.group for name, made in drawn(rows).items()}
    assert groups == {
        "pruning_decoder_overall": "", "pruning_decoder_overall_by_benchmark": "",
        "pruning_decoder_attention": methods.OTHER_SCOPES, "pruning_decoder_canonical_attention": methods.OTHER_SCOPES,
    }  # fmt: skip
    assert drawn(rows[:2])["pruning_decoder_attention"].group == ""


def test_captions_say_what_loses_least_and_whether_that_is_decided():
    made = drawn([*PRUNED, *BITS])
    apart, overlap = "the intervals are apart, so the two differ. ", "the intervals overlap, so they do not decide "
    words = "At 50% SparseGPT 2:4 loses least, 21.5 points (20.5 to 22.5), then Wanda 2:4, 30.0 points (29.0 to 31.0): "
    assert words + apart in made["pruning_decoder_overall"].caption
    words = "At 3 bits GPTQ loses least, 4.6 points (3.6 to 5.6), then round to nearest, 7.0 points (6.0 to 8.0): "
    assert words + apart in made["bits_decoder_overall"].caption
    caption = drawn(PRUNED[:4])["pruning_decoder_overall"].caption
    assert "At 40% SparseGPT loses least, 4.5 points (3.5 to 5.5), then magnitude pruning, " in caption
    assert overlap in caption  # 3.5 to 5.5 and 5 to 7
    none = [row | {"drop_low": nan, "drop_high": nan} for row in PRUNED]
    assert "without intervals nothing is decided between the two. " in drawn(none)["pruning_decoder_overall"].caption
    assert "loses least" not in drawn(PRUNED[:2])["pruning_decoder_overall"].caption
    assert (
        "Everything means every linear layer but the final one, which int8 takes in too. "
        in made["bits_decoder_overall"].caption
    )


def test_of_many_models_the_caption_counts():
    rows = [row | {"model": f"m{place}"} for place in range(4) for row in PRUNED[:4]]
    rows[2]["drop_points"], rows[2]["drop_low"] = 8.0, 7.0  # at 40% magnitude loses 6 (5 to 7) of m0
    caption = drawn(rows)["pruning_decoder_overall"].caption
    assert "Least is lost at 40% by: SparseGPT for m1, m2, m3; magnitude pruning for m0. " in caption
    assert "Its interval and the next one's are apart in 0 of 4. " in caption


def test_a_missing_cell_breaks_its_line_and_is_counted():
    rows = [lost(f"wanda-{level}@overall", 9.0) for level in (20, 40, 60, 80)]
    rows[1] |= dict.fromkeys(("drop_points", "drop_low", "drop_high", "accuracy"), nan)
    made = drawn(rows)["pruning_decoder_overall"]
    (line,) = lines(made.figure.axes[0], look("Wanda", rows)[0])
    assert [x for x, y in line if y == y] == [0, 20, 60, 80] and [x for x, y in line if y != y] == [40]
    assert "Without a score: 2 of 8 cells; a line breaks there. " in made.caption


def test_points_lead_to_their_facts_in_the_same_window(tmp_path):
    made = drawn(PRUNED)
    for name, more in (("pruning_decoder_overall", {}), ("pruning_decoder_overall_by_benchmark", {"k": "y"})):
        save(made[name].figure, tmp_path / "figure.svg", "svg")
        text = (tmp_path / "figure.svg").read_text()
        found = [link.replace("&amp;", "&") for link in re.findall(r'<a xlink:href="([^"]*)"', text)]
        assert {facts("m", row["variant"], **more) for row in PRUNED} <= set(found)
        assert len(found) == len(PRUNED) * len(made[name].figure.axes) and "target=" not in text


def test_the_same_rows_give_the_same_bytes_and_a_page_has_room_for_them(tmp_path):
    rows = [row | {"model": model} for model in "abc" for row in PRUNED]
    for name in ("once", "twice"):
        for made in drawn(rows, benchmarks="x").values():  # of one benchmark there is no figure of its own
            save(made.figure, tmp_path / name / f"{made.name}.svg", "svg")
    files = sorted((tmp_path / "once").iterdir())
    assert files and all(path.read_bytes() == (tmp_path / "twice" / path.name).read_bytes() for path in files)
    widths = [float(re.search(r'width="([\d.]+)pt"', path.read_text())[1]) * 4 / 3 for path in files]
    assert max(widths) <= 1150


def test_numbers_beneath_the_axis_do_not_overlap():
    rows = [lost(f"wanda-{level}@overall", 9.0) for level in (50, 51, 52, 90)]
    figure = drawn(rows)["pruning_decoder_overall"].figure
    figure.draw_without_rendering()
    (axis,) = figure.axes
    assert list(axis.get_xticks()) == [0, 50, 51, 52, 90]
    boxes = [text.get_window_extent() for text in axis.get_xticklabels() if text.get_text()]
    assert len(boxes) == 3 and all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_a_method_looks_the_same_whatever_stands_beside_it_and_no_two_look_alike():
    alone = look("GPTQ", [lost("gptq-2bit@overall", 1)])
    assert alone == look("GPTQ", [*PRUNED, *BITS])
    slugs = [f"{method}-40@overall" for method in CHOSEN]
    every = [ways.Way(method, "", "", "") for method in CHOSEN]
    styles = [(style["color"], style["marker"]) for style in ways.looks(every).values()]
    assert len(set(styles)) == len(slugs)


@pytest.mark.parametrize(
    ("slug", "words", "at"),
    [
        ("gptq-4bit-g128@overall", "GPTQ, groups of 128", 4),
        ("gptq-3bit-actorder@overall", "GPTQ, act order", 3),
        ("int8@attention", "int8", 8),
        ("wanda-4of8@overall~c4", "Wanda (c4) 4:8", 50),
        ("magnitude_structured-20@final", "magnitude pruning of whole rows", 20),
    ],
)
def test_where_a_variant_stands(slug, words, at):
    place = ways.place(slug)
    assert (place.way.words, place.at) == (words, at)
