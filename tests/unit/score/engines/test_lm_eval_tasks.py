"""Every task against plain lm_eval, which reads the same rows in the form in which the hub publishes them."""

import json
import os

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval
import pyarrow.compute as pc
import pytest
import torch
from helpers.asking import rows_of
from helpers.questions import WORDS, make_llama, make_t5, word_tokenizer
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError
from knowcost.score.engines import lm_eval as harness
from knowcost.score.engines import lm_eval_tasks

ARC = [
    {"id": "a", "question": "capital of Italy ?", "answerKey": "B",
     "choices": {"text": ["the city Oslo", "Rome", "Bonn"], "label": ["A", "B", "C"]}},
    {"id": "b", "question": "capital of France ?", "answerKey": "4",
     "choices": {"text": ["Oslo", "Rome", "big Bonn", "Paris"], "label": ["1", "2", "3", "4"]}},
]  # fmt: skip
SCIQ = [
    {"question": "a city", "support": " Rome is a city", "distractor1": "Italy", "distractor2": "France",
     "distractor3": "in Norway", "correct_answer": "Rome"},
    {"question": "a capital", "support": "", "distractor1": "Bonn", "distractor2": "the city",
     "distractor3": "France", "correct_answer": "Oslo"},
]  # fmt: skip
HELLASWAG = [
    {"ind": 4, "activity_label": "Rome", "ctx_a": "a big city", "ctx_b": "is the", "label": "2",
     "endings": ["Norway", "in Italy", "capital of [step] Italy", "not  Bonn"]},
    {"ind": 4, "activity_label": "Oslo", "ctx_a": "the capital [title] of Norway", "ctx_b": "", "label": "0",
     "endings": ["is Oslo", "is Rome", "is not a city", "France"]},
]  # fmt: skip
WEBQS = [
    {"url": "u", "question": "capital of Italy", "answers": ["the city Rome", "Rome", "Rome in Italy"]},
    {"url": "u", "question": "capital of France", "answers": ["Paris"]},
]
LAMBADA = [{"text": "Rome is the capital of Italy"}, {"text": "Oslo is not in France"}, {"text": "the capital is Bonn"}]
MMLU = [
    {"question": " capital of Italy", "subject": "world_cities", "choices": ["Rome", "Oslo", "Bonn", "a"], "answer": 0},
    {"question": "is Bonn a city", "subject": "world_cities", "choices": ["no", "yes", "not", "a"], "answer": 1},
]
TASKS = {  # format: (lm-eval's file, its split, rows as on the hub)
    "arc": ("arc/arc_easy.yaml", "test", ARC),
    "sciq": ("sciq/sciq.yaml", "test", SCIQ),
    "hellaswag": ("hellaswag/hellaswag.yaml", "validation", HELLASWAG),
    "webquestions": ("webqs/webqs.yaml", "test", WEBQS),
    "lambada": ("lambada/lambada_openai.yaml", "test", LAMBADA),
}


@pytest.fixture(scope="module")
def llama():
    return make_llama()


def plain(model, file, rows, folder, **more):
    """The samples of one task of the harness's own on hub rows, {split: rows}."""
    where = {}
    for split, each in rows.items():
        where[split] = str(folder / f"{split}.json")
        (folder / f"{split}.json").write_text("".join(json.dumps(row) + "\n" for row in each))
    upstream = os.path.join(os.path.dirname(lm_eval.__file__), "tasks", file)
    (folder / "plain.yaml").write_text(
        f"include: {upstream}\ntask: plain\ndataset_path: json\ndataset_name: null\ntraining_split: null\n"
        f"validation_split: {'validation' if 'validation' in rows else 'null'}\n"
        f"dataset_kwargs: {json.dumps({'data_files': where, 'cache_dir': str(folder / 'cache')})}\n"
        + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items())
    )
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    lm = HFLM(pretrained=model, tokenizer=word_tokenizer(), batch_size=2)
    return lm_eval.evaluate(lm, manager.load(["plain"]), bootstrap_iters=0)["samples"]["plain"]


def ours(model, format, rows, folder, **options):
    """(rows, metadata) of the same hub rows through the loader and the harness module, in the order of their ids."""
    source, out = folder / "ours.jsonl", folder / "ours.parquet"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepared.prepare({"name": format, "format": format}, source, out)
    ending = model.config.is_encoder_decoder
    table, metadata = rows_of(harness, model, word_tokenizer(ending), out, **options)
    return table.sort_by("id"), metadata


@pytest.mark.parametrize("format", TASKS)
def test_rows_equal_plain_lm_eval(format, llama, tmp_path):
    file, split, rows = TASKS[format]
    samples = plain(llama, file, {split: rows}, tmp_path)
    table, metadata = ours(llama, format, rows, tmp_path)
    metric = "exact_match" if format == "webquestions" else "acc"
    assert table["correct"].to_pylist() == [bool(sample[metric]) for sample in samples]
    if format in ("arc", "sciq", "hellaswag"):
        logprobs = [value for sample in samples for value, _ in sample["filtered_resps"]]
        assert pc.list_flatten(table["choice_logprobs"]).to_pylist() == pytest.approx(logprobs, abs=1e-5)
    else:
        best = [max(value for value, _ in sample["filtered_resps"]) for sample in samples]
        assert table["logprob"].to_pylist() == pytest.approx(best, abs=1e-5)
    assert metadata["task_version"] == {"webquestions": 2.0}.get(format, 1.0)
    assert metadata["not_finite"] == 0


