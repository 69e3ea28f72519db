"""Figures: what is drawn, from which numbers, and that the files never change by themselves."""

import xml.etree.ElementTree as ET

import fake_results
import matplotlib
import pandas as pd
import pytest

from knowcost import figures, tables
from knowcost.aggregate import aggregate
from knowcost.files import read_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables of an encoder-decoder asked two benchmarks, and of an encoder of which only the dense model was asked."""
    root = tmp_path_factory.mktemp("run")
    cells, manifests, benchmarks = fake_results.make(
        root, {"tiny-t5": "encoder_decoder", "tiny-bert": "encoder"}, facts=40, levels=(20, 40)
    )
    cells = [path for path in cells if "tiny-bert" not in str(path) or "dense" in str(path)]
    aggregate(cells, manifests, benchmarks, root / "tables")
    return root


@pytest.fixture(scope="module")
def drawn(folder):
    return figures.draw(folder / "tables", folder / "figures", formats=("svg",))


def test_every_experiment_is_drawn_and_nothing_else(folder, drawn):
    family = "encoder_decoder"
    names = [f"prune_magnitude_{family}", f"quantize_int8_{family}", f"prune_quantize_magnitude_int8_{family}"]
    expected = {name + parts for name in names for parts in ("", "_attention_parts")}
    expected |= {f"prune_magnitude_{family}{parts}_by_benchmark" for parts in ("", "_attention_parts")}
    expected |= {f"final_{family}", f"bytes_{family}", f"forgotten_first_{family}", "claims"}
    assert {entry["name"] for entry in drawn} == expected  # nothing of the encoder: it has no drop
    assert {path.stem for path in (folder / "figures").glob("*.svg")} == expected
    assert read_json(folder / "figures" / figures.INDEX) == drawn


def test_captions_name_this_runs_models_and_benchmarks(drawn):
    for entry in (entry for entry in drawn if entry["family"]):
        assert "tiny-t5" in entry["caption"]
        assert "trades (40 facts), sense (40 facts)" in entry["caption"]
        assert entry["title"].endswith("encoder-decoder models") or "by benchmark" in entry["title"]


def only(folder, out, experiments):
    """A copy of the tables with these experiments alone."""
    for name, frame in tables.read(folder / "tables").items():
        keep = frame[frame["experiment"].isin(experiments)] if "experiment" in frame else frame
        keep = frame.iloc[:0] if name in ("claims", "forgotten_by") else keep
        tables.write(keep, out / "tables" / f"{name}.csv")
    return out / "tables"


def test_files_are_the_same_twice_and_need_nothing_from_outside(folder, drawn, tmp_path):
    name = "quantize_int8_encoder_decoder"
    figures.draw(only(folder, tmp_path, ["dense", "quantize"]), tmp_path / "figures")
    svg = (tmp_path / "figures" / f"{name}.svg").read_bytes()
    assert svg == (folder / "figures" / f"{name}.svg").read_bytes()
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg).iter()}
    assert "path" in tags
    assert not tags & {"text", "image", "script", "date"}
    assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_without_variants_there_are_no_figures(folder, tmp_path):
    assert figures.draw(only(folder, tmp_path, ["dense"]), tmp_path / "figures") == []
    assert [path.name for path in (tmp_path / "figures").iterdir()] == [figures.INDEX]


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(figures.STYLE):
        yield


def cells(**columns):
    frame = pd.DataFrame(columns)
    defaults = {
        "panel": figures.ALL,
        "benchmark": "",
        "experiment": "prune",
        "method": "magnitude",
        "grouping": "paper",
    }
    return frame.assign(**{key: value for key, value in defaults.items() if key not in frame})


TWO_MODELS = cells(
    model=["a", "b"] * 4,
    scope=["overall"] * 4 + ["attention"] * 4,
    level=[20, 20, 40, 40] * 2,
    drop_percent=[2.0, 4.0, 10.0, 20.0, 0.0, 1.0, 3.0, 5.0],
    majority_drop_percent=[30.0, 50.0] * 4,
)


def test_lines_start_at_the_dense_model_and_show_means():
    (axis,) = figures._lines(TWO_MODELS, "title").axes
    found = {
        line.get_color(): (list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines if line.get_marker()
    }
    assert found[figures.COLOURS["overall"]] == ([0, 20, 40], [0, 3, 15])
    assert found[figures.COLOURS["attention"]] == ([0, 20, 40], [0, 0.5, 4])
    baseline = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert [set(line.get_ydata()) for line in baseline] == [{40.0}]
    band = axis.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (0, 20)  # least and most harmed model


def test_bars_show_models_and_their_mean():
    rows = TWO_MODELS[TWO_MODELS["level"] == 40]
    (axis,) = figures._bars(rows, "title").axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [figures.MEAN, "a", "b"]
    widths = [[bar.get_width() for bar in bars] for bars in axis.containers]
    assert widths == [[15, 10, 20], [4, 3, 5]]  # overall, attention
    assert [bars[0].get_facecolor()[:3] for bars in axis.containers] == [
        pytest.approx(matplotlib.colors.to_rgb(figures.COLOURS[scope])) for scope in ("overall", "attention")
    ]
    baselines = [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"]
    assert baselines == [40, 30, 50]


def test_legend_and_title_cover_no_data():
    each = pd.concat([TWO_MODELS.assign(panel=name) for name in ("x", "y", "z")])
    for figure in (figures._lines(each, "title"), figures._bars(TWO_MODELS, "title")):
        figure.draw_without_rendering()
        data = [axis.get_window_extent() for axis in figure.axes]
        for artist in (figure.legends[0], figure._suptitle):
            assert not any(artist.get_window_extent().overlaps(box) for box in data)


def test_three_panels_leave_no_empty_axes_and_keep_their_numbers():
    each = pd.concat([TWO_MODELS.assign(panel=name) for name in ("x", "y", "z")])
    axes = figures._lines(each, "title").axes
    assert [axis.get_title(loc="left") for axis in axes] == ["x", "y", "z"]
    assert [bool(axis.get_xlabel()) for axis in axes] == [False, True, True]
    assert [bool(axis.get_ylabel()) for axis in axes] == [True, False, True]


def test_numbers_in_captions_are_those_nearest_to_forty_percent():
    assert figures._numbers(TWO_MODELS) == "Mean drop at 40%: everything 15.0%, attention 4.0%."
    assert figures._numbers(TWO_MODELS.assign(level=None)).startswith("Mean drop: ")


def test_scopes_have_colours_and_markers_of_their_own():
    for scopes in (figures.MAIN, figures.PARTS):
        assert len({figures.COLOURS[scope] for scope in scopes}) == len(scopes)
        assert len({figures.MARKERS[scope] for scope in scopes}) == len(scopes)


@pytest.mark.parametrize(("values", "expected"), [([0, 0], (-0.055, 1)), ([0, 0.4], (-0.05, 1)), ([0, 30], (0, 34.8)),
                                                  ([-5, 0], (-5.8, 1))])  # fmt: skip
def test_bars_of_next_to_nothing_look_like_nothing(values, expected):
    rows = cells(model=["a"] * 2, scope=["overall", "attention"], level=None, drop_percent=values)
    (axis,) = figures._bars(rows.assign(majority_drop_percent=float("nan")), "title").axes
    assert axis.get_xlim() == pytest.approx(expected, abs=0.02)


def test_lines_of_nothing_lie_at_the_bottom():
    (axis,) = figures._lines(TWO_MODELS.assign(drop_percent=0.0, majority_drop_percent=float("nan")), "title").axes
    assert axis.get_ylim() == pytest.approx((-0.055, 1), abs=0.01)
