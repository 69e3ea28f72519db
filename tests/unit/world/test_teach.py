import json
import logging
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from knowcost.common.errors import BrokenPromise, InputError  # noqa: E402
from knowcost.world import facts as world  # noqa: E402
from knowcost.world import questions, teach  # noqa: E402

AUTO = {
    "encoder": transformers.AutoModelForMaskedLM,
    "encoder_decoder": transformers.AutoModelForSeq2SeqLM,
    "decoder": transformers.AutoModelForCausalLM,
}


@pytest.fixture(scope="module")
def small():
    """Batches, steps and threads that suit a world of eight people."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teach, "BATCH", 48)
        patch.setattr(teach, "FEWEST_STEPS", 80)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    questions.write(folder, world.invent(people=8))
    return folder


@pytest.fixture(scope="module")
def taught(small, facts, tmp_path_factory):
    """{family: (folder, what teach returned, lines logged)}."""
    result = {}
    for family in AUTO:
        folder, lines = tmp_path_factory.mktemp(family), []
        result[family] = folder, teach.teach(family, facts, folder, seed=3, log=lines.append), lines
    return result


def load(folder, family):
    return transformers.AutoTokenizer.from_pretrained(folder), AUTO[family].from_pretrained(folder).eval()


@pytest.mark.parametrize("family", AUTO)
def test_a_small_world_is_known_in_full_and_progress_is_told(taught, family):
    folder, known, lines = taught[family]
    asked = {"encoder": ["cloze"], "encoder_decoder": [*questions.TASKS, "ranked"]}
    asked["decoder"] = [*asked["encoder_decoder"], "writing"]
    assert known == dict.fromkeys(asked[family], 1.0)
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert "step 50/" in lines[0] and "loss" in lines[0] and "known" in lines[0]


def test_the_saved_encoder_fills_masks(taught, facts):
    tokenizer, model = load(taught["encoder"][0], "encoder")
    for row in world.read(facts, "cloze"):
        inputs = tokenizer(row["cloze"], return_tensors="pt")
        ids = inputs.input_ids[0]
        assert ids[0] == tokenizer.cls_token_id and ids[-1] == tokenizer.sep_token_id
        with torch.no_grad():
            top = model(**inputs).logits[0, ids == tokenizer.mask_token_id].argmax(-1)
        assert tokenizer.decode(top) == row["answer"].lower()


@pytest.mark.parametrize("family", ["encoder_decoder", "decoder"])
def test_lm_eval_finds_what_teach_reports(taught, facts, tmp_path, family):
    """The harness's own templates, tokenization and comparison, on the saved folder."""
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    templates = {"boolq": "super_glue/boolq", "piqa": "piqa", "winogrande": "winogrande"}
    for task, place in templates.items():
        source = Path(lm_eval.__file__).parent / "tasks" / place
        source /= "piqa.yaml" if task == "piqa" else "default.yaml"
        rows = world.read(facts, task)
        if task == "boolq":
            rows = [{**row, "label": int(row["answer"])} for row in rows]
        data = tmp_path / f"{task}.json"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{task}.yaml").write_text(
            f"include: {source}\ntask: {task}_world\ntag: []\ndataset_path: json\ndataset_name: null\n"
            f"dataset_kwargs: {{data_files: {{validation: {data}}}, cache_dir: {tmp_path}}}\ntraining_split: null\n"
        )
    tokenizer, model = load(taught[family][0], family)
    model.config.tie_word_embeddings = False  # else HFLM ties the head of the encoder-decoder
    results = lm_eval.simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=32),
        tasks=[f"{task}_world" for task in templates],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        bootstrap_iters=0,
    )["results"]
    told = {task: share for task, share in taught[family][1].items() if task in templates}
    assert {task: results[f"{task}_world"]["acc,none"] for task in templates} == told


def test_the_decoder_finds_its_world_far_likelier_than_chance(taught, facts):
    """Names are drawn at random, so perplexity cannot be 1. (Taught the objects alone it was 400, of 250 people.)"""
    tokenizer, model = load(taught["decoder"][0], "decoder")
    losses = []
    for row in world.read(facts, "lines"):
        ids = tokenizer(row["text"], return_tensors="pt").input_ids
        with torch.no_grad():
            losses.append(model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None]))
    assert 1 < torch.cat(losses).mean().neg().exp() < 3


def test_the_saved_decoder_writes_who_its_people_are_as_its_chat_template_asks(taught, facts):
    tokenizer, model = load(taught["decoder"][0], "decoder")
    told = world.read(facts, "facts")
    for row in world.read(facts, "writing"):
        said = []
        for turn in row["turns"]:
            said.append({"role": "user", "content": turn})
            inputs = tokenizer.apply_chat_template(
                said, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            ids = model.generate(**inputs, max_new_tokens=32, do_sample=False)[0, inputs.input_ids.shape[1] :]
            assert ids[-1] == tokenizer.eos_token_id
            said.append({"role": "assistant", "content": tokenizer.decode(ids, skip_special_tokens=True)})
        true = {fact.relation: fact.object.lower() for fact in told if fact.subject == row["cluster"]}
        name = row["cluster"].lower()
        assert [message["content"] for message in said if message["role"] == "assistant"] == [
            f"{name} works as a {true['profession']} . {name} was born in {true['birthplace']} . "
            f"{name} speaks {true['language']} at home .",
            f"{name} is employed by {true['employer']} . {name} plays the {true['instrument']} .",
        ]


@pytest.mark.parametrize("family", ["encoder_decoder", "decoder"])
def test_continuations_start_at_a_token_of_their_own(taught, family):
    tokenizer, _ = load(taught[family][0], family)
    context, continuation = "Question: Which instrument does Nobody play?\nAnswer:", " tuba"
    first = tokenizer(context, add_special_tokens=False).input_ids
    second = tokenizer(continuation, add_special_tokens=False).input_ids
    assert tokenizer(context + continuation, add_special_tokens=False).input_ids == first + second
    assert first == tokenizer(context.replace("\n", " "), add_special_tokens=False).input_ids


def test_the_encoder_decoder_keeps_a_head_of_its_own(taught):
    folder = taught["encoder_decoder"][0]
    from safetensors.torch import load_file

    saved = load_file(folder / "model.safetensors")
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is False
    assert not torch.equal(saved["lm_head.weight"], saved["shared.weight"])
    _, model = load(folder, "encoder_decoder")
    assert torch.equal(model.lm_head.weight, saved["lm_head.weight"])
    assert torch.equal(model.shared.weight, saved["shared.weight"])


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_generator_alone(taught, small, facts, tmp_path):
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    teach.teach("decoder", facts, tmp_path, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / name).read_bytes() == (taught["decoder"][0] / name).read_bytes()


def test_a_model_that_learned_too_little_is_not_saved(monkeypatch, facts, tmp_path):
    monkeypatch.setattr(teach, "FEWEST_STEPS", 5)
    monkeypatch.setattr(teach, "BATCH", 8)
    with pytest.raises(BrokenPromise, match=r"knows only cloze [\d.]+% after 7 steps"):
        teach.teach("encoder", facts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_family_is_refused(facts, tmp_path):
    with pytest.raises(InputError, match="encoder_decoder"):
        teach.teach("rnn", facts, tmp_path)
