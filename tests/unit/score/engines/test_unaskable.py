"""Facts that cannot be asked are dropped and counted; the others are asked as if those were not there."""

import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import pytest
import tokenizers
import torch
import transformers
from helpers import tiny
from helpers.asking import PLAN, respondent, rows_of
from helpers.masked import facts, make
from helpers.questions import FACTS, by_hand, make_llama, make_t5, prompts, word_tokenizer, write

from knowcost.common.errors import InputError
from knowcost.score import ask as asking
from knowcost.score.engines import cloze_published
from knowcost.score.engines import lm_eval as harness
from knowcost.score.places import ALL

NOTHING = "\u200b"  # which the tokenizer below makes no token of
GREEDY = {"do_sample": False, "num_beams": 1, "max_new_tokens": 32}


def blind_tokenizer(ending=False):
    made = word_tokenizer(ending)
    made.backend_tokenizer.normalizer = tokenizers.normalizers.Replace(NOTHING, "")
    return made


@pytest.fixture(scope="module")
def llama():
    return make_llama()


@pytest.fixture(scope="module", params=["llama", "t5"])
def pair(request):
    return (make_llama(), blind_tokenizer()) if request.param == "llama" else (make_t5(), blind_tokenizer(ending=True))


def asked(pair, tmp_path, kind, rows, **more):
    return rows_of(harness, *pair, write(tmp_path / "f.parquet", kind, rows), **more)


def test_a_candidate_longer_than_the_window_drops_its_question_only(tmp_path):
    model, tokenizer = tiny.model("opt"), word_tokenizer()
    assert model.config.max_position_embeddings == 64
    good = FACTS["question"]
    long = {"question": "capital ?", "answer": "Rome", "candidates": ["Rome", " ".join(["Oslo"] * 80)]}
    table, about = asked((model, tokenizer), tmp_path, "question", [good[0], long, good[1]])
    assert table["id"].to_pylist() == ["question-0", "question-2"]
    assert about["dropped"] == {"too_long": 1} and about["asked"] == 2
    for fact, row in zip(good, table.to_pylist(), strict=True):
        expected = [by_hand(model, tokenizer, *prompt) for prompt in prompts("question", fact)]
        assert row["choice_logprobs"] == pytest.approx(expected, abs=1e-4)


def test_a_candidate_that_just_fits_the_window_is_asked_whole(tmp_path):
    model, tokenizer = tiny.model("opt"), word_tokenizer()
    longest = " ".join(["Oslo", "Rome"] * 32)
    rows = [
        {"question": "capital ?", "answer": "Rome", "candidates": ["Rome", more]} for more in (longest, longest + " a")
    ]
    table, about = asked((model, tokenizer), tmp_path, "question", rows)
    assert about["dropped"] == {"too_long": 1} and about["truncated"] == 1
    ids = torch.tensor([tokenizer.encode(f"Question : capital ? Answer : {longest}")[-65:]])
    with torch.no_grad():  # the last word of the prompt, and 63 of the answer's 64
        logits = model(ids[:, :-1]).logits[0].log_softmax(-1)
    expected = logits.gather(1, ids[0, 1:, None]).sum().item()
    assert table["choice_logprobs"].to_pylist()[0][1] == pytest.approx(expected, abs=1e-3)


def test_what_the_tokenizer_makes_nothing_of_is_dropped(pair, tmp_path):
    good = FACTS["question"][0]
    rows = [good | {"candidates": ["Rome", NOTHING]}, good, good | {"answer": NOTHING, "candidates": [NOTHING, "a"]}]
    alone, _ = asked(pair, tmp_path, "question", [good])
    for one_length in (False, True):
        table, about = asked(pair, tmp_path, "question", rows, one_length=one_length)
        assert about["dropped"] == {"no_tokens": 2} and about["asked"] == 1
        assert table["id"].to_pylist() == ["question-1"]
        assert table["choice_logprobs"].to_pylist()[0] == pytest.approx(
            alone["choice_logprobs"].to_pylist()[0], abs=1e-4
        )


def test_where_no_fact_can_be_asked_there_is_no_row_but_the_reason(pair, tmp_path):
    table, about = asked(pair, tmp_path, "question", [FACTS["question"][0] | {"candidates": ["Rome", NOTHING]}])
    assert len(table) == 0 and about["dropped"] == {"no_tokens": 1}
    table, about = asked(pair, tmp_path, "lambada", [{"text": NOTHING}])
    assert len(table) == 0 and about["dropped"] == {"no_tokens": 1}


def test_a_text_of_one_word_goes_on_from_the_end_token(llama, tmp_path):
    rows = [{"text": "Rome"}, {"text": NOTHING}, {"text": "</s>"}, {"text": "Oslo is big"}]
    table, about = asked((llama, blind_tokenizer()), tmp_path, "lambada", rows)
    assert about["dropped"] == {"no_tokens": 2} and table["id"].to_pylist() == ["lambada-0", "lambada-3"]
    with torch.no_grad():  # lm-evaluation-harness gives an empty prompt the bos token or, where there is none, the eos
        expected = llama(torch.tensor([[1]])).logits[0, -1].log_softmax(-1)[word_tokenizer().encode("Rome")[0]]
    assert table["logprob"].to_pylist()[0] == pytest.approx(expected.item(), abs=1e-4)


