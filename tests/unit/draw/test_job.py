"""Figures: what is drawn, from which numbers, and that the files never change by themselves."""

import math
import re
import xml.etree.ElementTree as ET

import matplotlib
import pandas as pd
import pytest
from helpers import fake_results
from helpers.plotted import diamonds

from knowcost.aggregate import rule, tables
from knowcost.aggregate.job import aggregate
from knowcost.common.files import read_json
from knowcost.draw import AS_IN_PAPER
from knowcost.draw import job as draw
from knowcost.draw.style import STYLE
from knowcost.spec.families import SHOWN_SCOPES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables of an encoder-decoder asked two benchmarks, and of an encoder of which only the dense model was asked."""
    root = tmp_path_factory.mktemp("run")
    cells, manifests, benchmarks = fake_results.make(
        root, {"tiny-t5": "encoder_decoder", "tiny-bert": "encoder"}, facts=40, levels=(20, 40)
    )
    cells = [path for path in cells if "tiny-bert" not in str(path) or "dense" in str(path)]
    aggregate(cells, manifests, benchmarks, root / "tables", fake_results.SETTINGS)
    return root


@pytest.fixture(scope="module")
def drawn(folder):
    return draw.draw(folder / "tables", folder / "figures", 1, ("svg",))


def test_every_experiment_is_drawn_and_nothing_else(folder, drawn):
    family = "encoder_decoder"
    both = f"prune_quantize_magnitude_int8_{family}"
    expected = {f"prune_magnitude_{family}", f"prune_magnitude_{family}_by_benchmark", f"quantize_int8_{family}"}
    expected |= {both, f"{both}_attention_parts", f"{both}_attention_parts_by_benchmark"}  # as the paper has them
    expected |= {f"final_{family}", f"final_{family}_by_benchmark"}
    scopes = [scope for scope in SHOWN_SCOPES if scope != "final"]
    expected |= {f"pruning_{family}_{scope}" for scope in SHOWN_SCOPES}  # one method at two levels each; final: two
    expected |= {f"pruning_{family}_{scope}_by_benchmark" for scope in (scopes[0], "final")}
    expected |= {f"hidden_{family}", f"forgotten_first_{family}", "claims", "front_tiny-t5"}
    assert {entry["name"] for entry in drawn} == expected  # nothing of the encoder: it has no drop
    few = f"forgotten_first_{family}"  # 40 facts make no quarters that say anything
    assert {entry["name"] for entry in drawn if not entry["picture"]} == {few}
    assert {path.stem for path in (folder / "figures").glob("*.svg")} == expected - {few}
    assert read_json(folder / "figures" / draw.INDEX) == drawn


def test_captions_name_this_runs_models_and_benchmarks(drawn):
    for entry in (entry for entry in drawn if entry["family"]):
        assert "tiny-t5" in entry["caption"]
        assert "trades (40 facts), sense (40 facts)" in entry["caption"]
        assert entry["title"].endswith("encoder-decoder models") or "by benchmark" in entry["title"]


def test_captions_count_facts_and_not_their_phrasings(folder):
    """As if the 40 rows of trades asked 20 facts twice."""
    data = tables.read(folder / "tables")
    data["phrasings"] = pd.DataFrame(
        {"family": "encoder_decoder", "benchmark": "trades", "facts": [20], "phrasings": [40]}
    )
    captions = [made.caption for made in draw.figures(data, 1) if made.family]
    assert captions and all("trades (20 facts in 2 phrasings), sense (40 facts)." in text for text in captions)


def only(folder, out, experiments):
    """A copy of the tables with these experiments alone."""
    for name, frame in tables.read(folder / "tables").items():
        keep = frame[frame["experiment"].isin(experiments)] if "experiment" in frame else frame
        keep = frame.iloc[:0] if name in ("claims", "forgotten_by") else keep
        tables.write(keep, out / "tables", name)
    tables.finish(out / "tables", {})
    return out / "tables"


def test_files_are_the_same_twice_and_need_nothing_from_outside(folder, drawn, tmp_path):
    name = "quantize_int8_encoder_decoder"
    draw.draw(only(folder, tmp_path, ["dense", "quantize"]), tmp_path / "figures", 1)
    svg = (tmp_path / "figures" / f"{name}.svg").read_bytes()
    assert svg == (folder / "figures" / f"{name}.svg").read_bytes()
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg).iter()}
    assert "path" in tags
    assert not tags & {"text", "image", "script", "date"}
    assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_several_processes_draw_what_one_does(folder, drawn, tmp_path):
    beside = tmp_path / "beside"
    assert draw.draw(folder / "tables", beside, 1, ("svg",), processes=2) == drawn
    one, two = (
        {path.name: path.read_bytes() for path in place.iterdir() if path.suffix in (".svg", ".json")}
        for place in (folder / "figures", beside)
    )
    assert one == two and len(one) > 10


def test_without_variants_there_are_no_figures(folder, tmp_path):
    assert draw.draw(only(folder, tmp_path, ["dense"]), tmp_path / "figures", 1) == []
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {draw.INDEX, "made_from.json", "SHA256SUMS"}


def numbered(entries):
    return {entry["name"]: entry["paper"] for entry in entries if entry["paper"]}


def test_figures_that_the_paper_has_carry_its_numbers(drawn):
    """Read from the thesis by eye. One model: the figure of all models is that of each (12), and LaMini's (11)."""
    assert numbered(drawn) == {
        "prune_magnitude_encoder_decoder": [5, 12],
        "prune_magnitude_encoder_decoder_by_benchmark": [24],
        "quantize_int8_encoder_decoder": [15],
        "prune_quantize_magnitude_int8_encoder_decoder": [17],
        "prune_quantize_magnitude_int8_encoder_decoder_attention_parts": [8, 11],
        "prune_quantize_magnitude_int8_encoder_decoder_attention_parts_by_benchmark": [18],
        "final_encoder_decoder": [13],
        "final_encoder_decoder_by_benchmark": [27],
    }
    captions = {entry["name"]: entry["caption"] for entry in drawn}
    assert captions["prune_magnitude_encoder_decoder"].startswith("Figures 5 and 12 of the thesis. Setting ")
    assert captions["quantize_int8_encoder_decoder"].startswith("Figure 15 of the thesis. Computing ")
    assert not any("thesis" in captions[name] for name in captions if name.startswith("pruning_"))


