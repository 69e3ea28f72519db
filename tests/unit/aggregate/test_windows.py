"""Claims about windows of texts: what is compared, beside scipy's t test, and verdicts on the recovery paper's two."""

import numpy as np
import pandas as pd
import pytest
from helpers.groups import group
from scipy import stats

from knowcost.aggregate import verdicts, windows
from knowcost.papers.claim import ATTENTION, PERPLEXITY
from knowcost.papers.forget_knowledge import claims

GPTQ = "gptq-3bit@overall"
SHORT, LONG, LORA = f"{GPTQ}^prompt-26", f"{GPTQ}^prompt-100", f"{GPTQ}^lora-r4"
STEPS = np.array([-3.0, -2, -1, 0, 0, 1, 2, 3])  # no skew: the interval is that of the t test


def text(variant, bits, tokens=10, model="m", benchmark="c4"):
    """A cell of perplexity; bits: the negative log-likelihood of each window, in hundredths of a nat per token."""
    rows = {"id": [str(place) for place in range(len(bits))], "logprob": -np.asarray(bits) * tokens / 100,
            "tokens": tokens}  # fmt: skip
    about = {"family": "decoder", "model": model, "benchmark": benchmark, "variant": variant}
    return about | {"rows": pd.DataFrame(rows)}


def layer(variant, cosines):
    """A cell of similarity with two layers, of which the second is 0.1 farther."""
    rows = [{"id": str(window), "tokens": 10, "layer": place + 1, "attention": each - 0.1 * place}
            for window, each in enumerate(cosines) for place in range(2)]  # fmt: skip
    about = {"family": "decoder", "model": "m", "benchmark": "near", "variant": variant}
    return about | {"rows": pd.DataFrame(rows)}


def measure(cells, weights, about=PERPLEXITY):
    found = windows.of_cells(cells) if about == PERPLEXITY else windows.of_cells([], cells)
    return windows.measure(found[about], "words", {None: weights})


def test_the_same_windows_are_paired():
    long = np.arange(8) * 40.0
    found = measure([text(SHORT, long + 2 + STEPS), text(LONG, long)], {SHORT: 1, LONG: -1})
    plain = stats.ttest_1samp(2 + STEPS, 0)
    low, high = plain.confidence_interval()
    points = found.mean.points
    assert (points.value, points.low, points.high) == tuple(map(pytest.approx, (2, low, high)))
    assert points.p == pytest.approx(plain.pvalue) and found.mean.clusters == found.mean.differing == 8
    assert (found.facts, found.models, found.benchmarks, found.has_margin) == (8, 1, 1, False)


def test_windows_of_other_lengths_are_not():
    """As Welch's test of two samples has it, whose windows are here as alike as can be."""
    cells = [text(SHORT, 300 + 2 + STEPS, tokens=9), text(LONG, 300 + STEPS)]
    found = measure(cells, {SHORT: 1, LONG: -1}).mean.points
    low, high = stats.ttest_ind(302 + STEPS, 300 + STEPS, equal_var=False).confidence_interval()
    assert (found.value, found.low, found.high) == tuple(map(pytest.approx, (2, low, high)))


def test_tokens_count_alike_not_windows():
    """100 x log perplexity is 100 x (10 x 2 + 30 x 4) / 40 of the one, 100 x (10 x 1 + 30 x 1) / 40 of the other."""
    tokens = np.array([10, 30])
    cells = [text(SHORT, [200, 400], tokens), text(LONG, [100, 100], tokens)]
    assert measure(cells, {SHORT: 1, LONG: -1}).mean.points.value == pytest.approx(350 - 100)


def test_texts_of_a_model_count_alike_and_so_do_models():
    """Model m gains 2 and 4 on two texts, model n 9 on one."""
    gains = {("m", "c4"): 2, ("m", "wikitext2"): 4, ("n", "c4"): 9}
    cells = [text(slug, 50 + STEPS + gain * (slug == SHORT), model=model, benchmark=name)
             for (model, name), gain in gains.items() for slug in (SHORT, LONG)]  # fmt: skip
    found = measure(cells, {SHORT: 1, LONG: -1})
    assert (found.mean.points.value, found.models, found.benchmarks) == (pytest.approx(6), 2, 2)


def test_what_is_missing_is_named():
    cells = [text(SHORT, STEPS), text(LONG, STEPS), text(SHORT, STEPS, benchmark="lines")]
    assert measure(cells, {SHORT: 1, LONG: -1}).missing == [f"m {LONG} on lines"]


def decided(claim, cells, layers=()):
    """The verdict on a claim of a run that asked one benchmark besides."""
    asked = group(dict.fromkeys(("dense", GPTQ, SHORT, LONG, LORA), "10"), family="decoder")
    chosen = [each for each in claims.CLAIMS if each.id == claim]
    rows, _ = verdicts.verdicts([asked], chosen, 1.0, {}, windows.of_cells(cells, layers))
    return rows.iloc[0]


@pytest.mark.parametrize(("gain", "expected"), [(3, "holds"), (-3, "fails"), (0, "not precise enough")])
def test_longer_prompts_lower_perplexity(gain, expected):
    row = decided("recover_longer_perplexity", [text(SHORT, 300 + STEPS + gain), text(LONG, np.full(8, 300))])
    assert (row["verdict"], row["estimate"], row["facts"]) == (expected, pytest.approx(gain), 8)
    assert np.isnan(row["needed"]) and row["unit"].startswith("percent of perplexity less")


def test_attention_of_prompts_is_farther_than_loras():
    """Prompts 0.80 and 0.70 in the first of two layers, LoRA 0.90: 0.15 farther on the mean, whatever the layer."""
    near = STEPS / 1000
    layers = [layer(SHORT, 0.80 + near), layer(LONG, 0.70 - near), layer(LORA, np.full(8, 0.9))]
    row = decided("recover_attention", [], layers)
    assert (row["verdict"], row["estimate"], row["facts"]) == ("holds", pytest.approx(15), 8)
    assert row["contrast"] == "GPTQ (3 bit): attention with prompts against LoRA"
    assert windows.of_cells([], layers).keys() == {ATTENTION}


def test_without_texts_they_are_not_run():
    for claim in ("recover_longer_perplexity", "recover_attention"):
        row = decided(claim, [])
        assert (row["verdict"], row["missing"]) == ("not run", "no text of this kind was asked")
