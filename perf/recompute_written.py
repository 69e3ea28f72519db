"""Recompute what a run says of written answers from its rows, by docs/statistics.md and with nothing of knowcost.

    python perf/recompute_written.py [--results results] [--benchmarks resources/benchmarks]

The table `written`. ROUGE is rouge-score's own, which takes a tenth of a second for a long answer. It prints for every
column how many were recomputed and how far the farthest is off; ends with 1 where a number is off by more than 1e-6, a
word is another, or a row is missing or one too many.
"""

import sys
from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from by_hand import MARGIN, decision, differing, interval
from recompute import Comparison, folders
from rouge_score import rouge_scorer

ROUGE = ("rouge1", "rouge2", "rougeL")
LESS = {"unique_tokens", "unique_same_length", "distinct_1", "distinct_2", *ROUGE}  # of which less is worse
MORE = {"repeated", "loops", "empty", "unfinished"}
COUNTS = {"unique_tokens", "unique_same_length", "tokens"}
ITSELF = {"kept", "same"}  # a comparison with the dense model's answer already
MEASURES = (*sorted(LESS), *sorted(MORE), "tokens", *sorted(ITSELF))
KEYS = ["model", "variant", "benchmark", "part", "measure"]
SCORER = rouge_scorer.RougeScorer(ROUGE)


def grams(tokens, size):
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def distinct(tokens, size):
    all_ = grams(tokens, size)
    return 100 * len(set(all_)) / len(all_) if all_ else np.nan


def loops(tokens):
    """How many tokens, from the end on, are the one a period before: a loop is those and the first period."""
    for period in range(1, len(tokens)):
        alike = 0
        while alike + period < len(tokens) and tokens[-1 - alike] == tokens[-1 - alike - period]:
            alike += 1
        if alike + period >= max(16, 3 * period):
            return 100
    return 0


def has_word(text):
    return any(letter.isascii() and letter.isalnum() for letter in text.lower())


def rouge(reference, text, names=ROUGE):
    if not has_word(reference):
        return dict.fromkeys(names, np.nan)
    return {name: 100 * each.fmeasure for name, each in SCORER.score(reference, text).items() if name in names}


def measured(row, reference, start=""):
    """{measure: value} of an answer by itself; start: of the names of its columns, "again_" for the second one."""
    text, ends = row[start.rstrip("_") or "text"], row[f"{start}ended"]
    tokens = list(row[f"{start}tokens"])[: -1 if ends == "ended" else None]
    made = {"text": text, "list": tokens, "tokens": len(tokens), "unique_tokens": len(set(tokens))}
    made |= {"distinct_1": distinct(tokens, 1), "distinct_2": distinct(tokens, 2), "loops": loops(tokens)}
    made |= {"repeated": 100 - distinct(tokens, 4), "empty": 100 * (text == ""), "unfinished": 100 * (ends != "ended")}
    return made | rouge(reference if row["turn"] == 1 else "", text)


def beside(mine, other):
    """{measure: (of the answer, of that which it is held against)}."""
    both = {name: (mine[name], other[name]) for name in (LESS | MORE | {"tokens"}) - {"unique_same_length"}}
    n = min(len(mine["list"]), len(other["list"]))
    both["unique_same_length"] = len(set(mine["list"][:n])), len(set(other["list"][:n]))
    both["kept"] = rouge(other["text"], mine["text"], ["rougeL"])["rougeL"], np.nan
    return both | {"same": (100 * (mine["text"] == other["text"]), np.nan)}


def pairs_of(mine, others):
    """{measure: (values, values of what they are held against)} over answers."""
    found = [beside(*each) for each in zip(mine, others, strict=True)]
    return {name: np.array([each[name] for each in found], float).T for name in MEASURES}


def mean(values):
    known = values[~np.isnan(values)]
    return known.mean() if len(known) else np.nan


def floor(once, again):
    """What asking once more moves a mean by."""
    moved = again - once
    moved = moved[~np.isnan(moved)]
    return max(abs(moved.sum()), 1.959964 * np.sqrt((moved**2).sum())) / len(moved) if len(moved) else np.nan


