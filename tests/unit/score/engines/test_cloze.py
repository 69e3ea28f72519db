"""The probe against a plain pass: sentences padded to one width, the vocabulary at every position, ranks by sorting."""

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from helpers.asking import rows_of
from helpers.masked import ALL, ANSWERS, SIZE, answer_token, facts, make, plain_pass
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError
from knowcost.score.engines import cloze as probe
from knowcost.score.rows import FACTS

LOGPROBS = ["logprob", "choice_logprobs", "top_logprob"]


@pytest.fixture(scope="module", params=["bert", "roberta", "distilbert", "albert"])
def pair(request):
    return make(request.param)


@pytest.fixture(scope="module")
def bert():
    return make("bert")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny batches: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def flat(column):
    return pc.list_flatten(column) if pa.types.is_list(column.type) else column


def expected_row(model, tokenizer, cloze, token):
    logits = plain_pass(model, tokenizer, cloze)
    order = np.lexsort((np.arange(len(logits)), -logits.numpy()))  # best first, of equal ones the smaller id
    rank = int(np.flatnonzero(order == token)[0]) + 1
    return {
        "prediction": tokenizer.decode([int(order[0])]).strip(),
        "rank": rank,
        "correct": rank == 1,
        "logprob": pytest.approx(torch.log_softmax(logits, -1)[token].item(), abs=1e-4),
    }


def test_equals_the_plain_pass_in_the_order_of_the_benchmark(pair):
    model, tokenizer = pair
    rows, metadata = rows_of(probe, model, tokenizer, ALL, cloze_tokens=64)
    assert rows.column_names == [
        "id",
        "relation",
        "answer",
        "prediction",
        "correct",
        "rank",
        "logprob",
        "choice_logprobs",
        "top_logprob",
        "unprompted",
        "chosen",
    ]
    assert rows.schema.field("rank").type == pa.int32() and rows.schema.field("logprob").type == pa.float32()
    asked = {row["id"]: row for row in rows.to_pylist()}
    assert list(asked) == [i for i in ALL["id"].to_pylist() if i in asked] and len(asked) >= 15
    assert metadata["asked"] == len(asked) and sum(metadata["dropped"].values()) == len(ALL) - len(asked)
    for fact in ALL.to_pylist():
        if fact["id"] in asked:
            row = asked[fact["id"]]
            want = expected_row(model, tokenizer, fact["cloze"], answer_token(tokenizer, fact["cloze"], fact["answer"]))
            assert {name: row[name] for name in want} == want
            assert row["relation"] == fact["relation"]


def test_one_row_a_batch_or_all_in_one_gives_the_same(pair):
    one, _ = rows_of(probe, *pair, ALL, cloze_tokens=1)
    all_in_one, _ = rows_of(probe, *pair, ALL, cloze_tokens=100_000)
    assert one.drop(LOGPROBS) == all_in_one.drop(LOGPROBS)
    for name in LOGPROBS:
        np.testing.assert_allclose(flat(one[name]), flat(all_in_one[name]), atol=1e-4)


def test_model_is_left_as_it_was(bert):
    model, tokenizer = bert
    before = plain_pass(model, tokenizer, "Rome is in [MASK] .")
    rows_of(probe, model, tokenizer, ALL)
    assert torch.equal(plain_pass(model, tokenizer, "Rome is in [MASK] ."), before)  # asserts the full shape, too


def test_batches_hold_to_the_budget_and_the_head_sees_masks_only(bert):
    model, tokenizer = bert
    inputs, heads = [], []
    hooks = [
        model.bert.register_forward_pre_hook(lambda m, a: inputs.append(a[0].shape)),
        model.cls.register_forward_pre_hook(lambda m, a: heads.append(a[0].shape)),
    ]
    rows_of(probe, model, tokenizer, ALL, cloze_tokens=40)
    for hook in hooks:
        hook.remove()
    assert len(inputs) > 3 and all(rows * width <= 40 for rows, width in inputs)
    assert heads == [(rows, 1, 16) for rows, _ in inputs]
    widths = [width for _, width in inputs]
    assert widths == sorted(widths)


