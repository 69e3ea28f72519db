"""Clozes that decoders and encoder-decoders cannot complete are said when the benchmark is fetched, with places."""

import json
import logging

import pytest

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError

GOOD = ("Rome is in [MASK] .", ["Italy", "Peru"])
BLANK_FIRST = ("[MASK] is where Rome is .", ["Italy", "Peru"])
NO_CHOICE = ("Lima is in [MASK] .", None)


def said(folder, caplog, families, *asked):
    """What is logged of a benchmark of these clozes, one a line."""
    rows = [
        {"id": str(i), "cloze": cloze, "answer": "Italy", "candidates": given} for i, (cloze, given) in enumerate(asked)
    ]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    row = {"name": "mine", "format": "cloze", "families": families}
    with caplog.at_level(logging.WARNING):
        prepared.prepare(row, folder / "mine.jsonl", folder / "mine.parquet")
    assert len(prepared.read(folder / "mine.parquet")[0]) == len(asked)  # encoders are asked all of them
    return [record.getMessage() for record in caplog.records]


def test_those_that_will_be_left_out_are_counted_and_placed(tmp_path, caplog):
    file = tmp_path / "mine.jsonl"
    (sentence,) = said(tmp_path, caplog, "decoder", GOOD, *4 * [BLANK_FIRST], NO_CHOICE)
    assert sentence == (
        "mine: 5 of 6 clozes will be left out for models of family decoder, which are asked clozes as completions: "
        f"4 with nothing before the blank ({file}:2, {file}:3, {file}:4, {file}:5); "
        f"1 without `candidates` to choose from ({file}:6)"
    )


@pytest.mark.parametrize(("families", "asked"), [("encoder", [BLANK_FIRST, NO_CHOICE]), ("decoder", [GOOD])])
def test_nothing_is_said_where_all_can_be_asked(tmp_path, caplog, families, asked):
    assert said(tmp_path, caplog, families, *asked) == []


def test_a_benchmark_of_which_nothing_is_left_is_refused(tmp_path, caplog):
    with pytest.raises(InputError) as error:
        said(tmp_path, caplog, "encoder,decoder", BLANK_FIRST, NO_CHOICE)
    for part in ("benchmark mine: none of its 2 clozes", "family decoder", ":1)", ":2)", "`families`"):
        assert part in str(error.value)
    assert not (tmp_path / "mine.parquet").exists()


def test_a_public_format_that_has_no_candidates_is_refused_for_decoders(tmp_path, caplog):
    (tmp_path / "Squad").mkdir()
    row = {"id": "1", "masked_sentences": ["Rome is in [MASK]."], "obj_label": "Italy", "sub_label": "Squad"}
    (tmp_path / "Squad/test.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match="none of its 1 clozes can be asked of models of family decoder"):
        prepared.prepare(
            {"name": "squad", "format": "lama_squad", "families": "decoder"}, tmp_path, tmp_path / "squad.parquet"
        )