def figures_of(root, models, leave_out=(), **more):
    """{name: (entry, Figure)} of a made-up run; leave_out: the cells (model, variant, benchmark) without scores."""
    cells, manifests, benchmarks = fake_results.make(root, models, facts=40, levels=(20, 40), **more)
    gone = ["/".join((model, variant, "scores", f"{benchmark}.parquet")) for model, variant, benchmark in leave_out]
    cells = [path for path in cells if not str(path).endswith(tuple(gone))]
    aggregate(cells, manifests, benchmarks, root / "tables", fake_results.SETTINGS)
    with matplotlib.rc_context(STYLE):
        return {drawn.name: (drawn.entry, drawn.figure) for drawn in draw.figures(tables.read(root / "tables"), 1)}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """Two of the paper's encoders, of which one lacks a cell, and a decoder also scored as published."""
    root = tmp_path_factory.mktemp("papers")
    models = {"bert-base": "encoder", "roberta-base": "encoder", "wizardlm-7b": "decoder"}
    gone = [("roberta-base", "magnitude-40@attention", "google-re")]
    made = figures_of(root, models, gone, benchmarks=fake_results.THE_PAPERS, lost=True)
    return made, tables.read(root / "tables")["scores"]


def test_several_models_are_shown_by_model_too(papers):
    found = numbered(entry for entry, _ in papers[0].values())
    assert found == {
        "prune_magnitude_encoder": [3],
        "prune_magnitude_encoder_by_model": [19],
        "prune_magnitude_encoder_by_benchmark": [20, 21, 22],
        "prune_magnitude_encoder_model_bert-base": [20, 21, 22],
        "prune_magnitude_encoder_model_roberta-base": [20, 21, 22],
        "quantize_int8_encoder": [6],
        "prune_quantize_magnitude_int8_encoder": [7],
        "final_encoder": [9],
        "final_encoder_by_benchmark": [25],
        "prune_magnitude_decoder": [4],
        "prune_magnitude_decoder_by_benchmark": [23],
        "quantize_int8_decoder": [14],
        "prune_quantize_magnitude_int8_decoder": [16],
        "final_decoder": [10],
        "final_decoder_by_benchmark": [26],
    }
    titles = [axis.get_title(loc="left") for axis in papers[0]["prune_magnitude_encoder_by_model"][1].axes]
    assert titles == ["bert-base", "roberta-base"]
    groups = {entry["name"]: entry["group"] for entry, _ in papers[0].values() if entry["group"]}
    assert {name for name in groups if groups[name] == AS_IN_PAPER} == set(found)


def test_with_one_benchmark_the_mean_is_that_benchmark(tmp_path):
    one = {"boolq": fake_results.THE_PAPERS["boolq"]}
    made = figures_of(tmp_path, {"wizardlm-7b": "decoder"}, benchmarks=one)
    found = numbered(entry for entry, _ in made.values())
    assert (found["prune_magnitude_decoder"], found["final_decoder"]) == ([4, 23], [10, 26])
    assert not any("by_benchmark" in name for name in made)


def test_printed_drops_stand_beside_this_runs(papers):
    """Table 3, int8 attention: BERT-base 30.27 to 29.903 and 10.29 to 10.109, RoBERTa-base 11.9 to 8.014 and 4.102 to
    2.668, on T-REx and Google-RE."""
    entry, figure = papers[0]["quantize_int8_encoder"]
    bert, roberta = (1.2124, 1.7590), (32.6555, 34.9586)  # percent lost
    found = {axis.get_title(loc="left"): [x for x, _ in diamonds(axis)] for axis in figure.axes}
    assert list(found) == ["all benchmarks (mean)", "trex", "google-re"]  # what was counted as published is the audit's
    for place, panel in enumerate(("trex", "google-re")):
        marks = sorted(found[panel])
        assert len(marks) == 9
        for value in (bert[place], roberta[place], (bert[place] + roberta[place]) / 2):
            assert min(abs(mark - value) for mark in marks) < 0.001
    assert "@published" not in entry["caption"]
    mean = found["all benchmarks (mean)"]
    assert min(abs(mark - sum(bert) / 2) for mark in mean) < 0.001
    assert "Diamonds: the drops that follow from Tables 3 to 5" in entry["caption"]
    assert "Diamonds" not in papers[0]["prune_magnitude_encoder"][0]["caption"]
    assert "Diamonds" not in papers[0]["final_encoder"][0]["caption"]


