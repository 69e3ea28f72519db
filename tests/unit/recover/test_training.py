"""Training beside a frozen model: the loss, the rate, what is kept, and going on after a kill."""

import math

import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from helpers import recovering, tiny
from helpers.recovering import make, words, work
from transformers import get_linear_schedule_with_warmup

from knowcost.common import seal
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.recover import adapters, data, losses, memory, state, training
from knowcost.recover.method import Settings


def files(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir()) if path.is_file()}


def curve(folder):
    return pq.read_table(folder / "out" / "training.parquet").to_pydict()


def settings(**given):
    return Settings(**recovering.SETTINGS | given)


def test_the_rate_rises_over_the_warmup_and_falls_to_zero():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=2e-4)
    schedule = get_linear_schedule_with_warmup(optimizer, 50, 1000)
    theirs = []
    for _ in range(1001):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    ours = [training.rate(step, 1000, settings(learning_rate=2e-4, warmup=50)) for step in range(1000)]
    assert ours[:50] == pytest.approx(theirs[1:51])  # no batch is spent on a rate of zero
    assert ours[50:] == pytest.approx(theirs[50:1000])


def test_the_warmup_takes_a_tenth_of_few_batches_at_most():
    few = [training.rate(step, 20, settings(learning_rate=1.0, warmup=500)) for step in range(20)]
    assert few[:3] == [0.5, 1.0, 1.0] and few[-1] == pytest.approx(1 / 18)
    assert training.rate(0, 1, settings(learning_rate=1.0)) == 1.0


def test_the_loss_of_kl_is_the_divergence_from_the_dense_model():
    generator = torch.Generator().manual_seed(0)
    wanted, ours = (torch.randn(5, 7, generator=generator) for _ in range(2))
    p, q = wanted.softmax(-1), ours.softmax(-1)
    by_hand = sum(float(p[i, v] * math.log(p[i, v] / q[i, v])) for i in range(5) for v in range(7)) / 5
    assert float(losses.divergence(wanted, ours)) == pytest.approx(by_hand, rel=1e-5)
    assert float(losses.divergence(wanted, wanted)) == pytest.approx(0, abs=1e-6)


def test_the_dense_model_is_matched_at_the_positions_that_the_loss_counts(tmp_path):
    made = work(tmp_path, "opt", "prompt-3-kl", words(length=[5, 9] * 6), join=False, validation=1)
    beside = adapters.prompt_beside(made)
    windows = data.read(made, 3)
    run = training.Training(beside, made, windows, made.dense())
    batch = next(b for b in map(windows.batch, range(99)) if "attention_mask" in b.inputs)
    with torch.no_grad():
        ours = F.log_softmax(beside(**batch.inputs).logits[:, 3:], -1)
        theirs = F.log_softmax(made.dense()(**batch.inputs).logits, -1)
        by_row = (theirs.exp() * (theirs - ours)).sum(-1)
        lengths = batch.inputs["attention_mask"].sum(dim=1).tolist()
        counted = [by_row[row, : length - 1] for row, length in enumerate(lengths)]
        assert float(run.loss(batch)) == pytest.approx(float(torch.cat(counted).mean()), rel=1e-5)


@pytest.mark.parametrize("kind", ["llama", "t5", "bert"])
def test_the_first_loss_and_perplexity_are_those_of_the_model_itself(tmp_path, kind):
    made = work(tmp_path, kind, "lora-r2", tokens=40, validation=3)
    windows = data.read(made)
    plain, losses_of = made.model, []
    with torch.no_grad():
        for batch in windows.validation():
            logits = plain(**batch.inputs).logits
            losses_of += F.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none")[
                batch.labels != -100
            ].tolist()
        first = windows.batch(0)
        loss = F.cross_entropy(plain(**first.inputs).logits.transpose(1, 2), first.labels)
    make(made)
    found = curve(tmp_path)
    assert found["step"] == [0, 1] and found["tokens"] == [0, 40] and found["loss"][0] is None
    assert found["validation_perplexity"][0] == pytest.approx(math.exp(sum(losses_of) / len(losses_of)), rel=1e-5)
    assert found["loss"][1] == pytest.approx(float(loss), rel=1e-5)
    assert [math.exp(x) for x in found["validation_loss"]] == pytest.approx(found["validation_perplexity"])


def test_with_kl_the_nearest_to_the_dense_model_is_kept(tmp_path):
    made = work(tmp_path, "llama", "lora-r4-kl", tokens=1600)
    about, found = make(made).about, curve(tmp_path)
    lowest = min(found["validation_loss"][1:])
    assert about["kept_step"] == found["step"][found["validation_loss"].index(lowest)]
    dense, model = made.dense(), tiny.model("llama")
    with torch.no_grad():
        apart = []
        for batch in data.read(made).validation():
            ours, theirs = (F.log_softmax(m(**batch.inputs).logits[:, :-1], -1) for m in (model, dense))
            apart += (theirs.exp() * (theirs - ours)).sum(-1).flatten().tolist()
    assert found["validation_loss"][0] == pytest.approx(sum(apart) / len(apart), rel=1e-4)
    assert lowest < found["validation_loss"][0]