def test_answers_and_predictions_are_texts(llama, tmp_path):
    table, _ = ours(llama, "arc", ARC, tmp_path)
    assert table["answer"].to_pylist() == ["Rome", "Paris"]
    assert set(table["prediction"].to_pylist()) <= {text for row in ARC for text in row["choices"]["text"]}
    table, _ = ours(llama, "webquestions", WEBQS, tmp_path)
    assert table["answer"].to_pylist() == ["the city Rome", "Paris"]
    said = torch.tensor([word_tokenizer().encode("Rome is the capital of")])
    last = word_tokenizer().decode(llama(said).logits[0, -1].argmax())
    rows = [{"text": f"Rome is the capital of {last}"}, {"text": "Rome is the capital of not"}]
    table, _ = ours(llama, "lambada", rows, tmp_path)
    assert (table["answer"].to_pylist(), table["correct"].to_pylist()) == ([last, "not"], [True, False])
    assert table["prediction"].to_pylist() == [last, ""]
    assert table["choice_logprobs"].null_count == 2  # the accepted answers are no alternatives
    assert table["top_logprob"].null_count == 2


@pytest.mark.parametrize("shots", [0, 5])
def test_mmlu_equals_the_harness_task_of_one_subject(shots, tmp_path):
    model = make_llama(positions=512)
    dev = [{**MMLU[i % 2], "question": f"{word} in Italy ?"} for i, word in enumerate(WORDS[6:12])]
    about = {"description": "The following are multiple choice questions (with answers) about world cities.\n\n"}
    file = "mmlu/default/_default_template_yaml"
    samples = plain(model, file, {"test": MMLU, "dev": dev}, tmp_path, num_fewshot=shots, **about)
    official = tmp_path / "official"
    for split, rows in (("test", MMLU), ("dev", dev)):
        (official / split).mkdir(parents=True)
        lines = [f"{row['question']},{','.join(row['choices'])},{'ABCD'[row['answer']]}\n" for row in rows]
        (official / split / f"world_cities_{split}.csv").write_text("".join(lines))
    out = tmp_path / "mmlu.parquet"
    prepared.prepare({"name": "m", "format": "mmlu_5shot" if shots else "mmlu"}, official, out)
    table, metadata = rows_of(harness, model, word_tokenizer(), out)
    expected = [value for sample in samples for value, _ in sample["filtered_resps"]]
    assert pc.list_flatten(table["choice_logprobs"]).to_pylist() == pytest.approx(expected, abs=1e-5)
    assert table["correct"].to_pylist() == [bool(sample["acc"]) for sample in samples]
    assert table["relation"].to_pylist() == ["world_cities"] * 2 and metadata["truncated"] == 0


def greedy(model, text, count, ends=(1,)):
    """The next `count` tokens of a text, one at a time, up to its end."""
    tokenizer = word_tokenizer(model.config.is_encoder_decoder)
    ids, made = torch.tensor([tokenizer.encode(text)]), []
    with torch.no_grad():
        while len(made) < count and not set(ends) & set(made):
            if model.config.is_encoder_decoder:
                logits = model(input_ids=ids, decoder_input_ids=torch.tensor([[0, *made]])).logits
            else:
                logits = model(torch.tensor([ids[0].tolist() + made])).logits
            made.append(logits[0, -1].argmax().item())
    return tokenizer.decode(made, skip_special_tokens=True)


def trivia(question, *aliases):
    name = str(ASKED.index(question)) if question in ASKED else question
    return {"question_id": name, "question": question, "answer": {"value": aliases[0], "aliases": list(aliases)}}


ASKED = ["capital of Italy", "is Oslo a city in Norway", "Bonn"]


def trivia_rows(said):
    return [trivia(ASKED[0], "Rome", said[0].upper()), trivia(ASKED[1], said[1] + "!"), trivia(ASKED[2], "Norway")]


@pytest.mark.parametrize("make", [make_llama, make_t5])
def test_generation_is_greedy_whatever_the_checkpoint_says(make, tmp_path):
    model = make()
    model.generation_config.update(do_sample=True, repetition_penalty=9.0, num_beams=3, eos_token_id=2)
    said = [greedy(model, f"Question: {question}?\nAnswer:", 32, ends=(1, 2)) for question in ASKED]
    for options in ({}, {"prompts": 1}, {"one_length": True}):
        table, metadata = ours(model, "triviaqa", trivia_rows(said), tmp_path, **options)
        for text, by_hand in zip(table["prediction"].to_pylist(), said, strict=True):
            # the harness lets an encoder-decoder write as many tokens more as its batch's longest prompt has
            assert text.startswith(by_hand) if make is make_t5 else text == by_hand
        if make is make_llama:
            assert table["correct"].to_pylist() == [True, True, False]
        assert table["logprob"].null_count == 3 and metadata["not_finite"] == 0
    assert model.generation_config.repetition_penalty == 9.0  # put back


