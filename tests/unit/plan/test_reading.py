"""What is read of facts that are asked, against sums done by hand."""

from typing import ClassVar

import pytest

from knowcost.benchmarks.formats import FORMATS
from knowcost.plan import reading
from knowcost.plan.design import Cell
from knowcost.plan.reading import Read


class Study:
    models: ClassVar = {"d": {"family": "decoder"}, "t": {"family": "encoder_decoder"}, "e": {"family": "encoder"}}
    benchmarks: ClassVar = {
        name: {"format": name} for name in ("boolq", "sciq", "lama_trex", "lama_trex_ranked", "text", "question")
    }


PRUNED, DENSE, INT8 = "magnitude-20@overall", "dense", "int8@overall"


@pytest.mark.parametrize(
    ("asked", "tokens", "prompts"),
    [
        ({("d", PRUNED, "boolq"): 30}, 30 * 145, 60),
        ({("d", PRUNED, "boolq"): 30, ("d", PRUNED, "sciq"): 10}, 30 * 145 + 10 * 288, 100),
        ({("d", DENSE, "boolq"): 30}, 2 * 30 * 145, 120),  # asked twice
        ({("d", INT8, "boolq"): 30}, 2 * 30 * 145, 120),
        ({("d", DENSE, "text"): 40}, 40 * 2048, 40),  # windows are read once
        ({("t", PRUNED, "boolq"): 30}, 30 * 304 / 2, 60),  # by half of the parameters each
        ({("e", PRUNED, "lama_trex"): 100}, 100 * 17, 0),
        ({("e", PRUNED, "lama_trex_ranked"): 100}, 100 * 17, 0),  # one sentence, however many candidates
        ({("d", PRUNED, "lama_trex_ranked"): 100}, 100 * 122, 5000),
        ({("d", PRUNED, "question"): 8}, 8 * 80, 40),
    ],
)
def test_tokens_and_prompts_by_hand(asked, tokens, prompts):
    found = reading.read(Study(), {Cell(*cell): facts for cell, facts in asked.items()})
    assert found == Read(tokens, prompts, len(asked), 1)


def test_an_encoder_s_variants_of_the_final_layer_read_once_and_others_each():
    """17 tokens a sentence; the dense model is asked twice."""
    final = ("magnitude-20@final", "magnitude_structured-40@final")
    asked = {Cell("e", variant, "lama_trex"): 100 for variant in (DENSE, PRUNED, *final)}
    assert reading.read(Study(), asked) == Read((2 * 100 + 100) * 17, 0, 4, 4)
    asked |= {Cell("e", DENSE, "lama_trex"): 30, Cell("e", final[0], "lama_trex_ranked"): 10}
    assert reading.read(Study(), asked) == Read((100 + 100 + 10) * 17, 0, 5, 4)
    apart = {Cell(model, final[0] + more, "lama_trex"): 100 for model, more in (("e", ""), ("e", "+int8@final"))}
    assert reading.read(Study(), apart).tokens == 2 * 100 * 17
    others = {Cell("d", variant, "boolq"): 30 for variant in final}
    assert reading.read(Study(), others).tokens == 2 * 30 * 145


def test_cells_of_which_everything_is_kept_count_for_nothing():
    asked = {Cell("d", DENSE, "boolq"): 0, Cell("d", PRUNED, "boolq"): 0, Cell("d", PRUNED, "sciq"): 1}
    assert reading.read(Study(), asked) == Read(288, 4, 1, 1)
    assert reading.read(Study(), dict.fromkeys(asked, 0)) == reading.NOTHING


def test_what_is_read_of_a_fact_is_said_of_formats_that_there_are():
    assert reading.TOKENS.keys() <= FORMATS.keys()