def test_a_limit_counts_facts_before_any_is_dropped(llama, tmp_path):
    good = FACTS["question"][0]
    rows = [good | {"candidates": ["Rome", NOTHING]}, good, good]
    table, about = asked((llama, blind_tokenizer()), tmp_path, "question", rows, limit=2)
    assert table["id"].to_pylist() == ["question-1"] and about["dropped"] == {"no_tokens": 1} and about["limit"] == 2


def test_a_cloze_that_is_no_completion_is_dropped(pair, tmp_path):
    good = FACTS["cloze"][0]
    rows = [{"cloze": "[MASK] is big", "answer": "Rome", "candidates": ["Rome", "Oslo"]}, good]
    rows.append({"cloze": "Rome is in [MASK]", "answer": "Italy", "candidates": None})
    table, about = asked(pair, tmp_path, "cloze", rows)
    assert table["id"].to_pylist() == ["cloze-1"] and about["dropped"] == {"no_completion": 2}
    expected = [by_hand(*pair, *prompt) for prompt in prompts("cloze", good)]
    assert table["choice_logprobs"].to_pylist()[0] == pytest.approx(expected, abs=1e-4)
    with pytest.raises(InputError, match="fact cloze-0"):
        asked(pair, tmp_path, "cloze", rows, limit=1)


def test_a_sentence_is_cut_where_the_positions_end(tmp_path):
    model, tokenizer = make("roberta", positions=20)
    table = facts(("Rome is in [MASK] " + ". " * 30, "Italy"), ("Rome " * 30 + "is in [MASK] .", "Italy"))
    rows, about = rows_of(cloze_published, model, tokenizer, table)
    assert rows["id"].to_pylist() == ["f0"] and about["dropped"] == {"mask_cut_off": 1}


def test_a_token_without_a_row_is_named_with_its_tokenizer(llama, tmp_path):
    tokenizer = word_tokenizer()
    tokenizer.add_tokens([f"<{i}>" for i in range(16)])  # ids 25 to 40, of 40 rows
    tokenizer.name_or_path = "the/folder"
    who = respondent(llama, tokenizer)
    for kind, rows in (
        ("question", [FACTS["question"][0] | {"question": "is <15> big"}]),
        ("triviaqa_closed", [{"question": "is <15> big", "answers": ["Rome"]}]),
        ("lines", [{"text": "Rome is <15>"}]),
    ):
        with pytest.raises(InputError, match=r"tokenizer the/folder: .*'<15>', whose id 40 is beyond the 40 rows"):
            asking.ask(who, write(tmp_path / "f.parquet", kind, rows), ALL, PLAN)
    rows = [FACTS["question"][0] | {"question": "is <14> big"}]
    assert len(asking.ask(who, write(tmp_path / "f.parquet", "question", rows), ALL, PLAN)[0]) == 1


HABITS = {
    "do_sample": True, "temperature": 9.0, "top_k": 3, "num_beams": 4, "length_penalty": 2.0, "repetition_penalty": 5.0,
    "no_repeat_ngram_size": 1, "min_new_tokens": 30, "min_length": 60, "max_length": 3, "max_new_tokens": 2,
    "suppress_tokens": [3, 4, 5], "begin_suppress_tokens": [6], "forced_bos_token_id": 7, "forced_eos_token_id": 8,
    "bad_words_ids": [[9]], "sequence_bias": [[[10], 50.0]], "return_dict_in_generate": True, "output_scores": True,
    "num_return_sequences": 2, "use_cache": False, "pad_token_id": -1, "prompt_lookup_num_tokens": 3,
    "guidance_scale": 4.0, "renormalize_logits": True, "decoder_start_token_id": 9, "max_time": 0.001,
}  # fmt: skip


def test_no_habit_of_generation_config_changes_an_answer(pair, tmp_path):
    model, tokenizer = pair
    rows = [
        {"question": question, "answers": ["a"]} for question in ("is Rome big", "Oslo", "the capital of Norway is")
    ]
    expected = []
    for row in rows:
        ids = torch.tensor([tokenizer.encode(f"Answer these questions:\n\nQ: {row['question']}\nA:")])
        start = {"decoder_start_token_id": 0} if model.config.is_encoder_decoder else {}
        said = model.generate(ids, eos_token_id=1, pad_token_id=0, **GREEDY, **start)[0]
        expected.append(tokenizer.decode(said if start else said[ids.shape[1] :], skip_special_tokens=True))
    kept, model.generation_config = model.generation_config, transformers.GenerationConfig()
    for name, value in HABITS.items():
        setattr(model.generation_config, name, value)
    try:
        table, _ = asked(pair, tmp_path, "triviaqa_closed", rows)
    finally:
        model.generation_config = kept
    assert table["prediction"].to_pylist() == expected


@pytest.mark.parametrize("end", [None, 1, [1], [1, 500], ["1", None, 1], -1])
def test_an_answer_ends_with_the_tokenizer_s_token_whatever_the_file_says(end, llama, tmp_path):
    rows = [{"question": "is Rome big", "answers": ["a"]}]
    usual, _ = asked((llama, word_tokenizer()), tmp_path, "triviaqa_closed", rows)
    kept = llama.generation_config
    llama.generation_config = transformers.GenerationConfig()
    llama.generation_config.eos_token_id = end
    try:
        table, _ = asked((llama, word_tokenizer()), tmp_path, "triviaqa_closed", rows)
    finally:
        llama.generation_config = kept
    assert table["prediction"].to_pylist() == usual["prediction"].to_pylist()
