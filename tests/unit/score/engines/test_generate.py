"""What models write, against plain transformers' greedy generation, one prompt at a time without padding."""

import copy
from dataclasses import replace

import pytest
import torch
import transformers
from helpers import tiny, written
from helpers.asking import PLAN, respondent, rows_of
from helpers.questions import make_llama, make_t5, word_tokenizer
from helpers.virtual import Prepended, virtual
from helpers.written import (
    NEW,
    STORIES,
    TURNS,
    WORDS,
    batches,
    by_hand,
    counting_down,
    messages,
    plain,
    tokenizer,
)

from knowcost.common.errors import InputError
from knowcost.recover import prompted
from knowcost.recover.dynamic import Dynamic
from knowcost.score import ask as asking
from knowcost.score.engines import generate
from knowcost.score.places import ALL
from knowcost.score.plan import Sampling
from knowcost.spec.architectures import family_of

WRITE = [kind for kind in tiny.EVERY if not kind.endswith("-tied") and family_of(kind) != "encoder"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tokenizer of 120 words, a benchmark of conversations and one of summaries."""
    folder = tmp_path_factory.mktemp("written")
    tiny.save_tokenizer(folder / "plain")
    written.conversation(folder / "conversation.parquet", new_tokens=NEW)
    written.summary(folder / "summary.parquet", new_tokens=NEW)
    return folder


def chat(*messages):
    """CHAT, of a user's messages and answers by turns."""
    return " ".join(f"{('w40', 'w41')[i % 2]} {each}" for i, each in enumerate(messages)) + " w42"


@pytest.mark.parametrize("kind", WRITE)
def test_what_pads_a_short_prompt_changes_nothing(place, kind):
    model, words = plain(kind), tokenizer(place, WORDS)
    rows, _ = rows_of(generate, model, words, messages(place, *STORIES[:2], new_tokens=3))
    assert rows["tokens"][0].as_py() == by_hand(model, words, STORIES[0], 3)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_turn_by_turn(place, kind):
    model, words = plain(kind), tokenizer(place)
    rows, about = rows_of(generate, model, words, place / "conversation.parquet", limit=3)
    expected = []
    for first, *later in TURNS[:3]:
        expected.append(by_hand(model, words, chat(first)))
        said = words.decode(expected[-1], skip_special_tokens=True)
        expected += [by_hand(model, words, chat(first, said, each)) for each in later]
    assert rows["tokens"].to_pylist() == expected
    assert rows["id"].to_pylist() == ["q0", "q0", "q1", "q1", "q2"] and rows["turn"].to_pylist() == [1, 2, 1, 2, 1]
    assert about["asked"] == 5 and about["truncated"] == 0 and about["not_finite"] == 0


def test_why_an_answer_ended_and_what_of_it_is_text(place):
    path = messages(place, "w50 w3", "w0", "w2", "w4", "w90 w91 w92 w60")
    with counting_down(plain("llama")) as model:
        rows, _ = rows_of(generate, model, tokenizer(place, WORDS), path)
    found = list(zip(*(rows[name].to_pylist() for name in ("text", "tokens", "ended")), strict=True))
    assert found == [
        ("w2 w1 w0", [8, 7, 6, 5], "ended"),
        ("", [5], "ended"),
        ("w1 w0", [7, 6, 5], "ended"),
        ("w3 w2 w1 w0", [9, 8, 7, 6], "length"),
        ("w59 w58 w57 w56", [65, 64, 63, 62], "length"),
    ]
    assert rows["prompt_tokens"].to_pylist() == [2, 1, 1, 1, 4] and rows["cut"].to_pylist() == [0] * 5
    assert rows["relation"].to_pylist() == ["writing", "maths"] * 2 + ["writing"]
    assert all(0 < each < 5 for each in rows["seconds"].to_pylist())


def test_the_checkpoint_s_end_tokens_end_an_answer_too(place):
    """A template's end of a turn is an end token in generation_config.json alone."""
    with counting_down(plain("llama")) as model:
        model.generation_config = transformers.GenerationConfig(eos_token_id=[2, 8])
        rows, _ = rows_of(generate, model, tokenizer(place, WORDS), messages(place, "w4", "w1", "w9"))
    assert rows["tokens"].to_pylist() == [[9, 8], [6, 5], [14, 13, 12, 11]]
    assert model.generation_config.eos_token_id == [2, 8]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"generated_tokens": 14}, [((1, 9), 1), ((2, 2), 0), ((1, 1), 1)]),  # 13 with the tokens to come; twice 6, 5
        ({"prompts": 2}, [((2, 9), 0), ((2, 1), 1)]),
        ({"one_length": True}, [((1, 9), 1), ((1, 2), 1), ((2, 1), 1)]),
        ({"generated_tokens": 1}, [((1, 9), 1), ((1, 2), 1), ((1, 1), 1), ((1, 1), 1)]),
    ],
)
def test_batches(place, plan, expected):
    path = messages(place, "w1", "w2 w3", " ".join(["w4"] * 9), "w5")
    model = plain("llama")
    with batches(model) as found:
        rows, about = rows_of(generate, model, tokenizer(place, WORDS), path, **plan)
    assert found == expected
    assert rows["id"].to_pylist() == ["q0", "q1", "q2", "q3"]
    assert (
        about["batch_plan"]
        == {
            "generated_tokens": f"own loop, batches of at most {plan.get('generated_tokens')} tokens",
            "prompts": "own loop, batch size 2",
            "one_length": "own loop, batches of at most 4096 tokens, prompts of one length",
        }[next(iter(plan))]
    )


