import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived, Work
from knowcost.compress.methods.magnitude import Magnitude, count_zeros, thresholds
from knowcost.models import checkpoint
from knowcost.models.checkpoint import from_array
from knowcost.spec.variants import parse

LEVELS = [10, 20, 30, 40, 50, 60, 70, 80, 90]
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def stored(name, tensor):
    """A checkpoint.Tensor of a torch tensor."""
    raw = tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
    return from_array(name, DTYPES[tensor.dtype], raw)


def ours(weights, level):
    """{name: pruned torch tensor}, through thresholds and masking."""
    tensors = [stored(name, weights[name]) for name in sorted(weights, key=checkpoint.natural)]
    method, step = Magnitude(), parse(f"magnitude-{level}@overall").steps[0]
    cuts = thresholds({"overall": (tensors, LEVELS)})["overall"]
    work = Work(None, {}, None, cuts={str(step): cuts[str(level)]})
    cut = method.prepare(step, {t.name: t for t in tensors}, work)
    pruned = {}
    for tensor in tensors:
        (made,) = method.compress(tensor, cut)
        raw = torch.from_numpy(made.whole().reshape(made.shape))
        pruned[tensor.name] = raw.view(torch.bfloat16) if tensor.dtype == "BF16" else raw
    return pruned


def torchs(weights, level):
    """The same by torch.nn.utils.prune.global_unstructured, in memory."""
    modules = {name: torch.nn.Linear(w.shape[1], w.shape[0], bias=False) for name, w in weights.items()}
    for name, module in modules.items():
        module.weight = torch.nn.Parameter(weights[name].clone())
    prune.global_unstructured([(m, "weight") for m in modules.values()], prune.L1Unstructured, amount=level / 100)
    return {name: module.weight.detach() for name, module in modules.items()}


def assert_agree(weights, level):
    mine, theirs = ours(weights, level), torchs(weights, level)
    assert sum((m == 0).sum() for m in mine.values()) == sum((t == 0).sum() for t in theirs.values())
    everything = torch.cat([w.float().abs().flatten() for w in weights.values()])
    k = round(level / 100 * len(everything))
    threshold = torch.sort(everything).values[k - 1] if k else torch.tensor(-1.0)
    for name, weight in weights.items():
        differ = (mine[name] == 0) != (theirs[name] == 0)
        assert (weight[differ].float().abs() == threshold).all()
        kept = mine[name] != 0
        assert torch.equal(mine[name][kept], weight[kept])


