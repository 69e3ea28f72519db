"""The paper's results as claims: which variants they take, which benchmarks they speak of, verdicts by hand."""

import dataclasses

import pytest
from helpers.groups import group

from knowcost.aggregate import verdicts
from knowcost.papers.forget_knowledge import claims, domains

BY_ID = {claim.id: claim for claim in claims.CLAIMS}
GPTQ, SPARSE = "gptq-3bit@overall", "sparsegpt-50@overall"
DOMAINS = {"webquestions": "world knowledge", "piqa": "common reasoning", "lambada": "language understanding"}


def asked(right, n=200, kind="webquestions", domain="", **about):
    """A decoder that knows `dense` of n facts; right: {variant: how many of the first facts it gets right}."""
    made = {slug: ("1" * count).ljust(n, "0") for slug, count in right.items()}
    return dataclasses.replace(group(made, family="decoder", **about), kind=kind, domain=domain)


def verdict(claim, *groups):
    """The claim as the only one of its table."""
    rows, _ = verdicts.verdicts(groups, [BY_ID[f"recover_{claim}"]], 1.0, {})
    return rows.iloc[0]


def test_all_are_about_decoders_and_not_run_without_recoveries():
    rows, _ = verdicts.verdicts([asked({"dense": 100, GPTQ: 90})], claims.CLAIMS, 1.0, {})
    assert set(rows["verdict"]) == {"not run"} and list(rows["claim"]) == list(BY_ID)
    assert set(rows["missing"]) == {"no variants of this kind were run"}
    assert all(claim.families == ("decoder",) for claim in claims.CLAIMS)


def test_only_the_papers_way_of_recovering_counts():
    """Everything compressed in one step, with the main data; the same texts, no options; smaller sizes first."""
    others = ["dense^lora-r4", f"{GPTQ}~wikitext2^lora-r4", f"{GPTQ}^lora-r4~wikitext2", f"{GPTQ}^lora-r4-kl",
              "gptq-3bit@attention^lora-r4", "rtn-3bit@overall^lora-r4", f"{SPARSE}+{GPTQ}^lora-r4"]  # fmt: skip
    slugs = {GPTQ, SPARSE, f"{SPARSE}+{GPTQ}", "gptq-3bit@attention", f"{GPTQ}~wikitext2", "dense", *others}
    assert claims.recovered(slugs) == {}  # and of rtn the compressed variant is missing
    found = claims.recovered({*slugs, f"{GPTQ}^prompt-100", f"{GPTQ}^prompt-26", f"{SPARSE}^lora-r4"})
    assert {before: list(each.values()) for before, each in found.items()} == {
        SPARSE: [f"{SPARSE}^lora-r4"],
        GPTQ: [f"{GPTQ}^prompt-26", f"{GPTQ}^prompt-100"],
    }


def test_the_sizes_of_a_method_count_alike():
    """Prompts 60 and 80 of 200, LoRA 40 and 50: 35 less 22.5 percent."""
    right = {"dense": 120, GPTQ: 30, f"{GPTQ}^prompt-26": 60, f"{GPTQ}^prompt-50": 80, f"{GPTQ}^lora-r2": 40,
             f"{GPTQ}^lora-r4": 50}  # fmt: skip
    row = verdict("world", asked(right))
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(12.5))
    assert row["contrast"] == "GPTQ (3 bit): prompts against LoRA" and row["unit"] == "points more brought back"
    assert row["measured"] == "GPTQ at 3 bit; recovered by LoRA r2, LoRA r4, prompt 26 and prompt 50"
    row = verdict("language", asked(right, kind="winogrande"))
    assert (row["verdict"], row["estimate"]) == ("fails", pytest.approx(-12.5))


def test_of_two_compressions_both_have_to_hold():
    right = {"dense": 120, GPTQ: 30, f"{GPTQ}^prompt-26": 80, f"{GPTQ}^lora-r2": 40, SPARSE: 30}
    against = asked({**right, f"{SPARSE}^prompt-26": 40, f"{SPARSE}^lora-r2": 80})
    assert (verdict("world", against)["verdict"], verdict("world", against)["estimate"]) == ("fails", -20)
    assert verdict("world", asked(right))["verdict"] == "holds"


