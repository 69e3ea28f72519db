"""The list of the paper's tables and figures, against the thesis's own captions; and what a run has of them."""

import re

import pytest
from helpers.fake_results import cell

from knowcost.aggregate import drops
from knowcost.papers.cost_of_compression import index as paper
from knowcost.papers.cost_of_compression import printed as published

FIGURES = {entry["number"]: entry for entry in paper.contents()["figures"]}
TABLES = {entry["number"]: entry for entry in paper.contents()["tables"]}
SAYS = {  # what a caption says: what the entry then is
    "encoder-only|LAMA probes": {"family": "encoder"},
    "encoder-decoder|Lamini": {"family": "encoder_decoder"},
    "decoder-only": {"family": "decoder"},
    r"global pruning(?!\+)": {"experiment": "prune", "scopes": "main"},
    "global quantization": {"experiment": "quantize", "scopes": "main"},
    r"pruning\+quantization": {"experiment": "prune_quantize", "scopes": "main"},
    "attention modules": {"experiment": "prune_quantize", "scopes": "attention_parts"},
    "final layer|local pruning|FL_P": {"experiment": "final"},
    "LAMA probes|across various datasets|BoolQ": {"view": "by_benchmark"},
}


def test_every_table_and_figure_is_listed_once():
    assert [entry["number"] for entry in paper.contents()["figures"]] == list(range(3, 28))
    assert [entry["number"] for entry in paper.contents()["tables"]] == [1, 2, 3, 4, 5]


def test_the_list_agrees_with_the_captions_of_the_thesis(shared):
    text = (shared / "papers/cost-of-compression-thesis.txt").read_text()
    captions = {int(number): words for number, words in re.findall(r"^Figure (\d+): (.*)$", text, re.M)}
    assert set(captions) == {1, 2, *FIGURES}
    for number, entry in FIGURES.items():
        said = {}
        for words, expected in SAYS.items():
            said |= expected if re.search(words, captions[number]) else {}
        assert said.items() <= entry.items(), captions[number]
        averaged = re.search("averaged", captions[number], re.I)
        assert bool(averaged) == (entry["view"] != "by_benchmark"), captions[number]


@pytest.mark.parametrize(
    ("number", "family", "experiment", "scopes", "view"),
    [
        (4, "decoder", "prune", "main", "mean"),
        (6, "encoder", "quantize", "main", "mean"),
        (8, "encoder_decoder", "prune_quantize", "attention_parts", "mean"),
        (10, "decoder", "final", "final", "mean"),
        (12, "encoder_decoder", "prune", "main", "by_model"),  # cited with 5 for pruning encoder-decoders
        (16, "decoder", "prune_quantize", "main", "mean"),
        (19, "encoder", "prune", "main", "by_model"),  # the workshop text cites it with 2, the thesis's 3
        (27, "encoder_decoder", "final", "final", "by_benchmark"),
    ],
)
def test_entries_read_by_eye(number, family, experiment, scopes, view):
    found = FIGURES[number]
    assert [found[key] for key in ("family", "experiment", "scopes", "view")] == [family, experiment, scopes, view]
    assert number in paper.numbers(family, experiment, scopes, [view])


def test_only_the_papers_methods_and_grouping_carry_its_numbers():
    where = ("encoder", "prune", "main", ["mean"])
    assert paper.numbers(*where, "magnitude") == [3]
    assert paper.numbers(*where, "wanda") == []
    assert paper.numbers(*where, "magnitude", "canonical") == []
    assert paper.numbers("decoder", "prune", "attention_parts", ["mean"]) == []


def test_numbers_in_words():
    said = [paper.named("Figure", numbers) for numbers in ([3], [8, 11], [20, 21, 22], [5, 12, 24])]
    assert said == ["Figure 3", "Figures 8 and 11", "Figures 20 to 22", "Figures 5, 12 and 24"]


def test_variants_behind_tables_are_those_that_are_printed():
    for number, name in ((3, "table3"), (4, "table4"), (5, "table5")):
        assert set(paper.asked(TABLES[number])) == {row["variant"] for row in published.table(name)}


def test_variants_behind_figures():
    assert len(paper.asked(FIGURES[3])) == 9 * 3
    assert set(paper.asked(FIGURES[6])) == {"int8@overall", "int8@attention", "int8@feed_forward"}
    assert len(paper.asked(FIGURES[8])) == 2 * 4
    assert "magnitude-40@self_attention+int8@self_attention" in paper.asked(FIGURES[8])
    assert set(paper.asked(FIGURES[9])) == {
        *(f"magnitude{way}-{level}@final" for way in ("", "_structured") for level in (20, 40))
    }


def run(*slugs, accuracy=0.4):
    return drops.scores([cell("m", slug, "a", 0.5, accuracy) for slug in slugs])


def test_what_is_missing_says_why():
    pruned = run("dense", "magnitude-20@attention", "int8@final")
    assert paper.missing(FIGURES[3], pruned) == ""
    assert paper.missing(FIGURES[4], pruned) == "no decoder model in this run"
    assert paper.missing(FIGURES[6], pruned) == "no cell of int8 on encoder models in this run"
    assert paper.missing(TABLES[3], pruned) == "no cell of int8 on encoder models in this run"
    assert paper.missing(TABLES[3], run("dense", "int8@overall")) == ""
    parts = drops.scores([cell("m", "int8@attention", "a", 0.5, 0.4, family="encoder_decoder")])
    words = "no cell of magnitude pruning, then int8 of the parts of attention on encoder-decoder models in this run"
    assert paper.missing(FIGURES[8], parts) == words
    unscored = run("int8@overall", accuracy=float("nan"))
    assert paper.missing(FIGURES[6], unscored) == "no cell of int8 on encoder models has a score"
    alone = run("int8@overall").assign(drop_percent=float("nan"))
    assert paper.missing(FIGURES[6], alone) == "no drop to show: the dense model was not asked, or knew nothing"
    assert paper.missing(TABLES[3], alone) == ""  # accuracies need no dense model


def test_what_the_run_did_not_ask_is_said_in_few_words():
    scopes = ("overall", "attention", "feed_forward")
    levels = range(10, 100, 10)
    whole = [f"magnitude-{level}@{scope}" for scope in scopes for level in levels]
    assert paper.lacking(FIGURES[3], run(*whole)) == ""
    some = [slug for slug in whole if "-10@" not in slug and "-90@" not in slug and "feed" not in slug]
    assert paper.lacking(FIGURES[3], run(*some)) == "not run: feed-forward, 10%, 90%"
    assert paper.lacking(FIGURES[3], run(*whole[1:])) == "not run: magnitude-10@overall"
    assert paper.lacking(FIGURES[9], run("magnitude-20@final")) == "not run: magnitude pruning of whole rows, 40%"


def test_titles_are_words():
    assert paper.title(FIGURES[7]) == "Magnitude pruning, then int8, averaged over benchmarks: encoder models"
    assert paper.title(TABLES[2]) == "Millions of weights per scope"
    assert paper.title(TABLES[5]) == "Int8 and pruning with int8: encoder-decoder models"