def test_limit_counts_rows_before_any_is_dropped(bert, caplog):
    cloze = "Rome is in [MASK] ."
    table = facts((cloze, "Atlantis"), (cloze, "New York"), (cloze, "Peru"))
    rows, metadata = rows_of(probe, *bert, table, limit=2)
    assert rows.num_rows == 0 and rows.schema == FACTS
    assert metadata["dropped"] == {"answer_not_one_token": 2} and metadata["asked"] == 0 and metadata["limit"] == 2
    assert "2 of 2 rows dropped: answer_not_one_token" in caplog.text
    assert rows_of(probe, *bert, table)[0]["id"].to_pylist() == ["f2"]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert"])
def test_sentence_that_fills_all_positions_is_asked_and_one_more_is_dropped(architecture):
    model, tokenizer = make(architecture, positions=20)
    sentence = "Rome is in [MASK] ."
    while len(tokenizer(sentence.replace("[MASK]", tokenizer.mask_token))["input_ids"]) < 20:
        sentence += " ."
    table = facts((sentence, "Italy"), (sentence + " .", "Italy"))
    rows, metadata = rows_of(probe, model, tokenizer, table)
    assert rows["id"].to_pylist() == ["f0"] and metadata["dropped"] == {"too_long": 1}


def test_answer_has_the_space_that_the_sentence_gives_it():
    model, tokenizer = make("roberta")
    vocabulary = tokenizer.get_vocab()
    clozes = {"Rome is in [MASK] .": "\u0120Italy", "[MASK] is where": "Italy", "Rome ([MASK])": "Italy"}
    rows = rows_of(probe, model, tokenizer, facts(*[(cloze, "Italy") for cloze in clozes]))[0].to_pylist()
    for row, (cloze, token) in zip(rows, clozes.items(), strict=True):
        want = expected_row(model, tokenizer, cloze, vocabulary[token])
        assert row["rank"] == want["rank"] and row["logprob"] == want["logprob"]


def test_candidates_compete_among_themselves(bert, caplog):
    model, tokenizer = bert
    cloze, answer = "Oslo is a city in [MASK] .", "Norway"
    logits = plain_pass(model, tokenizer, cloze)
    score = {word: logits[tokenizer.convert_tokens_to_ids(word)].item() for word in ANSWERS}
    table = facts((cloze, answer, [*ANSWERS, "San Marino"]), (cloze, answer, [answer, "San Marino"]), (cloze, answer))
    rows, metadata = rows_of(probe, model, tokenizer, table)
    with_candidates, without = rows.to_pylist()
    best = tokenizer.decode([int(logits.argmax())])
    assert with_candidates["unprompted"] == (best == answer) and without["unprompted"] is None
    assert with_candidates["prediction"] == max(score, key=score.get)
    assert with_candidates["rank"] == 1 + sum(s > score[answer] for s in score.values())
    assert with_candidates["logprob"] == pytest.approx(without["logprob"], abs=1e-6)  # both over the whole vocabulary
    assert without["rank"] > with_candidates["rank"]
    assert metadata["dropped"] == {"candidates_not_one_token": 1}
    assert "San Marino (2 rows)" in caplog.text


def test_equal_scores_go_by_token_id(bert):
    model, tokenizer = make("bert")
    size = model.config.vocab_size
    with torch.no_grad():  # the head ignores its input: logits are its bias
        model.cls.predictions.decoder.weight.zero_()
        model.cls.predictions.decoder.bias.zero_()
    italy = tokenizer.convert_tokens_to_ids("Italy")
    table = facts(("Rome is in [MASK] .", "Italy"))
    row = rows_of(probe, model, tokenizer, table)[0].to_pylist()[0]
    assert row["rank"] == italy + 1 and not row["correct"] and row["prediction"] == "<pad>"
    assert row["logprob"] == pytest.approx(-np.log(size), rel=1e-6)
    with torch.no_grad():  # all ids below Italy's fall behind, Italy and those above stay equal
        model.cls.predictions.decoder.bias[:italy] = -1.0
    row = rows_of(probe, model, tokenizer, table)[0].to_pylist()[0]
    assert (row["rank"], row["correct"], row["prediction"]) == (1, True, "Italy")