def test_triviaqa_equals_plain_lm_eval(llama, tmp_path):
    rows = trivia_rows([greedy(llama, f"Question: {question}?\nAnswer:", 32) for question in ASKED])
    ends = {"until": ["\n", ".", ","], "do_sample": False, "temperature": 0.0, "max_gen_toks": 32}
    samples = plain(llama, "triviaqa/default.yaml", {"validation": rows}, tmp_path, generation_kwargs=ends)
    table, metadata = ours(llama, "triviaqa", rows, tmp_path)
    assert table["prediction"].to_pylist() == [sample["filtered_resps"][0] for sample in samples]
    assert table["correct"].to_pylist() == [bool(s["exact_match"]) for s in samples] == [True, True, False]
    assert metadata["task_version"] == 3.0


EVIDENCE = {"entity_pages": {"wiki_context": ["Rome is a city ."]}, "search_results": {"search_context": []}}
PROMPTS = {
    "popqa": "Q: capital of Italy A:",
    "freebaseqa": "Please give answer to this question: capital of Italy The answer is",
    "triviaqa_closed": "Answer these questions:\n\nQ: capital of Italy\nA:",
    "triviaqa_open": "Rome is a city .\nAnswer these questions:\nQ: capital of Italy\nA:",
}


@pytest.mark.parametrize("format", PROMPTS)
def test_prompts_of_the_papers(format, llama, tmp_path, monkeypatch):
    asked = []
    generate = HFLM.generate_until
    monkeypatch.setattr(
        HFLM, "generate_until", lambda self, requests, **k: asked.extend(requests) or generate(self, requests)
    )
    said = greedy(llama, PROMPTS[format], 32)
    if format == "popqa":
        row = {"id": 1, "subj": "Italy", "prop": "capital", "question": ASKED[0], "s_pop": 9}
        table, metadata = ours(llama, format, [row | {"possible_answers": json.dumps(["Oslo", said])}], tmp_path)
    elif format == "freebaseqa":
        parse = {"Answers": [{"AnswersName": [f"The {said}"]}]}
        source = tmp_path / "f.json"
        source.write_text(json.dumps({"Questions": [{"Question-ID": "1", "RawQuestion": ASKED[0], "Parses": [parse]}]}))
        prepared.prepare({"name": "f", "format": format}, source, tmp_path / "f.parquet")
        table, metadata = rows_of(harness, llama, word_tokenizer(), tmp_path / "f.parquet")
    else:
        table, metadata = ours(llama, format, [trivia(ASKED[0], "Oslo", said) | EVIDENCE], tmp_path)
    assert [request.args[0] for request in asked] == [PROMPTS[format]]
    assert table["prediction"].to_pylist() == [said] and table["correct"].to_pylist() == [True]
    assert metadata["task_version"] == (1.0 if format == "popqa" else 2.0)
    assert "\n" not in asked[0].args[1]["until"]  # a model may begin with a line break


def test_a_window_without_room_for_an_answer_is_refused(tmp_path):
    with pytest.raises(InputError, match="window of 32 tokens has no room to generate 32"):
        ours(make_llama(positions=32), "triviaqa", [trivia("a", "b")], tmp_path)


def test_a_prompt_longer_than_the_window_loses_its_beginning(llama, tmp_path):
    long = " ".join(["Rome is in Italy"] * 10)
    _, metadata = ours(llama, "triviaqa", [trivia(long, "b"), trivia("a", "b")], tmp_path)
    assert metadata["truncated"] == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (" Ghana", True), ("ghana.", True), ("the Ghana, in Africa", True), ("Ghana\nQuestion: Lima", True),
        (" gha-na", False), ("Ghana is", False), ("is Ghana", False), ("", False), (".", False), ("Lima. Ghana", False),
        ("\n\nGhana\nLima", True), (":\n Ghana, Africa", True), (":\nLima\nGhana", False), (":\n", False),
        ("George W. Bush. He was", True), ("George W", False), ("GEORGE  W BUSH, too", True),
    ],
)  # fmt: skip
def test_exact_match(text, right):
    document = {"answers": ["ghana", "george w. bush", "the"]}  # an answer that is but an article can't be matched
    assert lm_eval_tasks.exact_match(document, [text]) == {"exact_match": float(right)}


def test_a_model_of_nan_is_never_right(tmp_path):
    model = make_llama()
    with torch.no_grad():
        model.lm_head.weight[:] = float("nan")
    for format, rows in (("webquestions", WEBQS), ("lambada", LAMBADA), ("arc", ARC), ("hellaswag", HELLASWAG)):
        table, metadata = ours(model, format, rows, tmp_path)
        assert metadata["not_finite"] == len(rows) and not any(table["correct"].to_pylist())
        assert set(table["prediction"].to_pylist()) == {""} and table["logprob"].null_count == len(rows)
