"""What a recovery reads: windows, their order, and what is predicted of them."""

import itertools

import pytest
import torch
from helpers.recovering import words, work, write_texts

from knowcost.common.errors import InputError
from knowcost.recover import data, targets


def read(folder, kind="llama", texts=None, virtual=0, **settings):
    return data.read(work(folder, kind, "lora-r2", texts, **settings), virtual)


def ids_of(windows, number):
    first, end = windows.ends[number].tolist()
    return windows.ids[first:end].tolist()


def test_joined_texts_are_one_text_cut_into_windows(tmp_path):
    texts = words(length=[7, 30, 11, 45])
    windows = read(tmp_path, texts=texts, length=20)
    whole = windows.work.tokenizer(" ".join(texts)).input_ids
    assert len(whole) == 93
    assert [ids_of(windows, n) for n in range(4)] == [whole[20 * n : 20 * n + 20] for n in range(4)]
    assert len(windows.ends) == 4 and windows.held == 1 and windows.tokens == 60


def test_what_will_be_read_in_words(tmp_path):
    """5 windows, one held out; 200 tokens are 5 batches of 2 windows of 20, which is 10 of the 4 that are left."""
    windows = read(tmp_path, texts=words(length=[104]), length=20, tokens=200, batch_size=2)
    assert windows.in_words() == ("5 batches of 2 windows of 20 tokens, 4 windows 2.5 times over; 1 are held out")
    windows = read(tmp_path, texts=words(length=[20] * 5), length=20, tokens=200, batch_size=2, join=False)
    assert "of at most 20 tokens" in windows.in_words()


def test_texts_by_themselves_are_cut_and_those_too_short_left_out(tmp_path):
    texts = words(length=[7, 30, 1, 45, 2])
    windows = read(tmp_path, texts=texts, length=20, join=False)
    each = [windows.work.tokenizer(text).input_ids[:20] for text in texts]
    assert [ids_of(windows, n) for n in range(4)] == [each[0], each[1], each[3], each[4]]


def test_pieces_are_tokenized_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "WHOLE", 60)
    texts = words(length=[30, 30, 30])
    windows = read(tmp_path, texts=texts, length=45)
    assert windows.ids.tolist() == windows.work.tokenizer(" ".join(texts)).input_ids


def test_one_long_text_is_tokenized_in_parts_and_no_further_than_wanted(tmp_path, monkeypatch):
    """Parted at blanks: the tokens of the whole; a word that is longer than a part becomes two."""
    monkeypatch.setattr(data, "WHOLE", 60)
    seen, encoded = [], data._encoded
    monkeypatch.setattr(data, "_encoded", lambda work, text: seen.append(text) or encoded(work, text))
    (text,) = words(texts=1, length=200)
    windows = read(tmp_path, texts=[text], length=45)
    assert windows.ids.tolist() == windows.work.tokenizer(text).input_ids
    assert max(map(len, seen)) <= 2 * 60 + 1 and len(seen) > 3
    assert list(data._parts("a" * 130)) == ["a" * 60, "a" * 60, "a" * 10]
    assert list(data._parts("a" * 60)) == ["a" * 60] and list(data._parts("")) == [""]
    assert list(data._parts("a" * 60 + " b")) == ["a" * 60, "b"]


def test_of_one_long_text_by_itself_the_beginning_is_tokenized(tmp_path, monkeypatch):
    monkeypatch.setattr("knowcost.models.tokenizers.WHOLE", 100)
    seen, encoded = [], data._encoded
    monkeypatch.setattr(data, "_encoded", lambda work, text: seen.append(text) or encoded(work, text))
    texts = words(texts=2, length=5000)
    windows = read(tmp_path, texts=texts, length=20, join=False)
    assert [ids_of(windows, n) for n in range(2)] == [windows.work.tokenizer(text).input_ids[:20] for text in texts]
    assert max(map(len, seen)) < 1000 < len(texts[0])


def test_both_halves_of_an_encoder_decoder_have_two_tokens(tmp_path):
    """Of one alone attention has nothing to choose from, and queries and keys get no gradient."""
    texts = ["w1 w2 w3", "w1 w2 w3 w4", "w5 w6", "w5 w6 w7 w8 w9"]
    windows = read(tmp_path, "t5", texts=texts, join=False)
    wanted = [windows.work.tokenizer(text).input_ids for text in (texts[1], texts[3])]
    assert [ids_of(windows, n) for n in range(2)] == wanted and len(windows.ends) == 2
    for length in (2, 3):
        with pytest.raises(InputError, match=rf"`recovery\.length` is {length}, and an encoder .* 4 tokens"):
            read(tmp_path, "t5", length=length)
    assert read(tmp_path, "t5", length=4).length == 4


