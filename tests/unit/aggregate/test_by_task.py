"""Perplexity, averages by domain and MMLU by discipline: against a published table and by hand."""

import dataclasses
import math

import pandas as pd
import pytest
from helpers.fake_results import cell
from helpers.groups import group

from knowcost.aggregate import by_task, drops, tables
from knowcost.benchmarks import disciplines

# "Do Compressed LLMs Forget Knowledge?", Table 1 (GPTQ, 3 bits), the first row and OPT's
WORLD = ("arc_easy", "arc_challenge", "sciq", "webquestions", "triviaqa")
DOMAIN = dict.fromkeys(WORLD, "world knowledge") | {"piqa": "common reasoning"}
DOMAIN |= dict.fromkeys(("hellaswag", "lambada", "winogrande"), "language understanding")
LLAMA = (71.46, 37.71, 92.60, 17.96, 33.02, 76.01, 53.11, 68.58, 67.48)
OPT = (64.77, 29.01, 89.40, 9.50, 17.90, 75.24, 48.57, 65.34, 63.54)
MEANS = {"llama": (50.55, 76.01, 63.06, 57.55), "opt": (42.12, 75.24, 59.15, 51.47)}


def scores(slug="dense", models=(("llama", LLAMA), ("opt", OPT)), dense=None):
    rows = [
        cell(model, slug, name, (dense or value) / 100, value / 100, family="decoder")
        for model, values in models
        for name, value in zip(DOMAIN, values, strict=True)
    ]
    return rows


def test_domains_are_averaged_as_in_the_paper():
    found = by_task.domains(drops.scores(scores()), [], DOMAIN, 1)
    for model, expected in MEANS.items():
        rows = found[found["model"] == model]
        assert rows["domain"].tolist() == ["world knowledge", "common reasoning", "language understanding", "all"]
        assert (100 * rows["accuracy"]).tolist() == pytest.approx(expected, abs=0.006)
        assert rows["benchmarks"].tolist() == [5, 1, 3, 9]
        assert rows["drop_points"].isna().all()


def test_drops_of_domains_and_means_that_lack_a_task():
    rows = scores() + scores("int8@overall", [("llama", [value / 2 for value in LLAMA])])
    for row, value in zip(rows[-9:], LLAMA, strict=True):
        row["dense_accuracy"] = value / 100
    rows += [cell("llama", "int8@overall", "boolq", 0.9, 0.1, family="decoder")]  # of no domain
    found = by_task.domains(drops.scores(rows), [], DOMAIN, 1).set_index(["variant", "model", "domain"])
    world = found.loc[("int8@overall", "llama", "world knowledge")]
    assert (world["drop_points"], world["drop_percent"]) == (pytest.approx(50.55 / 2, abs=0.01), pytest.approx(50))
    short = [row for row in rows if (row["variant"], row["benchmark"]) != ("int8@overall", "sciq")]
    found = by_task.domains(drops.scores(short), [], DOMAIN, 1).set_index(["variant", "model", "domain"])
    assert math.isnan(found.loc[("int8@overall", "llama", "world knowledge"), "accuracy"])
    assert math.isnan(found.loc[("int8@overall", "llama", "all"), "accuracy"])
    assert found.loc[("int8@overall", "llama", "common reasoning"), "drop_percent"] == pytest.approx(50)


def two_tasks(pruned=("1" * 65 + "0" * 35, "1" * 50 + "0" * 50)):
    """A task with a majority of 50% on which 80% are right, and one on which the dense model is at chance."""
    right = ["1" * 80 + "0" * 20, "1" * 50 + "0" * 50]
    groups = [
        group({"dense": dense, "int8@overall": after}, benchmark=name, majority=0.5, guess=0.5)
        for name, dense, after in zip(("arc_easy", "sciq"), right, pruned, strict=True)
    ]
    rows = [
        cell("m", slug, each.benchmark, each.right["dense"].mean(), each.right[slug].mean())
        for each in groups
        for slug in each.right
    ]
    return by_task.domains(drops.scores(rows), groups, DOMAIN, 1).set_index(["variant", "domain"])


def test_a_domain_s_loss_has_an_interval_and_a_share_of_the_leads_that_there_are():
    found = two_tasks().loc[("int8@overall", "world knowledge")]
    assert found["drop_points"] == pytest.approx((15 + 0) / 2)
    # half the interval: 15 of 100 lost, none of 100, averaged; each of variance at least that of a flip unseen
    assert found["drop_low"] < 7.5 < found["drop_high"] and found["decision"] == "costs"
    assert (found["leads"], found["lead_lost_percent"]) == (1, pytest.approx(50))  # sciq has none to lose
    assert found["lead_lost_low"] < 50 < found["lead_lost_high"]
    assert two_tasks().loc[("dense", "world knowledge"), "decision"] == ""


def test_a_domain_of_chance_alone_knows_nothing():
    right = {"dense": "1" * 51 + "0" * 49, "int8@overall": "1" * 45 + "0" * 55}
    facts = group(right, benchmark="sciq", majority=0.5, guess=0.5)
    rows = [cell("m", slug, "sciq", 0.51, each.mean()) for slug, each in facts.right.items()]
    found = by_task.domains(drops.scores(rows), [facts], DOMAIN, 1).set_index(["variant", "domain"])
    row = found.loc[("int8@overall", "all")]
    assert (row["decision"], row["leads"]) == ("nothing known", 0) and math.isnan(row["lead_lost_percent"])
    without = by_task.domains(drops.scores(rows), [], DOMAIN, 1).set_index(["variant", "domain"])
    assert without.loc[("int8@overall", "all"), "decision"] == "not run"


