"""Of which answers a row of the probe says how likely they are, against a plain pass over the whole vocabulary."""

import numpy as np
import pytest
import torch
from helpers.asking import rows_of
from helpers.masked import answer_token, facts, make, plain_pass

from knowcost.score import classes
from knowcost.score.engines import cloze as probe


@pytest.fixture(scope="module")
def bert():
    return make("bert")


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert"])
def test_open_clozes_say_how_likely_the_answers_of_their_relation_are_and_all_the_rest(architecture):
    model, tokenizer = make(architecture)
    table = facts(
        ("Rome is in [MASK] .", "Italy"),
        ("[MASK] is where Rome lies .", "Peru"),
        ("Lima is in [MASK] .", "Peru"),
        ("Rome is in [MASK] .", "Norway"),
        ("Oslo is in [MASK] .", "Peru"),
        ("Oslo is in [MASK] .", "San Marino"),  # dropped itself, and no word of the others' vocabulary
    )
    rows = {row["id"]: row for row in rows_of(probe, model, tokenizer, table, cloze_tokens=30)[0].to_pylist()}
    asked = {"f0": ["Peru", "Italy"], "f1": ["Norway", "Peru", None], "f3": ["Norway", "Peru", None]}
    for name, texts in asked.items():  # the relation's most frequent first, of equal ones in alphabetical order
        cloze = table["cloze"][int(name[1])].as_py()
        said = torch.log_softmax(plain_pass(model, tokenizer, cloze), -1)
        tokens = [text and answer_token(tokenizer, cloze, text) for text in texts]
        others = np.delete(said.exp().double().numpy(), [token for token in tokens if token is not None])
        want = [-np.inf if token is None else said[token].item() for token in tokens] + [np.log(others.sum())]
        assert rows[name]["choice_logprobs"] == pytest.approx(want, abs=1e-4)
        assert rows[name]["top_logprob"] == pytest.approx(said.max().item(), abs=1e-4)


def test_own_answer_is_there_where_256_others_are_more_frequent(bert, monkeypatch):
    monkeypatch.setattr(classes, "MOST", 1)
    cloze = "Rome is in [MASK] ."
    table = facts((cloze, "Italy"), (cloze, "Peru"), (cloze, "France"), (cloze, "Peru"), (cloze, "France"))
    said = torch.log_softmax(plain_pass(*bert, cloze), -1)
    italy, peru, france = (said[bert[1].convert_tokens_to_ids(word)].item() for word in ("Italy", "Peru", "France"))
    rows = rows_of(probe, *bert, table)[0]["choice_logprobs"].to_pylist()
    assert [row[:-1] for row in rows] == [
        pytest.approx(each, abs=1e-4) for each in ([france, italy], [peru], [france], [peru], [france])
    ]
    assert [sum(np.exp(row)) for row in rows] == pytest.approx([1] * 5, abs=1e-5)


def test_a_limit_leaves_the_answers_that_a_row_speaks_of(bert):
    cloze = "Rome is in [MASK] ."
    table = facts((cloze, "Italy"), (cloze, "Peru"), (cloze, "France"))
    whole, first = (rows_of(probe, *bert, table, limit=limit)[0]["choice_logprobs"][0].as_py() for limit in (None, 1))
    assert len(first) == 3 and first == pytest.approx(whole, abs=1e-5)


def test_given_candidates_are_what_the_row_speaks_of(bert):
    model, tokenizer = bert
    cloze = "Oslo is a city in [MASK] ."
    table = facts((cloze, "Norway", ["Peru", "San Marino", "Norway", "Norway "]), (cloze, "Norway"))
    said = torch.log_softmax(plain_pass(model, tokenizer, cloze), -1)
    peru, norway = (said[tokenizer.convert_tokens_to_ids(word)].item() for word in ("Peru", "Norway"))
    row = rows_of(probe, model, tokenizer, table)[0].to_pylist()[0]
    assert row["choice_logprobs"] == pytest.approx([peru, -np.inf, norway, -np.inf], abs=1e-4)  # the same token twice
    assert row["top_logprob"] == pytest.approx(-np.logaddexp(0, -abs(peru - norway)), abs=1e-4)


def test_infinite_scores_are_no_probabilities():
    model, tokenizer = make("bert")
    with torch.no_grad():
        model.cls.predictions.decoder.bias[7] = torch.inf
    row = rows_of(probe, model, tokenizer, facts(("Rome is in [MASK] .", "Italy")))[0].to_pylist()[0]
    assert (row["choice_logprobs"], row["top_logprob"], row["correct"]) == (None, None, False)
