"""Dynamic prompting against plain prompt tuning: one prompt, the one that was chosen, or any that is forced."""

import pytest
import torch
from helpers import tiny

from knowcost.common.errors import BrokenPromise, InputError
from knowcost.recover import dynamic
from knowcost.recover.dynamic import Dynamic
from knowcost.spec.architectures import architecture

LENGTHS = (3, 7)
DECODERS = [kind for kind in tiny.EVERY if architecture(kind.removesuffix("-tied")).family == "decoder"]
REACHED = [kind for kind in DECODERS if not architecture(kind.removesuffix("-tied")).own_attention]
LEARNED = ("opt", "gpt2")
FEW = ["llama", "qwen2", "gpt_neox", "opt", "gpt2"]


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def prompts(model, lengths=LENGTHS, seed=1):
    """About one of the vocabulary's vectors, so that inputs differ in which of them they attend to."""
    vectors = model.get_input_embeddings().weight
    draw = torch.Generator().manual_seed(seed)
    return [vectors[7] + 0.3 * torch.randn(length, vectors.shape[1], generator=draw) for length in lengths]


def sharp(kind):
    """A model whose attention is far from even."""
    model = tiny.model(kind)
    if kind in tiny.MODELS:
        for parameter in model.parameters():
            parameter *= 10 if parameter.dim() > 1 else 1
    return model


def texts(rows=4, width=9, seed=2):
    return torch.randint(6, 100, (rows, width), generator=torch.Generator().manual_seed(seed))


def alone(kind, prompt, ids, **inputs):
    """The logits of a text behind one prompt, as PEFT computes them: its vectors in front of the embedded text."""
    model = tiny.model(kind)
    embedded = torch.cat([prompt.expand(len(ids), -1, -1), model.get_input_embeddings()(ids)], dim=1)
    return model(inputs_embeds=embedded, use_cache=False, **inputs).logits[:, len(prompt) :]


def prompted(kind, chosen_from, per_layer):
    model = tiny.model(kind)
    return model, Dynamic(model, chosen_from, per_layer)


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("kind", REACHED)
def test_one_prompt_is_prompt_tuning(kind, per_layer):
    [prompt] = prompts(tiny.model(kind), [7])
    model, chooser = prompted(kind, [prompt], per_layer)
    torch.testing.assert_close(model(texts()).logits, alone(kind, prompt, texts()), atol=1e-5, rtol=1e-4)
    assert chooser.chosen() == [[7] * (2 if per_layer else 1)] * 4
    assert dynamic.of(model) is chooser and dynamic.of(tiny.model(kind)) is None


@pytest.mark.parametrize("kind", REACHED)
def test_the_chosen_prompt_gives_what_it_gives_alone(kind):
    found = prompts(tiny.model(kind))
    model, chooser = prompted(kind, found, per_layer=False)
    logits = model(texts()).logits
    for row, [length] in enumerate(chooser.chosen()):
        expected = alone(kind, found[LENGTHS.index(length)], texts()[[row]])[0]
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize("kind", REACHED)
def test_a_choice_by_hand_gives_the_single_prompt(kind, choice, monkeypatch):
    """The masked concatenation, its prompts right-aligned. With learned positions only the longest is exact."""
    found = prompts(tiny.model(kind))
    monkeypatch.setattr(dynamic, "_first_of_most", lambda means: torch.full((len(means),), choice))
    model, _ = prompted(kind, found, per_layer=True)
    logits, expected = model(texts()).logits, alone(kind, found[choice], texts())
    if kind in LEARNED and choice == 0:
        assert (logits - expected).abs().max() > 1e-3
        model, _ = prompted(kind, found, per_layer=False)
        logits = model(texts()).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("kind", FEW)