def test_sentences_of_one_length_are_not_padded(bert):
    model, tokenizer = bert
    padded = []
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: padded.append(not kwargs["attention_mask"].all()), with_kwargs=True
    )
    expected = rows_of(probe, model, tokenizer, ALL)[0]
    assert any(padded)
    padded.clear()
    rows, metadata = rows_of(probe, model, tokenizer, ALL, one_length=True)
    hook.remove()
    assert padded and not any(padded) and metadata["batch_plan"].startswith("sentences of one length")
    assert rows.drop(LOGPROBS) == expected.drop(LOGPROBS)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:torch.ao.quantization")
def test_int8_modules_in_body_and_head(bert):
    model, tokenizer = bert
    int8 = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    assert not isinstance(int8.cls.predictions.decoder, torch.nn.Linear)
    dense = rows_of(probe, model, tokenizer, ALL)[0]["logprob"].to_numpy()
    got = rows_of(probe, int8, tokenizer, ALL)[0]["logprob"].to_numpy()
    assert not np.array_equal(got, dense) and np.corrcoef(got, dense)[0, 1] > 0.9


def test_half_precision_model_gives_float32_scores_near_the_dense(bert):
    dense = rows_of(probe, *bert, ALL)[0]["logprob"].to_numpy()
    model = make("bert")[0].bfloat16()
    rows = rows_of(probe, model, bert[1], ALL)[0]
    assert rows.schema.field("logprob").type == pa.float32()
    np.testing.assert_allclose(rows["logprob"].to_numpy(), dense, atol=0.5)


def test_nan_is_an_error_and_not_a_right_answer():
    model, tokenizer = make("bert")
    with torch.no_grad():
        model.cls.predictions.decoder.bias[7] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        rows_of(probe, model, tokenizer, ALL)


def test_models_that_cannot_fill_a_mask(bert):
    model, tokenizer = bert
    classifier = BertForSequenceClassification(BertConfig(**SIZE, vocab_size=len(tokenizer))).eval()
    with pytest.raises(InputError, match="BertForSequenceClassification: expected a masked language model"):
        rows_of(probe, classifier, tokenizer, ALL)
    unmasked = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, pad_token="<pad>")
    with pytest.raises(InputError, match="no mask token"):
        rows_of(probe, model, unmasked, ALL)


def test_a_sentence_that_holds_the_mask_token_itself_is_dropped():
    table = facts(("Rome <mask> is in [MASK] .", "Italy"), ("Rome is in [MASK] .", "Italy"))
    rows, metadata = rows_of(probe, *make("roberta"), table)
    assert rows["id"].to_pylist() == ["f1"] and metadata["dropped"] == {"not_one_mask": 1}


@pytest.fixture(scope="module")
def minilm(shared):
    folder = shared / "models" / "minilm-lama"
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def test_real_model_scores_what_its_readme_says_on_squad(shared, minilm, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    prepared.prepare({"name": "squad", "format": "lama_squad"}, shared / "data" / "lama", tmp_path / "squad.parquet")
    rows, metadata = rows_of(probe, *minilm, prepared.read(tmp_path / "squad.parquet")[0])
    assert metadata["asked"] == 302 and metadata["dropped"] == {}
    assert f"{100 * np.mean(rows['correct']):.2f}" == "3.64"


def test_real_model_equals_the_plain_pass_on_trex(shared, minilm, tmp_path):
    prepared.prepare({"name": "trex", "format": "lama_trex"}, shared / "data" / "lama", tmp_path / "trex.parquet")
    table = prepared.read(tmp_path / "trex.parquet")[0].take(list(range(0, 22881, 1500)))
    rows, metadata = rows_of(probe, *minilm, table)
    assert metadata["asked"] == 16
    for row, cloze in zip(rows.to_pylist(), table["cloze"].to_pylist(), strict=True):
        want = expected_row(*minilm, cloze, minilm[1].convert_tokens_to_ids(row["answer"].lower()))
        assert {name: row[name] for name in want} == want
