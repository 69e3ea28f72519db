"""What models write, against plain transformers' greedy generation, one prompt at a time without padding."""

import pytest
import transformers
from helpers import tiny, written
from helpers.asking import rows_of
from helpers.written import STORIES, TURNS

from knowcost.score.engines import generate
from knowcost.spec.architectures import family_of

CHAT = "{% for m in messages %}{{ 'w40' if m.role == 'user' else 'w41' }} {{ m.content }} {% endfor %}w42"
WRITE = [kind for kind in tiny.EVERY if family_of(kind.removesuffix("-tied")) != "encoder"]
NEW = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tokenizer of 120 words, a benchmark of conversations and one of summaries."""
    folder = tmp_path_factory.mktemp("written")
    tiny.save_tokenizer(folder / "plain")
    written.conversation(folder / "conversation.parquet", new_tokens=NEW)
    written.summary(folder / "summary.parquet", new_tokens=NEW)
    return folder


def tokenizer(place, template=CHAT):
    made = transformers.AutoTokenizer.from_pretrained(place / "plain")
    made.chat_template = template
    return made


def plain(kind):
    """A tiny model as it is loaded: its generation_config says of tokens alone, and nothing that forces one."""
    model = tiny.model(kind)
    start = getattr(model.config, "decoder_start_token_id", None)
    model.generation_config = transformers.GenerationConfig(decoder_start_token_id=start)
    return model


def by_hand(model, tokenizer, text, new=NEW):
    """The tokens of the greedy answer to a prompt."""
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    made = model.generate(ids, max_new_tokens=new, do_sample=False, eos_token_id=5, pad_token_id=0)[0]
    return made[1 if model.config.is_encoder_decoder else ids.shape[1] :].tolist()


def chat(*messages):
    """CHAT, of a user's messages and answers by turns."""
    return " ".join(f"{('w40', 'w41')[i % 2]} {each}" for i, each in enumerate(messages)) + " w42"


@pytest.mark.parametrize("kind", WRITE)
def test_every_architecture_in_a_batch_of_several_lengths(place, kind):
    model, words = plain(kind), tokenizer(place, None)
    stories = [story for i, story in enumerate(STORIES) if i != 2]
    path = written.conversation(place / f"{kind}.parquet", [[each] for each in stories], new_tokens=4)
    words.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    rows, _ = rows_of(generate, model, words, path)
    assert rows["tokens"].to_pylist() == [by_hand(model, words, each, 4) for each in stories]


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