def test_two_equal_prompts_are_one(kind, per_layer):
    [prompt] = prompts(tiny.model(kind), [5])
    model, _ = prompted(kind, [prompt, prompt], per_layer)
    torch.testing.assert_close(model(texts()).logits, alone(kind, prompt, texts()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("kind", FEW)
def test_answers_have_no_say(kind, per_layer):
    """Whatever follows the context, context and choice are the same; without being told, what follows counts."""
    model = sharp(kind)
    chooser = Dynamic(model, prompts(model, (3, 5, 7)), per_layer)
    contexts, seen, told = texts(rows=24, width=6), [], []
    for seed in range(5):
        ids = torch.cat([contexts, texts(rows=24, width=4, seed=seed)], dim=1)
        with chooser.reading([6] * 24):
            told.append((model(ids).logits[:, :6], chooser.chosen()))
        model(ids)
        seen.append(chooser.chosen())
    model(contexts)
    assert all(chosen == chooser.chosen() for _, chosen in told)
    for logits, _ in told:
        torch.testing.assert_close(logits, told[0][0], atol=1e-5, rtol=1e-4)
    if kind not in LEARNED:  # whose choices hardly vary; else nothing was shown
        assert any(each != seen[0] for each in seen)


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", [*FEW, "gemma3_text"])
def test_padded_rows_give_what_they_give_alone(kind, side, per_layer):
    model, chooser = prompted(kind, prompts(tiny.model(kind)), per_layer)
    lengths = [9, 4, 6, 1]
    ids, mask = texts(), torch.zeros(4, 9, dtype=torch.long)
    for row, length in enumerate(lengths):
        inside = slice(9 - length, 9) if side == "left" else slice(length)
        mask[row, inside] = 1
    ids = ids * mask
    logits, chosen = model(input_ids=ids, attention_mask=mask).logits, chooser.chosen()
    for row in range(4):
        inside = mask[row].bool()
        expected = model(ids[row, inside][None]).logits[0]
        torch.testing.assert_close(logits[row, inside], expected, atol=1e-5, rtol=1e-4)
        assert chosen[row] == chooser.chosen()[0]


@pytest.mark.parametrize("per_layer", [True, False])
@pytest.mark.parametrize("kind", [*FEW, "mistral", "gemma3_text", "gpt_oss"])
def test_generation_is_the_plain_computation_token_by_token(kind, per_layer):
    """Prompts chosen at the beginning are kept: a growing cache gives what the whole text gives without one."""
    model, chooser = prompted(kind, prompts(tiny.model(kind)), per_layer)
    ids, mask = texts(rows=3, width=6), torch.ones(3, 6, dtype=torch.long)
    mask[1, :4] = 0
    made = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=5, do_sample=False, eos_token_id=None)
    chosen = chooser.chosen()
    for row in range(3):
        text = ids[row, mask[row].bool()][None]
        with chooser.reading([text.shape[1]]):
            for _ in range(5):
                step = model(text).logits[:, -1].argmax(-1, keepdim=True)
                assert chooser.chosen()[0] == chosen[row]
                text = torch.cat([text, step], dim=1)
        assert made[row, 6:].tolist() == text[0, -5:].tolist()


def test_a_text_cannot_go_on_without_its_beginning():
    model, _ = prompted("llama", prompts(tiny.model("llama")), per_layer=True)
    cache = model(texts(), use_cache=True).past_key_values
    model(texts(rows=2))
    with pytest.raises(BrokenPromise, match="no beginning"):
        model(texts(width=1), past_key_values=cache)


@pytest.mark.parametrize("kind", sorted(set(DECODERS) - set(REACHED)))
def test_a_model_whose_attention_is_its_own_is_refused(kind):
    with pytest.raises(InputError, match="0 of 2 blocks attend through transformers' attention interface"):
        prompted(kind, prompts(tiny.model(kind)), per_layer=True)


def test_what_is_cached():
    """Two layers, two heads of 8, keys and values, of 10 tokens."""
    _, chooser = prompted("llama", prompts(tiny.model("llama")), per_layer=True)
    assert chooser.cached == 2 * 2 * 2 * 8 * 10
    assert chooser.longest == 7


def test_a_model_that_computes_nan_takes_the_first():
    model, chooser = prompted("llama", prompts(tiny.model("llama")), per_layer=True)
    model.model.layers[0].self_attn.q_proj.weight.fill_(float("nan"))
    assert model(texts()).logits.isnan().all()
    assert chooser.chosen() == [[3, 3]] * 4