def test_lost_layers_stand_beside_pruned_ones(papers):
    made, scores = papers
    entry, figure = made["final_decoder"]
    lost = scores[scores["variant"].str.endswith("+lost@final")].set_index(["variant", "benchmark"])["drop_percent"]
    for axis, level in zip(figure.axes, (20, 40), strict=True):
        expected = [
            lost[f"{method}-{level}@final+lost@final"].mean() for method in ("magnitude", "magnitude_structured")
        ]
        assert [x for x, _ in diamonds(axis)] == pytest.approx(expected)
    assert "Diamonds: this run's drops when the pruned layer is lost" in entry["caption"]


def test_a_missing_cell_is_shown_and_named(papers):
    made, _ = papers
    for name, panels in (("", [0]), ("_by_model", [1]), ("_by_benchmark", [1]), ("_model_roberta-base", [1])):
        entry, figure = made[f"prune_magnitude_encoder{name}"]
        assert "Missing cells: roberta-base on google-re (1). " in entry["caption"]
        crossed = [any(line.get_marker() == "x" for line in axis.lines) for axis in figure.axes]
        assert [place for place, is_crossed in enumerate(crossed) if is_crossed] == panels
    others = ("prune_magnitude_encoder_model_bert-base", "quantize_int8_encoder", "prune_magnitude_decoder")
    assert not any("Missing" in made[name][0]["caption"] for name in others)


def test_no_axes_are_empty_and_no_figure_is_wider_than_the_page(papers):
    """The page's column has 1,150 pixels, 96 to an inch; texts lie inside the figure."""
    for name, (_, figure) in papers[0].items():
        if figure is None:
            continue
        assert 96 * figure.get_figwidth() <= 1150, name
        assert all(axis.lines or axis.collections or axis.containers for axis in figure.axes), name
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02, name


def drawn_of(data):
    """The names of all figures of tables, each laid out."""
    with matplotlib.rc_context(STYLE):
        made = list(draw.figures(data, 1))
        for each in made:
            if each.figure:
                each.figure.draw_without_rendering()
            assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", each.caption)), each.caption
    return {each.name for each in made}


def emptied(folder, columns):
    """The run's tables without what these columns say, as where there is one cluster, or no probability."""
    data = tables.read(folder / "tables")
    gone = {name: [c for c in frame if c.endswith(columns)] for name, frame in data.items()}
    return {name: frame.assign(**dict.fromkeys(gone[name], math.nan)) for name, frame in data.items()}


def test_what_could_not_be_estimated_is_no_error_and_what_has_no_data_no_figure(folder, drawn):
    every = {entry["name"] for entry in drawn}
    one_cluster = {name: frame.replace({"decision": {"costs": rule.UNSURE}}) for name, frame in
                   emptied(folder, ("_low", "_high", "_least")).items()}  # fmt: skip
    assert drawn_of(one_cluster) == every
    hidden = {f"hidden_{family}" for family in ("encoder_decoder",)}
    assert drawn_of(emptied(folder, ("probability_points", "probability_low", "probability_high"))) == every - hidden
    nothing = emptied(folder, ("_percent", "_points", "_low", "_high", "estimate", "low", "high"))
    assert drawn_of(nothing | {"forgotten_by": nothing["forgotten_by"].iloc[:0]}) == set()


@pytest.mark.parametrize(
    ("facts", "known"),
    [(1, 1.0), (6, 0.0), (30, 0.2)],
    ids=["one fact", "none known", "chance"],
)
def test_tables_of_next_to_nothing_are_drawn_or_left_out(tmp_path, facts, known):
    names = {"places": ("cloze", ("encoder",), known), "sense": ("piqa", ("decoder",), known)}
    made = fake_results.make(tmp_path, {"a": "encoder", "b": "decoder"}, facts, (40,), benchmarks=names)
    aggregate(*made, tmp_path / "tables", fake_results.SETTINGS)
    drawn_of(tables.read(tmp_path / "tables"))  # which looks at the captions


def test_without_a_dense_model_nothing_is_drawn(tmp_path):
    cells, manifests, benchmarks = fake_results.make(tmp_path, {"a": "encoder"}, 10, (40,))
    cells = [path for path in cells if "/dense/" not in str(path)]
    aggregate(cells, manifests, benchmarks, tmp_path / "tables", fake_results.SETTINGS)
    assert drawn_of(tables.read(tmp_path / "tables")) == set()
