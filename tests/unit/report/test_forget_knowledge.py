"""The recovery paper's tables and index in the report, from tables made by hand."""

import pandas as pd
import pytest

from knowcost.aggregate import tables as frames
from knowcost.report import forget_knowledge

GPTQ, SPARSE = "gptq-3bit@overall", "sparsegpt-50@overall"
SLUGS = ["dense", GPTQ, f"{GPTQ}^lora-r2", f"{GPTQ}^dynamic_prompt-50+100"]
SIZES = {f"{GPTQ}^lora-r2": (4_997_120, 4_997_120), f"{GPTQ}^dynamic_prompt-50+100": (614_400, 39_321_600)}
DOMAINS = {"world knowledge": ["arc-easy"], "language understanding": ["lambada"], "all": ["arc-easy", "lambada"]}


def run(model="llama-7b", slugs=SLUGS, leave_out=()):
    """Tables of a model on two benchmarks, right in 10, 20, ... percent of the one and twice that of the other."""
    scores, domains = [], []
    for place, slug in enumerate(slugs):
        stored, cached = SIZES.get(slug, (None, None))
        about = {"model": model, **frames.describe(slug)}
        shares = {"arc-easy": (place + 1) / 10, "lambada": (place + 1) / 5}
        sizes = {"adapter_parameters": stored, "cached_parameters": cached}
        scores += [about | {"benchmark": name, "accuracy": share} | sizes for name, share in shares.items()
                   if (slug, name) not in leave_out]  # fmt: skip
        domains += [about | {"domain": name, "accuracy": sum(shares[each] for each in of) / len(of)}
                    for name, of in DOMAINS.items()]  # fmt: skip
    columns = ["model", *frames.TREATMENT, "domain", "accuracy"]
    return {"scores": pd.DataFrame(scores), "domains": pd.DataFrame(domains, columns=columns)}


def read(data):
    """[(table, its rows as lists of text)]."""
    return [(table, [[cell.text for cell in row] for row in table.rows]) for table in forget_knowledge.tables(data)]


def test_printed_values_stand_beneath_ours():
    [(table, rows)] = read(run())
    assert [head.title for head in table.columns] == [
        "recovered by", "stored (millions)", "cached (millions)", "arc-easy", "lambada", "world knowledge",
        "language understanding", "all benchmarks",
    ]  # fmt: skip
    assert rows == [
        ["dense", "", "", "10.00", "20.00", "10.00", "20.00", "15.00"],
        ["nothing", "", "", "20.00", "40.00", "20.00", "40.00", "30.00"],
        ["printed", "", "", "71.46", "68.58", "50.55", "63.06", "57.55"],
        ["LoRA r2", "4.997", "4.997", "30.00", "60.00", "30.00", "60.00", "45.00"],
        ["printed", "4.4", "", "70.08", "70.48", "50.50", "64.12", "57.99"],
        [rows[5][0], "0.614", "39.322", "40.00", "80.00", "40.00", "80.00", "60.00"],
        ["printed", "0.6", "", "72.43", "70.25", "52.18", "63.92", "58.79"],
    ]
    assert table.id == f"recovery-llama-7b-{GPTQ}" and table.folded
    assert "As Tables 1 and 3 of" in table.note and "its slips too" in table.note


def test_other_models_have_the_same_table_without_printed_values():
    data = run("mine", [*SLUGS, SPARSE, f"{SPARSE}^prompt-26", "dense^lora-r2"])
    found = read(data)
    assert [table.id for table, _ in found] == [f"recovery-mine-{each}" for each in (GPTQ, SPARSE, "dense")]
    assert not any(row[0] == "printed" for _, rows in found for row in rows)
    assert [row[0] for row in found[2][1]] == ["dense", "LoRA r2"]
    assert "As Table 2 of" in found[1][0].note and "As Table" not in found[2][0].note


def test_what_was_not_asked_is_a_dash_and_has_no_mean():
    data = run(leave_out=[(GPTQ, "lambada")])
    [(_, rows)] = read(data)
    assert rows[1][3:5] == ["20.00", "\N{EN DASH}"] and rows[1][-1] == "\N{EN DASH}"


def test_without_recoveries_there_is_nothing():
    data = run(slugs=["dense", GPTQ])
    assert read(data) == [] and forget_knowledge.contents(data, []) is None


FIGURES = [{"name": "stored_decoder", "title": "By parameters"}, {"name": "prune", "title": "Pruning"}]


def test_the_index_links_what_is_there_and_says_why_the_rest_is_not():
    found = forget_knowledge.contents(run(), FIGURES)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["Table 1", "Table 2", "Table 3", *(f"Figure {number}" for number in (1, 2, 4, 5, 6, 7))]
    assert rows["Table 1"].links == rows["Table 3"].links == [(f"recovery-llama-7b-{GPTQ}", "llama-7b")]
    assert rows["Table 1"].remark.startswith("not run: opt-6.7b, LoRA r3, LoRA r4, prompt 26, prompt 50")
    assert rows["Table 2"].links == [] and rows["Table 2"].remark.endswith(
        "not recovered here: everything pruned by 50% (SparseGPT)"
    )
    assert rows["Figure 4"].links == [("figure-stored_decoder", "By parameters")]
    assert (
        rows["Figure 2"].remark
        == "missing: it takes prompts of several lengths of a model that is shown to know something"
    )
    assert (found.here, found.missing) == (3, 6)


@pytest.mark.parametrize("method", ["lora-r2", "dynamic_prompt-50+100"])
def test_table_3_is_about_dynamic_prompting(method):
    rows = {row.name: row for row in forget_knowledge.contents(run(slugs=["dense", GPTQ, f"{GPTQ}^{method}"]), []).rows}
    assert bool(rows["Table 3"].links) == method.startswith("dynamic")