@st.composite
def weight_sets(draw):
    """One to four matrices of one float type: continuous, coarse (many ties), with zeros, or all alike."""
    dtype = draw(st.sampled_from(list(DTYPES)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    weights = {}
    for i in range(draw(st.integers(1, 4))):
        w = torch.randn(draw(st.integers(1, 12)), draw(st.integers(1, 12)), generator=generator)
        kind = draw(st.sampled_from(["continuous", "coarse", "zeros", "constant"]))
        if kind == "coarse":
            w = (w * 2).round() / 2
        elif kind == "zeros":
            w[torch.rand(w.shape, generator=generator) < 0.5] = 0
        elif kind == "constant":
            w = torch.full_like(w, 0.25)
        weights[f"layers.{i * 5}.weight"] = w.to(dtype)
    return weights


@settings(max_examples=150, deadline=None)
@given(weight_sets(), st.sampled_from(LEVELS))
def test_zero_count_is_torch_s_and_masks_differ_only_at_the_threshold(weights, level):
    assert_agree(weights, level)


@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("level", LEVELS)
def test_larger_tensors_in_several_blocks(dtype, level, monkeypatch):
    monkeypatch.setattr(checkpoint, "BLOCK", 1000)
    torch.manual_seed(0)
    assert_agree({f"layers.{i}.weight": torch.randn(40, 60 + i).to(dtype) for i in range(4)}, level)


def test_mixed_types_are_compared_by_value():
    torch.manual_seed(0)
    weights = {"a.weight": torch.randn(30, 30).half(), "b.weight": torch.randn(30, 30)}
    mine = ours(weights, 50)
    everything = torch.cat([w.float().abs().flatten() for w in weights.values()]).sort().values
    for name, weight in weights.items():
        assert torch.equal(mine[name] == 0, weight.float().abs() <= everything[899])


def test_ties_go_in_the_documented_order():
    # Six equal weights, half to go: layer 2 comes before layer 10, and rows before later rows.
    weights = {"layers.10.weight": torch.full((1, 4), 0.5), "layers.2.weight": torch.full((2, 1), -0.5)}
    pruned = ours(weights, 50)
    assert pruned["layers.2.weight"].tolist() == [[0], [0]]
    assert pruned["layers.10.weight"].tolist() == [[0, 0.5, 0.5, 0.5]]


@pytest.mark.parametrize("dtype", list(DTYPES))
def test_zeros_of_both_signs_are_counted(dtype):
    values = torch.tensor([0.0, -0.0, 1.0, -1.0, torch.finfo(dtype).smallest_normal], dtype=dtype)
    assert count_zeros(stored("a", values)) == int((values == 0).sum()) == 2


def test_all_levels_come_from_one_pass_over_16_bit_weights():
    reads = []
    values = np.random.default_rng(0).normal(size=5000).astype(np.float16)
    tensor = checkpoint.Tensor("w", "F16", (50, 100), lambda: reads.append(1) or iter([values]))
    thresholds({"attention": ([tensor], LEVELS), "overall": ([tensor], LEVELS)})
    assert len(reads) == 1


def test_k_is_rounded_as_torch_rounds_it():
    # round(0.5 * 5) is 2: half to even. One more would be a different archive.
    assert sum((w == 0).sum() for w in ours({"a.weight": torch.arange(1.0, 6).reshape(1, 5)}, 50).values()) == 2


def check(zeros, rounded=False, weight=None):
    """Magnitude.verify of a step that promises 4 zeros of 10; weight: before it."""
    before = stored("a.weight", torch.arange(1.0, 11).reshape(2, 5) if weight is None else weight)
    step = parse("magnitude-40@overall").steps[0]
    cut = thresholds({"overall": ([before], [40])})["overall"]["40"]
    assert (cut["n"], cut["k"]) == (10, 4)
    Magnitude().verify(step, {"a.weight": before}, Archived({"a.weight": before}, {"a.weight": zeros}, rounded), cut)


@pytest.mark.parametrize("zeros", [0, 3, 5, 10])
def test_an_archive_with_fewer_or_more_zeros_than_promised_is_refused(zeros):
    check(4)
    with pytest.raises(BrokenPromise, match=f"{zeros} zeros in the archive, expected 4"):
        check(zeros)


def test_rounding_may_leave_more_zeros_and_never_fewer():
    for zeros in (4, 5, 10):
        check(zeros, rounded=True)
    with pytest.raises(BrokenPromise, match="3 zeros, expected at least 4"):
        check(3, rounded=True)


def test_as_many_zeros_as_there_were_before_are_fine():
    six = torch.tensor([0.0, 0, 0, -0.0, 0, 0, 1, 2, 3, 4]).reshape(2, 5)
    check(6, weight=six)
    for zeros in (5, 7):
        with pytest.raises(BrokenPromise, match=f"{zeros} zeros in the archive, expected 6"):
            check(zeros, weight=six)


@pytest.mark.parametrize("columns", [4, 6])
def test_thresholds_of_a_scope_of_another_size_are_refused(columns):
    """Ten weights had been there when they were taken."""
    step = parse("magnitude-40@overall").steps[0]
    cut = thresholds({"overall": ([stored("a.weight", torch.arange(1.0, 11).reshape(2, 5))], [40])})["overall"]["40"]
    other = stored("a.weight", torch.arange(1.0, 2 * columns + 1).reshape(2, columns))
    with pytest.raises(BrokenPromise, match=f"taken over 10 weights, the scope has {2 * columns}"):
        Magnitude().prepare(step, {"a.weight": other}, Work(None, {}, None, cuts={str(step): cut}))