def test_it_learns_and_keeps_what_predicted_best(tmp_path):
    made = work(tmp_path, "llama", "lora-r4", ["w1 w2 w3 w4 w5 w6"] * 80, tokens=1600, learning_rate=3e-2)
    about = make(made).about
    found = curve(tmp_path)
    assert about["steps"] == 40 and found["step"] == [0, *range(4, 41, 4)]
    assert found["validation_perplexity"][-1] < 0.9 * found["validation_perplexity"][0]
    best = min(range(1, 11), key=lambda row: found["validation_perplexity"][row])
    assert about["kept_step"] == found["step"][best]
    assert about["validation_perplexity"] == found["validation_perplexity"][best]


def test_the_best_is_stored_where_later_steps_are_worse(tmp_path, monkeypatch):
    """The rate is right for four steps, then much too high."""
    rates = [1e-2] * 4 + [3.0] * 8
    monkeypatch.setattr(training, "rate", lambda step, *_: rates[step])
    made = work(tmp_path, "llama", "lora-r4", ["w1 w2 w3 w4 w5 w6"] * 80)
    about = make(made).about
    assert 1 <= about["kept_step"] <= 4
    model = tiny.model("llama")
    adapters.inject(model, tmp_path / "out")
    windows = data.read(made)
    with torch.no_grad():
        scored = [losses.scored(model, batch, {}) for batch in windows.validation()]
    mean = F.cross_entropy(torch.cat([s[0] for s in scored]), torch.cat([s[1] for s in scored]))
    assert math.exp(mean) == pytest.approx(about["validation_perplexity"], rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "recovery"),
    [("llama", "lora-r2"), ("bert", "lora-r2"), ("t5", "prompt-3"), ("opt", "prefix-3"), ("opt", "prompt-3-kl")],
)
def test_a_training_that_was_killed_goes_on_to_the_same_bytes(tmp_path, monkeypatch, kind, recovery):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    make(work(whole, kind, recovery))
    batch, taken = data.Windows.batch, []

    def dies(windows, step):
        taken.append(step)
        if step == 7 and len(taken) < 9:
            raise KeyboardInterrupt
        return batch(windows, step)

    monkeypatch.setattr(data.Windows, "batch", dies)
    with pytest.raises(KeyboardInterrupt):
        make(work(killed, kind, recovery))
    assert files(killed) == {}
    make(work(killed, kind, recovery))
    assert taken[8] == 6  # behind the last state
    assert files(killed) == files(whole) and len(files(whole)) == 4


def test_a_state_of_other_settings_or_a_damaged_one_begins_anew(tmp_path, monkeypatch):
    def torn(folder):
        (folder / state.FILE).write_bytes(b"torn")

    def sealed(folder):
        torn(folder)
        seal.seal(folder / state.FILE)

    for number, spoil in enumerate((lambda _: None, torn, sealed)):
        folder = tmp_path / str(number)
        monkeypatch.setattr(training, "PARTS", 12)
        made = work(folder, "llama", "lora-r2")
        make(made)
        spoil(made.state)
        other = work(folder, "llama", "lora-r2", seed=1 if number == 0 else 0)
        steps = []
        batch = data.Windows.batch
        monkeypatch.setattr(data.Windows, "batch", lambda w, step, b=batch, s=steps: (s.append(step), b(w, step))[1])
        make(other)
        assert steps[0] == 0


def test_a_loss_that_is_no_number_stops_and_keeps_nothing(tmp_path, monkeypatch):
    made = work(tmp_path, "llama", "lora-r2")
    rates = [1e-2] * 5 + [float("inf")] * 9
    monkeypatch.setattr(training, "rate", lambda step, *_: rates[step])
    with pytest.raises(InputError, match=r"'lora-r2': the loss .*nan.* step [67] of 12; .*recovery\.learning_rate"):
        make(made)
    assert not files(tmp_path) and not list(made.state.iterdir())


def test_a_frozen_weight_that_changes_is_no_recovery(tmp_path, monkeypatch):
    made = work(tmp_path, "llama", "lora-r2", tokens=40)
    take = training.Training._take

    def spoil(run, *given):
        made.model.lm_head.weight.data[3, 3] += 1
        return take(run, *given)

    monkeypatch.setattr(training.Training, "_take", spoil)
    with pytest.raises(BrokenPromise, match="frozen"):
        make(made)


def test_a_parameter_without_a_gradient_is_no_recovery(tmp_path):
    made = work(tmp_path, "t5", "prompt-3")
    beside = adapters.prompt_beside(made)
    table = beside.prompt_encoder["default"].embedding
    table.weight = torch.nn.Parameter(torch.cat([table.weight, table.weight]).detach())
    beside.prompt_tokens["default"] = torch.arange(6)  # as PEFT's own for two stacks, of which it reads the first
    with pytest.raises(BrokenPromise, match="no gradient"):
        training.train(beside, made, tmp_path / "out", 3)


@pytest.mark.parametrize("kind", ["llama", "t5", "bert"])
def test_blocks_that_compute_twice_give_the_same_bytes(tmp_path, monkeypatch, kind):
    made = [work(tmp_path / name, kind, "lora-r2") for name in "ab"]
    abouts = [make(made[0]).about]
    monkeypatch.setattr(memory, "LIMIT_GB", 0)
    abouts.append(make(made[1]).about)
    assert [about["blocks_twice"] for about in abouts] == [False, True]
    a, b = files(tmp_path / "a"), files(tmp_path / "b")
    assert a["adapter_model.safetensors"] == b["adapter_model.safetensors"]
    assert a["training.parquet"] == b["training.parquet"]


def test_prefixes_never_compute_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "LIMIT_GB", 0)
    assert make(work(tmp_path, "llama", "prefix-3", tokens=80)).about["blocks_twice"] is False