def test_no_domains_make_an_empty_table():
    found = by_task.domains(drops.scores(scores()), [], {}, 1)
    assert found.empty and list(found.columns) == by_task.DOMAINS


def windows(variant, logprobs, benchmark="prose", model="m"):
    rows = pd.DataFrame({"logprob": logprobs, "tokens": 2, "words": 1, "bytes": 8})
    about = {"model": model, "family": "decoder", "benchmark": benchmark, "variant": variant}
    return about | {"rows": rows, "limit": None, "dropped": ""}


def test_perplexity_beside_the_dense_models():
    ln2 = math.log(2)
    cells = [windows("magnitude-40@overall", [-8 * ln2, -4 * ln2]), windows("dense", [-4 * ln2, -4 * ln2]),
             windows("int8@overall", [-4 * ln2, math.nan]), windows("int8@overall", [-2.0], model="o")]  # fmt: skip
    found = by_task.perplexity(cells).set_index(["model", "variant"])
    dense, pruned = found.loc[("m", "dense")], found.loc[("m", "magnitude-40@overall")]
    assert (dense["perplexity"], dense["word_perplexity"], dense["bits_per_byte"]) == pytest.approx((4, 16, 8 / 16))
    assert (dense["n"], dense["tokens"], dense["perplexity_times"]) == (2, 4, 1)
    assert (pruned["perplexity"], pruned["dense_perplexity"]) == pytest.approx((8, 4))
    assert (pruned["perplexity_times"], pruned["level"]) == (pytest.approx(2), 40)
    assert found.loc[("m", "int8@overall"), "perplexity"] == math.inf
    assert math.isnan(found.loc[("o", "int8@overall"), "perplexity_times"])  # its dense model was not asked
    assert by_task.perplexity([]).empty


def test_a_perplexity_of_other_tokens_is_not_set_beside_the_dense_models():
    """What virtual tokens leave of a window is less than the dense model read."""
    prompted = windows("int8@overall^prompt-50", [-2.0, -2.0])
    prompted["rows"]["tokens"] = [2, 1]
    found = by_task.perplexity([windows("dense", [-4.0, -4.0]), prompted]).set_index("variant")
    row = found.loc["int8@overall^prompt-50"]
    assert row["perplexity"] == pytest.approx(math.exp(4 / 3)) and row["tokens"] == 3
    assert math.isnan(row["perplexity_times"]) and found.loc["dense", "perplexity_times"] == 1


def test_perplexity_survives_its_csv(tmp_path):
    tables.write(by_task.perplexity([windows("dense", [-1.5]), windows("int8@final", [math.nan])]), tmp_path, "p")
    tables.finish(tmp_path, {})
    found = tables.read(tmp_path)["p"]
    assert found["perplexity"].tolist() == [pytest.approx(math.exp(0.75), rel=1e-5), math.inf]


def test_mmlu_by_discipline_and_subject():
    subjects = ["philosophy"] * 2 + ["sociology"] + ["astronomy"] * 3 + ["alchemy"]
    mmlu = dataclasses.replace(group({"dense": "1111101", "int8@overall": "0111000"}, subjects), kind="mmlu")
    found = by_task.disciplines([mmlu, group({"dense": "1"}, ["sociology"])], 1)
    rows = found[found["variant"] == "int8@overall"].set_index(["discipline", "subject"])
    assert rows.loc[("humanities", ""), ["n", "accuracy", "dense_accuracy", "drop_points"]].tolist() == [2, 0.5, 1, 50]
    assert rows.loc[("STEM", "astronomy"), ["n", "accuracy", "drop_percent"]].tolist() == pytest.approx([3, 1 / 3, 50])
    assert rows.loc[("STEM", ""), "accuracy"] == rows.loc[("STEM", "astronomy"), "accuracy"]
    assert ("", "") not in rows.index and rows.loc[("", "alchemy"), "accuracy"] == 0
    assert len(found) == 2 * (3 + 4)
    assert math.isnan(rows.loc[("STEM", "astronomy"), "lead_lost_percent"])  # three questions show nothing
    assert by_task.disciplines([], 1).empty


def test_a_discipline_s_share_of_the_lead():
    """Of 40 questions in four choices 30 are right, then 20: the lead over 25% is 50 points, and half of it is lost."""
    right = {"dense": "1" * 30 + "0" * 10 + "1" * 10, "int8@overall": "1" * 20 + "0" * 30}
    mmlu = group(right, ["philosophy"] * 40 + ["sociology"] * 10, majority=0.25, guess=0.25)
    found = by_task.disciplines([dataclasses.replace(mmlu, kind="mmlu", noise={"int8@overall": 0.1})], 1)
    rows = found[found["variant"] == "int8@overall"].set_index(["discipline", "subject"])
    humanities = rows.loc[("humanities", "")]
    assert (humanities["drop_points"], humanities["decision"]) == (25, "costs")
    assert (
        humanities["lead_lost_percent"] == pytest.approx(50) and humanities["drop_low"] < 25 < humanities["drop_high"]
    )
    assert rows.loc[("social sciences", ""), "lead_lost_percent"] == pytest.approx(100 * 100 / 75)
    without = by_task.disciplines(
        [dataclasses.replace(mmlu, kind="mmlu", right={"int8@overall": mmlu.right["dense"]})], 1
    )
    assert set(without["decision"]) == {"not run"} and without["drop_points"].isna().all()


def test_every_subject_of_mmlu_has_a_discipline(shared):
    subjects = {path.name.removesuffix("_test.csv") for path in (shared / "data/mmlu/test").iterdir()}
    assert set(disciplines.discipline_of()) == subjects and len(subjects) == 57