def row_of(name, slug, pair, noise, clusters):
    """The columns of one measure of a variant in a part."""
    own, other = pair
    values = own if name in ITSELF else (other - own if slug == "dense" else own - other)
    there = ~np.isnan(values)
    row = {"noise": noise, "decision": ""}
    if not there.any():
        return row | {
            "n": (~np.isnan(own)).sum(),
            "value": mean(own),
            "dense": mean(own) if slug == "dense" else np.nan,
        }
    most = 100.0 if name in MORE | ITSELF else np.nanmean(other)
    part = {"benchmark": "", "clusters": clusters, "facts": np.arange(len(values)), "values": values, "flip": most}
    part |= {"over": np.ones(len(values)), "share": 1.0, "noise": np.nan_to_num(noise) * there.mean()}
    with np.errstate(invalid="ignore"):  # no interval where nothing could be lost
        value, low, high = interval([part])
    row |= {
        "n": there.sum(),
        "clusters": len(set(clusters[there])),
        "value": own[there].mean(),
        "low": low,
        "high": high,
    }
    if slug == "dense":
        row["dense"] = row["value"]
    if name in ITSELF:
        return row | {"low": np.clip(low, 0, 100), "high": np.clip(high, 0, 100)}
    row["change"] = value
    if slug != "dense":
        row["dense"] = other[there].mean()
        row["decision"] = decided(name, (value, low, high), row["dense"], differing([part]))
    return row


def decided(name, numbers, dense, differs):
    """by_hand's rule is of a margin of one point: counts are made percent of the dense model's."""
    if name not in LESS | MORE or np.isnan(numbers).any():
        return "" if name not in LESS | MORE else "not precise enough"
    scale = 100 / (dense or np.nan) if name in COUNTS else 1.0
    value, low, high = (MARGIN * scale * each for each in numbers)
    return decision(-value, -high, -low, differs) if name in LESS else decision(value, low, high, differs)


def computes(slug):
    """Variants of which one's noise is the other's: in floats, or in int8."""
    return "int8" in slug


def of_group(results, benchmarks, model, benchmark, slugs):
    """{key: row} of one model and benchmark."""
    table = pq.read_table(benchmarks / f"{benchmark}.parquet").to_pandas().set_index("id", drop=False)
    frames = {slug: pd.read_parquet(results / model / slug / "scores" / f"{benchmark}.parquet") for slug in slugs}
    facts = table.loc[frames["dense"]["id"]]
    references = facts["highlights"] if "highlights" in facts else [""] * len(facts)
    said, again = {}, {}
    for slug, frame in frames.items():
        rows = list(zip(frame.to_dict("records"), references, strict=True))
        said[slug] = [measured(*each) for each in rows]
        if frame["again"].notna().all():
            again[slug] = [measured(*each, "again_") for each in rows]
    noisy = {slug: pairs_of(said[slug], each) for slug, each in again.items()}
    pairs = {slug: noisy["dense"] if slug == "dense" else pairs_of(said[slug], said["dense"]) for slug in slugs}
    relations = frames["dense"]["relation"]
    parts = {"": np.ones(len(facts), bool)}
    if relations.nunique() > 1:
        parts |= {name: (relations == name).to_numpy() for name in relations.dropna().unique()}
    made = {}
    for part, inside in parts.items():
        floors = defaultdict(list)
        for slug, each in noisy.items():
            for name, pair in each.items():
                floors[computes(slug), name].append(np.nan if name in ITSELF else floor(*pair[:, inside]))
        for slug, each in pairs.items():
            for name, pair in each.items():
                noise = max(floors[computes(slug), name], default=np.nan)
                row = row_of(name, slug, pair[:, inside], noise, facts["cluster"].to_numpy()[inside])
                if name in ITSELF:
                    row["dense"] = mean(pairs["dense"][name][0][inside])
                made[model, slug, benchmark, part, name] = row
    return made


def main(results, benchmarks):
    written = pd.read_parquet(results / "tables/written.parquet")
    made, compared = {}, Comparison()
    for (model, benchmark), rows in written.groupby(["model", "benchmark"]):
        made |= of_group(results, benchmarks, model, benchmark, list(rows["variant"].unique()))
    printed = {tuple(row[key] for key in KEYS): row for row in written.to_dict("records")}
    alone = made.keys() ^ printed.keys()
    compared.row("written", {"(rows)": 0}, {"(rows)": len(alone)})
    for key in made.keys() & printed.keys():
        compared.row(f"written {key[-1]}"[:30], printed[key], made[key])
    return 0 if compared.report() else 1


if __name__ == "__main__":
    sys.exit(main(*folders()))
