"""Recompute what a run says of its recoveries from its rows, by docs/statistics.md and with nothing of knowcost.

    python perf/recompute_recovered.py [--results results] [--benchmarks resources/benchmarks]

The tables `recovered`, `recovered_overlap`, `relearned`, `controls` and `training`, and the columns of adapters. It
reads the scores (one row per fact), the prepared benchmarks, manifests, adapters and curves; prints for every column
how many were recomputed and how far the farthest is off; ends with 1 where a number is off by more than 1e-6, a word is
another, or a row is missing or one too many.
"""

import json
import math
import sys

import pandas as pd
from by_hand import decision, differing, interval
from recompute import Cells, Comparison, folders
from recompute_relearned import relearned
from recompute_returned import Model, lost, named, overlap, recovered, under
from safetensors import safe_open

KEYS = {
    "recovered": ("variant", "benchmark"),
    "relearned": ("compressed", "recovery", "texts"),
    "recovered_overlap": ("benchmark", "compressed", "a", "b"),
    "controls": ("benchmark", "variant"),
    "scores": ("benchmark", "variant"),
    "drops_by_model": ("variant",),
    "training": ("variant", "step"),
}  # of the rows of each table, beside the model


def control(cell, slug):
    """The row of `controls`: how often what cannot be known comes out right."""
    right = cell.right[slug]
    row = {"n": cell.n, "accuracy": right.mean(), "dense_accuracy": cell.known.mean()}
    row |= named("lead_points", "lead", interval([cell.part(100 * (right - cell.baseline))]))
    if slug != "dense":
        numbers = interval([cell.part(*cell.loss("drop", slug), noise=cell.noise[slug])])
        row |= named("drop_points", "drop", numbers)
        row |= {"forgotten": lost(cell, slug).sum(), "gained": (~cell.known & right).sum()}
        row["decision"] = decision(*numbers, differing([cell.part(*cell.loss("drop", slug))]))
    return row


def sizes(results, model, slug):
    """The columns of adapters: numbers in its files, and those held in memory; 4 bytes each."""
    folder, recovery = results / model / slug, slug.partition("^")[2]
    stored = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "np") as file:
            stored += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    cached = stored  # of low-rank updates nothing is held but what is stored
    if recovery.startswith(("prompt", "prefix", "dynamic_prompt")):
        tokens = sum(map(int, recovery.partition("~")[0].split("-")[1].split("+")))
        cached = tokens * keys_and_values(json.loads((results / model / "dense/config.json").read_text()))
    base, dense = (
        json.loads((results / model / each / "manifest.json").read_text()) for each in (under(slug), "dense")
    )
    real = base["bytes"]["real"] + 4 * stored
    row = {"adapter_parameters": stored, "adapter_bytes": 4 * stored, "cached_parameters": cached}
    row |= {"cached_bytes": 4 * cached, "real_bytes": real}
    return row | {"bytes_saved_percent": 100 * (1 - real / dense["bytes"]["real"])}


def keys_and_values(config):
    """Numbers that a token's keys and values are in all layers that read a prompt; of T5 those of its encoder."""
    layers = config.get("num_hidden_layers") or config["num_layers"]
    heads = config.get("num_attention_heads") or config["num_heads"]
    width = config.get("head_dim") or config.get("d_kv") or config["hidden_size"] // heads
    return 2 * layers * (config.get("num_key_value_heads") or heads) * width


def curves(results, pairs):
    """{(model, variant, step): row} of the table `training`."""
    rows = {}
    for model, slug in pairs:
        path = results / model / slug / "training.parquet"
        for row in pd.read_parquet(path).to_dict("records") if path.is_file() else ():
            loss = row["validation_loss"]
            is_kl = "-kl" in slug
            row["recovery"] = slug.partition("^")[2]
            rows[model, slug, row["step"]] = row if is_kl else row | {"validation_perplexity": math.exp(loss)}
    return rows


def in_order(table):
    """The table of overlaps with a before b in the alphabet."""
    turned = table["a"] > table["b"]
    other = {"a": "b", "b": "a", "returned_a": "returned_b", "returned_b": "returned_a"}
    return pd.concat([table[~turned], table[turned].rename(columns=other)])


def compare(compared, table, name, made):
    """Compare rows by key; those that only one side has count as wrong."""
    printed = {tuple(row[key] for key in ("model", *KEYS[name])): row for row in table.to_dict("records")}
    alone = made.keys() ^ printed.keys()
    compared.row(name, {"(rows)": 0}, {"(rows)": len(alone)})
    for key in alone:
        print(f"{name}: {key} is {'not in the table' if key in made else 'in the table alone'}")
    for key in made.keys() & printed.keys():
        compared.row(name, printed[key], made[key])


def of_model(cells, expected):
    """{table: {key: row}} of what a model's facts say; expected: the benchmarks that it has to have been asked."""
    of = Model(cells)
    return {
        "recovered": recovered(of, expected),
        "relearned": relearned(of),
        "recovered_overlap": {(cell.benchmark, *key): row for cell in of.told for key, row in overlap(cell).items()},
        "controls": {(cell.benchmark, slug): control(cell, slug) for cell in of.untold for slug in cell.right},
    }


def recompute(results, benchmarks, tables):
    """{table: {(model, key): row}}."""
    asked = pd.concat([tables["scores"], tables["controls"]])
    asked = asked[~asked["variant"].str.contains("lost@") & ~asked["benchmark"].str.contains("@published")]
    families = tables["scores"].groupby("family")["benchmark"].unique()
    made = {name: {} for name in KEYS}
    is_recovered = asked["variant"].str.contains("^", regex=False)
    for (family, model), rows in asked[asked["model"].isin(asked["model"][is_recovered])].groupby(["family", "model"]):
        variants = {name: list(each["variant"]) for name, each in rows.groupby("benchmark", sort=False)}
        cells = [Cells(results, benchmarks, family, model, *each) for each in variants.items() if "dense" in each[1]]
        expected = {name for name in families[family] if "@published" not in name}
        for name, found in of_model(cells, expected).items():
            made[name] |= {(model, *key): row for key, row in found.items()}
    pairs = set(asked.loc[is_recovered, ["model", "variant"]].itertuples(index=False, name=None))
    adapters = {pair: sizes(results, *pair) for pair in sorted(pairs)}
    where = tables["scores"][["model", "benchmark", "variant"]].itertuples(index=False, name=None)
    made["scores"] = {key: adapters[key[0], key[2]] for key in where if (key[0], key[2]) in adapters}
    return made | {"drops_by_model": adapters, "training": curves(results, adapters)}


def main(results, benchmarks):
    tables = {name: pd.read_parquet(results / "tables" / f"{name}.parquet") for name in KEYS}
    made, compared = recompute(results, benchmarks, tables), Comparison()
    for name in ("scores", "drops_by_model"):
        tables[name] = tables[name][tables[name]["variant"].str.contains("^", regex=False)]
    controls = tables["controls"]  # what the audit asks is in no table of recoveries
    tables["controls"] = controls[~controls["variant"].str.contains("lost@")]
    tables["recovered_overlap"] = in_order(tables["recovered_overlap"])
    for name, table in tables.items():
        compare(compared, table, name, made[name])
    return 0 if compared.report() else 1


if __name__ == "__main__":
    sys.exit(main(*folders()))