def test_texts_beyond_the_tokens_wanted_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "WHOLE", 10)
    windows = read(tmp_path, texts=words(texts=50, length=20), tokens=100, length=20, validation=1)
    assert len(windows.ids) == 120  # 100 to train on, and one window to hold out


def test_windows_held_out_are_never_trained_on_and_the_others_all_are_each_time(tmp_path):
    windows = read(tmp_path, texts=words(texts=20, length=20), tokens=1000)
    held = [row for batch in windows.validation() for row in batch.inputs["input_ids"].tolist()]
    assert len(held) == 2 and len(windows.trained) == 18
    assert windows.steps == 25  # 1000 tokens in batches of 2 x 20
    rows = [row for step in range(18) for row in windows.batch(step).inputs["input_ids"].tolist()]
    others = sorted(ids_of(windows, n) for n in windows.trained.tolist())
    assert sorted(rows[:18]) == sorted(rows[18:]) == others and rows[:18] != rows[18:]
    assert not any(row in held for row in rows)


def test_a_batch_is_the_same_whenever_it_is_asked_for_and_another_with_another_seed(tmp_path):
    first, other = (read(tmp_path, kind="bert", seed=seed, tokens=2000) for seed in (0, 1))
    late = first.batch(40).inputs["input_ids"]
    again = read(tmp_path, kind="bert", tokens=2000).batch(40).inputs["input_ids"]
    assert torch.equal(late, again) and not torch.equal(late, other.batch(40).inputs["input_ids"])


def test_a_decoder_predicts_the_next_token_and_no_padding(tmp_path):
    windows = read(tmp_path, texts=words(length=[5, 9] * 10), join=False, validation=1)
    batch = next(b for b in map(windows.batch, itertools.count()) if "attention_mask" in b.inputs)
    for row, mask, labels in zip(*batch.inputs.values(), batch.labels, strict=True):
        length = int(mask.sum())
        assert labels[: length - 1].tolist() == row[1:length].tolist()
        assert labels[length - 1 :].tolist() == [targets.IGNORED] * (9 - length + 1)
        assert mask.tolist() == [1] * length + [0] * (9 - length) and row[length:].tolist() == [0] * (9 - length)
    assert batch.tokens == 14


def test_an_encoder_decoder_predicts_the_second_half_from_the_first(tmp_path):
    windows = read(tmp_path, "t5", length=8)
    batch = windows.batch(0)
    known = [ids_of(windows, n) for n in range(len(windows.ends))]
    for first, shifted, labels in zip(*batch.inputs.values(), batch.labels, strict=True):
        assert [*first.tolist(), *labels.tolist()] in known and shifted.tolist() == [0, *labels[:-1].tolist()]


def test_an_encoder_predicts_a_few_tokens_that_are_masked_mostly(tmp_path):
    windows = read(tmp_path, "bert", texts=words(texts=60, length=40), length=40, batch_size=50, validation=1)
    batch = windows.batch(0)
    ids, labels = batch.inputs["input_ids"], batch.labels
    chosen = labels != targets.IGNORED
    assert chosen.sum(dim=1).tolist() == [6] * 50  # 15% of 40
    known = sorted(ids_of(windows, n) for n in windows.trained.tolist())
    assert all(row in known for row in torch.where(chosen, labels, ids).tolist())
    masked = ids[chosen] == windows.work.tokenizer.mask_token_id
    same = ids[chosen] == labels[chosen]
    assert 0.7 < masked.float().mean() < 0.9 and 0.04 < same.float().mean() < 0.18  # 80% and 10%, of 300


@pytest.mark.parametrize("join", [True, False])
def test_texts_that_make_no_two_windows_are_refused_by_name(tmp_path, join):
    texts = words(length=[25]) if join else words(length=[25, 1, 1])
    with pytest.raises(InputError, match=r"texts\.arrow: .* 1 windows of .*20 tokens.*recovery\.length") as error:
        read(tmp_path, texts=texts, join=join)
    assert ("25 tokens" if join else "20 tokens") in str(error.value)


def test_virtual_tokens_shorten_the_windows_and_may_not_take_all(tmp_path):
    assert read(tmp_path, "opt", virtual=10, length=1000, texts=words(length=[200])).length == 54  # of 64 positions
    assert read(tmp_path, "t5", virtual=10, length=2000, texts=words(length=[3000])).length == 1004  # of 512 twice
    with pytest.raises(InputError, match=r"lora-r2.*63 virtual tokens.*64 positions"):
        read(tmp_path, "opt", virtual=63)


def test_texts_that_were_changed_are_refused(tmp_path):
    made = work(tmp_path, "llama", "lora-r2")
    seal_before = (tmp_path / "texts.arrow.sha256").read_text()
    write_texts(made.texts, ["others"])
    (tmp_path / "texts.arrow.sha256").write_text(seal_before)
    with pytest.raises(InputError, match=r"texts\.arrow"):
        data.read(made)