def test_learned_positions_of_an_encoder_stay_where_padding_is(place):
    """BART counts them from the first token, padding or not."""
    model = plain("bart")
    with torch.no_grad():
        model.model.encoder.embed_positions.weight *= 100
    path = messages(place, *STORIES, new_tokens=NEW)
    rows, _ = rows_of(generate, model, tokenizer(place, WORDS), path)
    assert rows["tokens"].to_pylist() == [by_hand(model, tokenizer(place), each) for each in STORIES]


def greedily(model, ids, new):
    """The greedy answer by one pass over everything for every token, without a cache."""
    said = []
    for _ in range(new):
        with torch.no_grad():
            if model.config.is_encoder_decoder:
                read = torch.tensor([[model.config.decoder_start_token_id, *said]])
                logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=read).logits
            else:
                logits = model(torch.tensor([[*ids, *said]])).logits
        said.append(int(logits[0, -1].argmax()))
        if said[-1] == 1:
            break
    return said


ASKED = ["capital of Italy", "is Oslo a city in Norway , not in France ?", "Bonn", "is the capital"]


@pytest.mark.parametrize("make", [make_llama, make_t5])
def test_behind_virtual_tokens(make, tmp_path):
    model = make()
    virtual(model, "prompt", tmp_path, 5)
    by_torch, served = Prepended(model, tmp_path), copy.deepcopy(model)
    prompted.put_prompt(served, tmp_path)
    words = word_tokenizer()
    words.chat_template = WORDS
    path = messages(tmp_path, *ASKED, new_tokens=6)
    with batches(served) as found:
        rows, _ = rows_of(generate, served, words, path, virtual_tokens=5)
    assert rows["tokens"].to_pylist() == [greedily(by_torch, words(each)["input_ids"], 6) for each in ASKED]
    sizes = [each for each, _ in found]
    assert sizes == ([(4, 11)] if model.config.is_encoder_decoder else [(1, 11), (2, 3), (1, 1)])


@pytest.mark.parametrize("per_layer", [False, True])
def test_dynamic_prompts_are_chosen_by_what_is_asked(per_layer, tmp_path):
    model, draw = make_llama(positions=128), torch.Generator().manual_seed(4)
    near = model.get_input_embeddings().weight[9].detach()
    vectors = {size: near + 0.5 * torch.randn(size, 32, generator=draw) for size in (3, 5)}
    chooser = Dynamic(served := copy.deepcopy(model), list(vectors.values()), per_layer)
    words = word_tokenizer()
    words.chat_template = WORDS
    rows, _ = rows_of(generate, served, words, messages(tmp_path, *ASKED, new_tokens=6), virtual_tokens=5)
    for text, row in zip(ASKED, rows.to_pylist(), strict=True):
        ids = words(text)["input_ids"]
        with torch.no_grad():
            served(torch.tensor([ids]))
        assert row["chosen"] == chooser.chosen()[0] and len(row["chosen"]) == (2 if per_layer else 1)
        if not per_layer:
            assert row["tokens"] == greedily(Behind(model, vectors[row["chosen"][0]]), ids, 6)