@pytest.mark.parametrize(("kind", "domain", "claim"), [
    ("arc", "", "world"), ("sciq", "", "world"), ("triviaqa", "", "world"), ("hellaswag", "", "language"),
    ("lambada", "", "language"), ("piqa", "world knowledge", "world"), ("cloze", "language understanding", "language"),
])  # fmt: skip
def test_a_benchmarks_domain_is_the_tables_else_the_papers_of_its_kind(kind, domain, claim):
    right = {"dense": 120, GPTQ: 30, f"{GPTQ}^prompt-26": 80, f"{GPTQ}^lora-r2": 40}
    other = {"world": "language", "language": "world"}[claim]
    run = asked(right, kind=kind, domain=domain)
    assert verdict(claim, run)["verdict"] == {"world": "holds", "language": "fails"}[claim]
    missing = verdict(other, run)
    assert (missing["verdict"], missing["missing"]) == ("not run", "no benchmark of this kind was asked")


def test_a_kind_without_a_domain_is_in_none():
    assert domains.domain_of(asked({"dense": 1}, kind="boolq")) is None
    assert [domains.domain_of(asked({"dense": 1}, kind=kind)) for kind in DOMAINS] == list(DOMAINS.values())


def test_prefix_tuning_is_held_against_nothing_done():
    right = {"dense": 120, GPTQ: 80, f"{GPTQ}^prefix-26": 40, f"{GPTQ}^prefix-50": 60}
    row = verdict("prefix", asked(right), asked(right, kind="lambada", benchmark="c"))
    assert (row["verdict"], row["estimate"], row["benchmarks"]) == ("holds", pytest.approx(15), 2)
    assert row["contrast"] == "GPTQ (3 bit): less right with prefix tuning" and row["unit"] == "points taken away"


def test_what_few_bits_gain_against_what_pruning_gains():
    """GPTQ gains 30 by LoRA and 50 by prompts, SparseGPT 10 and 20: 40 less 15 of 200. What one alone has, and prefix
    tuning, does not count."""
    right = {"dense": 150, GPTQ: 40, f"{GPTQ}^lora-r2": 70, f"{GPTQ}^prompt-26": 90, f"{GPTQ}^prefix-26": 0,
             f"{GPTQ}^lora-r4": 0, SPARSE: 60, f"{SPARSE}^lora-r2": 70, f"{SPARSE}^prompt-26": 80,
             f"{SPARSE}^prefix-26": 100}  # fmt: skip
    row = verdict("quantized", asked(right))
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(12.5))
    assert row["contrast"] == "GPTQ (3 bit) recovers more than SparseGPT (50%)"


def test_longer_prompts_may_gain_a_hundredth_of_what_the_dense_model_knows():
    right = {"dense": 1000, GPTQ: 500, f"{GPTQ}^prompt-26": 700, f"{GPTQ}^prompt-50": 0, f"{GPTQ}^prompt-100": 700}
    row = verdict("longer_errors", asked(right, n=2000))
    assert (row["verdict"], row["estimate"]) == ("holds", pytest.approx(0.5))
    assert row["contrast"] == "GPTQ (3 bit): 100 tokens against 26"
    row = verdict("longer_errors", asked(right | {f"{GPTQ}^prompt-100": 760}, n=2000))
    assert (row["verdict"], row["estimate"]) == ("fails", -2.5)


def test_recovered_variants_are_none_that_llm_kick_compresses():
    from knowcost.papers.llm_kick import claims as kick

    slugs = {"gptq-8bit@overall", "gptq-8bit@overall^lora-r4", "wanda-50@overall", "wanda-50@overall^prompt-26"}
    assert kick.in_eight_bits(slugs) == [("gptq-8bit@overall", "gptq-8bit")]
    assert kick.pruned(slugs, 40, 60) == {"wanda": {50: "wanda-50@overall"}}
