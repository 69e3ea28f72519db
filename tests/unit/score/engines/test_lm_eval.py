"""The harness's rows against hand arithmetic in torch and against plain lm_eval, on tiny random models."""

import os
import socket

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval
import pyarrow.compute as pc
import pytest
import torch
import transformers
from helpers.asking import rows_of
from helpers.questions import FACTS, by_hand, make_llama, make_t5, prompts, word_tokenizer, write
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scipy.special import log_softmax

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError
from knowcost.score import rows
from knowcost.score.engines import lm_eval as harness

UPSTREAM = {
    "boolq": "super_glue/boolq/default.yaml",
    "piqa": "piqa/piqa.yaml",
    "winogrande": "winogrande/default.yaml",
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError(f"network: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def llama():
    return make_llama()


@pytest.fixture
def t5():
    return make_t5()


@pytest.fixture
def parquet(tmp_path):
    return lambda kind: write(tmp_path / f"{kind}.parquet", kind, FACTS[kind])


def plain(lm, files, tmp_path, limit=None):
    """{kind: (acc, the log-likelihoods of all choices)} by simple_evaluate on the same files, with nothing of ours."""
    tasks = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
    folder = tmp_path / "plain"
    folder.mkdir()
    for kind, path in files.items():
        (folder / f"{kind}.yaml").write_text(
            f"include: {tasks}/{UPSTREAM[kind]}\ntask: {kind}\ntraining_split: null\n"
            "dataset_path: parquet\ndataset_name: null\n"
            f"dataset_kwargs: {{data_files: {{validation: {path}}}, cache_dir: {tmp_path / 'cache'}}}\n"
        )
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    result = lm_eval.simple_evaluate(model=lm, tasks=list(files), task_manager=manager, bootstrap_iters=0, limit=limit)
    logprobs = {kind: [r[0] for s in result["samples"][kind] for r in s["filtered_resps"]] for kind in files}
    return {kind: (result["results"][kind]["acc,none"], logprobs[kind]) for kind in files}


@pytest.mark.parametrize("kind", FACTS)
def test_rows_of_a_decoder_are_what_torch_computes(kind, llama, parquet):
    tokenizer = word_tokenizer()
    check_by_hand(kind, llama, tokenizer, *rows_of(harness, llama, tokenizer, parquet(kind)))


@pytest.mark.parametrize("kind", FACTS)
def test_rows_of_an_encoder_decoder_are_what_torch_computes(kind, t5, parquet):
    tokenizer = word_tokenizer(ending=True)
    check_by_hand(kind, t5, tokenizer, *rows_of(harness, t5, tokenizer, parquet(kind)))


def check_by_hand(kind, model, tokenizer, table, metadata):
    names = {
        "boolq": lambda f: ["no", "yes"],
        "piqa": lambda f: [f["sol1"], f["sol2"]],
        "winogrande": lambda f: [f["option1"], f["option2"]],
        "question": lambda f: f["candidates"],
        "cloze": lambda f: f["candidates"],
    }
    answers = {
        "boolq": ["yes", "no", "yes"],
        "piqa": ["Rome", "big Paris", "Bonn"],
        "winogrande": ["Rome", "Oslo", "Paris"],
        "question": ["Rome", "Oslo"],
        "cloze": ["Oslo", "Italy"],
    }[kind]
    assert table.schema == rows.FACTS
    assert metadata["asked"] == len(answers) and metadata["not_finite"] == 0
    assert table["answer"].to_pylist() == answers
    assert table["id"].to_pylist() == [f"{kind}-{i}" for i in range(len(answers))]
    assert table["relation"].to_pylist() == [None, *["r"] * (len(answers) - 1)]
    for fact, row in zip(FACTS[kind], table.to_pylist(), strict=True):
        expected = [by_hand(model, tokenizer, *prompt) for prompt in prompts(kind, fact)]
        choices = names[kind](fact)
        assert row["choice_logprobs"] == pytest.approx(expected, abs=1e-4)
        assert row["prediction"] == choices[expected.index(max(expected))]
        assert row["correct"] == (row["prediction"] == row["answer"])
        assert row["logprob"] == pytest.approx(expected[choices.index(row["answer"])], abs=1e-4)
        assert row["top_logprob"] == pytest.approx(max(log_softmax(expected)), abs=1e-4)
        right = expected[choices.index(row["answer"])]
        assert row["rank"] == (1 + sum(each > right for each in expected) if kind == "cloze" else None)


def test_rows_equal_plain_lm_eval_from_a_folder(llama, parquet, tmp_path):
    files = {kind: parquet(kind) for kind in UPSTREAM}
    llama.save_pretrained(tmp_path / "model")
    word_tokenizer().save_pretrained(tmp_path / "model")
    expected = plain(HFLM(pretrained=str(tmp_path / "model"), device="cpu", batch_size=2), files, tmp_path)
    for kind, (accuracy, logprobs) in expected.items():
        table, _ = rows_of(harness, llama, word_tokenizer(), files[kind])
        assert sum(table["correct"].to_pylist()) / len(table) == accuracy
        assert pc.list_flatten(table["choice_logprobs"]).to_pylist() == pytest.approx(logprobs, abs=1e-5)


def test_real_questions_equal_plain_lm_eval(shared, llama, tmp_path):
    sources = {"boolq": "validation.jsonl", "piqa": "valid.jsonl", "winogrande": "winogrande_xl-validation.jsonl"}
    files = {kind: tmp_path / f"{kind}.parquet" for kind in sources}
    for kind, source in sources.items():
        prepared.prepare({"name": kind, "format": kind}, shared / "data" / kind / source, files[kind])
    tokenizer = word_tokenizer()
    expected = plain(HFLM(pretrained=llama, tokenizer=tokenizer, batch_size=4), files, tmp_path, limit=7)
    for kind, (accuracy, logprobs) in expected.items():
        table, metadata = rows_of(harness, llama, tokenizer, files[kind], limit=7)
        assert sum(table["correct"].to_pylist()) / 7 == accuracy
        assert pc.list_flatten(table["choice_logprobs"]).to_pylist() == pytest.approx(logprobs, abs=1e-4)
        assert (metadata["truncated"] > 0) == (kind == "boolq")  # passages longer than the model's 64 tokens


def test_an_untied_head_survives(t5, parquet):
    before = {name: tensor.clone() for name, tensor in t5.state_dict().items()}
    rows_of(harness, t5, word_tokenizer(ending=True), parquet("piqa"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in t5.state_dict().items())
    assert "tie_weights" not in vars(t5)
    HFLM(pretrained=t5, tokenizer=word_tokenizer())  # the trap itself: should this stop failing, our shadow can go
    assert torch.equal(t5.lm_head.weight, t5.shared.weight)


def test_a_shadowed_tie_weights_is_put_back(t5, parquet):
    t5.tie_weights = shadow = lambda *args: None
    rows_of(harness, t5, word_tokenizer(ending=True), parquet("piqa"))
    assert t5.tie_weights is shadow


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
def test_int8_modules_with_a_tied_head(llama, parquet):
    torch.backends.quantized.engine = "fbgemm"
    model = torch.ao.quantization.quantize_dynamic(llama, {torch.nn.Linear})
    tokenizer = word_tokenizer()
    table, metadata = rows_of(harness, model, tokenizer, parquet("winogrande"), prompts=1)
    assert metadata["batch_plan"] == "harness, batch size 1"
    for fact, logprobs in zip(FACTS["winogrande"], table["choice_logprobs"].to_pylist(), strict=True):
        # the harness leaves the last token out of the input, and dynamic int8 sees the whole input: so must we
        expected = [by_hand_without_last(model, tokenizer, *prompt) for prompt in prompts("winogrande", fact)]
        assert logprobs == pytest.approx(expected, abs=1e-4)


def by_hand_without_last(model, tokenizer, context, continuation):
    start, answer = tokenizer.encode(context), tokenizer.encode(continuation)
    with torch.no_grad():
        logits = model(torch.tensor([start + answer[:-1]])).logits[0, len(start) - 1 :]
    return logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None]).sum().item()


def test_facts_with_nan_are_counted_and_never_correct(llama, parquet):
    embedding = llama.get_input_embeddings().weight
    with torch.no_grad():
        kept = embedding.clone()
        embedding[word_tokenizer().encode("Norway")[0]] = float("nan")
    try:
        table, metadata = rows_of(harness, llama, word_tokenizer(), parquet("piqa"))
    finally:
        embedding.data.copy_(kept)
    # the tied head makes every log-likelihood NaN; lm_eval itself then calls the first choice right for fact 0
    assert metadata["not_finite"] == 3
    assert table["correct"].to_pylist() == [False] * 3
    assert table["prediction"].to_pylist() == [""] * 3
    assert [table[name].null_count for name in ("logprob", "choice_logprobs", "top_logprob")] == [3, 3, 3]


def test_only_the_facts_touched_by_nan_are_lost(t5, parquet):
    with torch.no_grad():
        t5.shared.weight[word_tokenizer().encode("France")[0]] = float("nan")
    table, metadata = rows_of(harness, t5, word_tokenizer(ending=True), parquet("piqa"), prompts=1)
    assert metadata["not_finite"] == 1
    assert [bool(p) for p in table["prediction"].to_pylist()] == [True, False, True]
    assert table["correct"].to_pylist()[1] is False


def test_a_second_model_and_a_changed_file_are_asked_afresh(llama, t5, parquet, tmp_path):
    path = parquet("piqa")
    first, _ = rows_of(harness, llama, word_tokenizer(), path)
    other, _ = rows_of(harness, t5, word_tokenizer(ending=True), path)
    again, _ = rows_of(harness, llama, word_tokenizer(), path)
    assert again.equals(first) and not other.equals(first)
    write(path, "piqa", FACTS["piqa"][::-1])
    turned, _ = rows_of(harness, llama, word_tokenizer(), path)
    assert turned["answer"].to_pylist() == first["answer"].to_pylist()[::-1]


def test_limit_asks_the_first_questions_only(llama, parquet):
    path = parquet("winogrande")
    whole, _ = rows_of(harness, llama, word_tokenizer(), path)
    table, metadata = rows_of(harness, llama, word_tokenizer(), path, limit=2)
    assert metadata["limit"] == metadata["asked"] == 2
    columns = ["id", "answer", "prediction", "correct"]
    assert table.select(columns).equals(whole.slice(0, 2).select(columns))


@pytest.mark.parametrize("kind", FACTS)
def test_prompts_are_the_same_whichever_questions_are_asked(kind, llama, parquet, tmp_path):
    """Else a model that was asked in parts cannot be compared to one that was asked at once."""
    path = parquet(kind)
    said = {rows_of(harness, llama, word_tokenizer(), path, limit=limit)[1]["prompts_sha256"] for limit in (1, 2, None)}
    assert len(said) == 1
    write(path, kind, FACTS[kind][::-1])
    assert rows_of(harness, llama, word_tokenizer(), path)[1]["prompts_sha256"] not in said


def test_nothing_but_our_own_log_is_written(llama, parquet, capfd, caplog):
    caplog.set_level("WARNING")
    rows_of(harness, llama, word_tokenizer(), parquet("piqa"))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_a_cloze_that_the_model_goes_on_with_unprompted(llama, parquet):
    tokenizer = word_tokenizer()
    with torch.no_grad():
        start = torch.tensor([tokenizer.encode("the capital of Norway is")])
        said = tokenizer.decode(llama(start).logits[0, -1].argmax())
    cloze = {"cloze": "the capital of Norway is [MASK] .", "candidates": sorted({said, "Rome", "Oslo"})}
    path = write(parquet("cloze"), "cloze", [cloze | {"answer": answer} for answer in cloze["candidates"]])
    table, _ = rows_of(harness, llama, tokenizer, path)
    assert table["unprompted"].to_pylist() == [answer == said for answer in cloze["candidates"]]
    assert rows_of(harness, llama, tokenizer, parquet("piqa"))[0]["unprompted"].to_pylist() == [None] * 3


def test_a_cloze_without_candidates_or_beginning_is_refused(llama, tmp_path):
    for cloze, candidates in (("Rome is in [MASK]", None), ("[MASK] is big", ["Rome", "Oslo"])):
        path = write(tmp_path / "c.parquet", "cloze", [{"cloze": cloze, "answer": "Rome", "candidates": candidates}])
        with pytest.raises(InputError, match=r"fact cloze-0.*completion"):
            rows_of(harness, llama, word_tokenizer(), path)


def test_other_kinds_are_refused(llama, tmp_path):
    path = write(tmp_path / "x.parquet", "cloze_published", [{"cloze": "Rome is in [MASK]"}])
    with pytest.raises(InputError, match=r"x\.parquet.*kind cloze_published"):
        rows_of(harness, llama, word_tokenizer(), path)


def test_an_encoder_is_refused(parquet):
    config = transformers.BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16
    )
    with pytest.raises(InputError, match="BertForMaskedLM cannot be asked"):
        rows_of(harness, transformers.BertForMaskedLM(config), word_tokenizer(), parquet("piqa"))


def test_a_decoders_tokenizer_must_not_end_a_text(llama, parquet):
    with pytest.raises(InputError, match="ends a text with a special token"):
        rows_of(harness, llama, word_tokenizer(ending=True), parquet("piqa"))


def test_a_tokenizer_without_eos_is_refused(llama, parquet):
    tokenizer = word_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="no token ends a text"):
        rows_of(harness, llama, tokenizer, parquet("piqa"))