class Behind:
    """A model that reads an embedded prompt before what it is given."""

    def __init__(self, model, prompt):
        self.model, self.config, self.prompt = model, model.config, prompt[None]

    def __call__(self, ids):
        return self.model(inputs_embeds=torch.cat([self.prompt, self.model.get_input_embeddings()(ids)], dim=1))


def test_who_cannot_write_is_refused(place):
    with pytest.raises(InputError, match="BertForMaskedLM cannot write texts"):
        rows_of(generate, tiny.model("bert"), tokenizer(place), place / "conversation.parquet")
    endless = copy.deepcopy(tokenizer(place))
    endless.eos_token = None
    with pytest.raises(InputError, match="no token ends a text"):
        rows_of(generate, plain("llama"), endless, place / "conversation.parquet")


def test_a_template_that_fails_at_the_second_turn_fails_before_the_first_is_asked(place):
    model = plain("llama")
    words = tokenizer(place, "{% if messages | length > 1 %}{{ raise_exception('one turn alone') }}{% endif %}w1")
    with batches(model) as found, pytest.raises(InputError, match=r"conversation\.parquet: .* one turn alone"):
        rows_of(generate, model, words, place / "conversation.parquet")
    assert not found


def test_a_message_without_a_token_is_dropped(place):
    words = tokenizer(place, None)
    path = written.conversation(place / "blank.parquet", [["\n", "w3"], ["w1"]], new_tokens=2)
    rows, about = rows_of(generate, plain("t5"), words, path)
    assert rows["id"].to_pylist() == ["q1"] and about["dropped"] == {"no_tokens": 1} and about["asked"] == 1


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_model_that_computes_no_numbers_is_said_and_not_fatal(place, caplog, temperature):
    model = plain("llama").half()
    with torch.no_grad():
        model.lm_head.weight[40:] = torch.inf  # NaN where the states have both signs
    path = place / "conversation.parquet"
    rows, about = rows_of(generate, model, tokenizer(place), path, sampling=Sampling(temperature, 0.9))
    assert about["not_finite"] == len(rows) == 9
    assert "9 of 9 answers: the model computes no finite numbers" in caplog.text


def test_a_model_that_computes_numbers_to_the_end_of_its_answer_is_finite(place):
    """What it computes behind the end, while others in the batch go on, is no answer."""
    with counting_down(plain("llama")) as model:

        def break_after_end(_, args, kwargs, output):
            output.logits[kwargs["input_ids"][:, -1] == 0] = torch.nan
            return output

        model.register_forward_hook(break_after_end, with_kwargs=True)
        _, about = rows_of(generate, model, tokenizer(place, WORDS), messages(place, "w0", "w9"))
    assert about["not_finite"] == 0


def test_the_metadata_tell_how_texts_were_drawn(place):
    sampling = Sampling(0.7, 0.9, 3)
    _, about = rows_of(generate, plain("llama"), tokenizer(place), place / "conversation.parquet", sampling=sampling)
    assert about["sampling"] == {"temperature": 0.7, "top_p": 0.9, "seed": 3}
    assert about["template"] == "the tokenizer's" and about["limit"] is None and about["new_tokens"] == NEW
    _, other = rows_of(generate, plain("t5"), tokenizer(place, None), place / "conversation.parquet")
    assert other["template"] == "none" and other["prompts_sha256"] != about["prompts_sha256"]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_asked_once_more_in_half_of_what_fits_into_memory(place, temperature):
    model, words = plain("llama"), tokenizer(place, WORDS)
    path = messages(place, *(f"w{i} w1 w2 w3 w4" for i in range(8)))
    plan = replace(PLAN, generated_tokens=128, sampling=Sampling(temperature))

    def check(_, args, kwargs):
        if kwargs["input_ids"].numel() > 36:  # of 128 tokens are 8 prompts of 5 with 4 to come, of 64 are 7
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(check, with_kwargs=True)
    rows, about = asking.ask(respondent(model, words), path, ALL, plan, twice=True)
    assert about["batch_plan"] == "own loop, batches of at most 64 tokens, halved when memory ran out"
    assert (rows["again"] == rows["text"]) == (temperature == 0)
    once, _ = asking.ask(respondent(model, words), path, ALL, plan)
    assert once["again"].null_count == 8 and once["text"] == rows["text"]
