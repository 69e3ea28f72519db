"""Recompute what a run says of its judges from their rows, by docs/statistics.md and with nothing of knowcost.

    python perf/recompute_judged.py [--results results]

The tables `judged` and `judges` (but for the resampled intervals of correlation and kappa), and the findings of
`claims` that say that a variant matches, or does not, in the eyes of a judge. It reads the judgements (a row per
answer, rubric and judge); prints for every column how many were recomputed and how far the farthest is off; ends with
1 where a number is off by more than 1e-6, or a word is another.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from by_hand import decision, differing, interval, p_value
from recompute import Comparison
from scipy import stats

ALIKE = ["rubric", "judge", "against"]
POINTS = {"win": 50.0, "tie": 0.0, "loss": -50.0}
COUNTED = {"wins": "win", "ties": "tie", "losses": "loss"}
LABELS = {"magnitude": "magnitude pruning", "wanda": "Wanda", "sparsegpt": "SparseGPT"}


def part(rows, values, flip, facts=None, over=1.0, share=1.0):
    """What by_hand takes of one benchmark; values and over: one number per row, or the same for all."""
    values, over = (np.broadcast_to(np.asarray(each, float), len(rows)) for each in (values, over))
    names = np.arange(len(rows)) if facts is None else rows[facts].to_numpy()
    return {"benchmark": "b", "clusters": rows["cluster"].to_numpy(), "facts": names, "values": values, "over": over,
            "share": share, "noise": 0.0, "flip": flip}  # fmt: skip


def scored(rows):
    """(own, other score) of each row; an empty answer has 0, what stands beside it the mean of what was judged."""
    found, judged = [], rows["failed"].isna()
    for scores, length in (("scores", "length"), ("other_scores", "other_length")):
        each = np.array([np.nan if one is None or not good else np.mean(one)
                         for one, good in zip(rows[scores], judged, strict=True)], float)  # fmt: skip
        usual = np.nan if np.isnan(each).all() else np.nanmean(each)
        fill = np.where(rows[length] > 0, usual, 0.0)
        found.append(np.where(np.isnan(each) & (rows["empty"] | (rows[length] == 0)), fill, each))
    gives = any((~np.isnan(each) & ~rows["empty"]).any() for each in found)
    return found if gives else [np.full(len(rows), np.nan)] * 2


def ends(name, found):
    return {name: found[0], f"{name}_low": found[1], f"{name}_high": found[2]}


def of_judged(rows, own, other, variant):
    """The row of `judged`; own, other: scores of the rows."""
    pairs = rows["against"].iloc[0] != "alone"
    made = {"n": len(rows), "failed": rows["failed"].notna().sum(), "clusters": rows["cluster"].nunique()}
    both = ~np.isnan(own) & (~np.isnan(other) | np.isnan(other).all())
    made |= {"scored": both.sum(), "score": own[both].mean() if both.any() else np.nan}
    change, usual = np.where(both, own - other, np.nan), other[both].mean() if both.any() else np.nan
    if not np.isnan(change).all():
        numbers = interval([part(rows, change, usual)])
        made |= {"score_change": numbers[0], "score_low": numbers[1], "score_high": numbers[2], "other_score": usual}
    if pairs:
        points = rows["verdict"].map(POINTS).to_numpy(float)
        made |= {name: (rows["verdict"] == verdict).sum() for name, verdict in COUNTED.items()}
        if not np.isnan(points).all():
            value, low, high = interval([part(rows, points, 50)])
            _, least, _ = interval([part(rows, np.nan_to_num(points, nan=-50), 50)])
            _, _, most = interval([part(rows, np.nan_to_num(points, nan=50), 50)])
            ends = {"low": low, "high": high, "least": least, "most": most}
            made |= {"preference": value} | {name: np.clip(end, -50, 50) for name, end in ends.items()}
            if variant != "dense" and rows["against"].iloc[0] == "dense":
                word = decision(-value, -most, -least, differing([part(rows, np.nan_to_num(points), 50)]))
                flips = (rows["first"] != rows["second"]) & rows["first"].notna() & rows["second"].notna()
                swapped = (rows["first"].notna() & rows["second"].notna()).sum()
                bad = made["failed"] > 0.05 * len(rows) or flips.sum() > 0.5 * swapped
                made["decision"] = "not precise enough" if bad and word == "practically equal" else word
    return made


def of_judges(rows):
    """The row of `judges`; rows: of all variants, with `variant`."""
    null = (rows["variant"] == "dense") & (rows["against"] == "dense")
    swapped = rows["first"].notna() & rows["second"].notna()
    flips = swapped & (rows["first"] != rows["second"])
    told = rows[~null]
    made = {"n": len(told), "swapped": (swapped & ~null).sum(), "flipped": (flips & ~null).sum()}
    made |= {name: (told["failed"] == name).sum() for name in ("unparsed", "too_long")}
    made |= {"null_n": null.sum(), "null_flipped": (flips & null).sum()}
    made |= {f"null_{name}": (rows[null]["verdict"] == name).sum() for name in POINTS}
    pairs = told[swapped[~null]]
    if len(pairs):
        made |= dict(
            zip(("flipped_percent", "flipped_low", "flipped_high"), percent(pairs, flips[pairs.index]), strict=True)
        )
    both = rows[swapped]
    orders = [both["first"].map({"win": 1, "loss": 0}), both["second"].map({"win": 0, "loss": 1})]
    if any(each.notna().any() for each in orders):
        made |= dict(
            zip(
                ("first_preferred", "first_low", "first_high"),
                percent(pd.concat([both, both]), pd.concat(orders)),
                strict=True,
            )
        )
    judged = told[told["verdict"].notna() & ~told["empty"]]
    if len(judged):
        longer, points = judged["length"] - judged["other_length"], judged["verdict"].map(POINTS)
        made["length_change"] = longer.mean()
        if longer.nunique() > 1 and points.nunique() > 1:
            made["length_correlation"] = stats.spearmanr(longer, points).statistic
        decided = (longer != 0) & (points != 0)
        if decided.any():
            wins = pd.Series(np.where(decided, (longer > 0) == (points > 0), np.nan))
            made |= dict(zip(("longer_wins", "longer_low", "longer_high"), percent(judged, wins), strict=True))
    return made


def percent(rows, shares):
    return np.clip(interval([part(rows, 100 * shares.to_numpy(float), 100, facts="cluster")]), 0, 100)


def kappa(one, other):
    """Of two judges' rows of the same texts: how many both judged, the percent that agrees, and Cohen's kappa."""
    keys = ["variant", "id", "turn"]
    both = one[~one["empty"]].merge(other, on=keys, suffixes=("", "_2")).dropna(subset=["verdict", "verdict_2"])
    agreed = (both["verdict"] == both["verdict_2"]).mean()
    chance = sum((both["verdict"] == each).mean() * (both["verdict_2"] == each).mean() for each in POINTS)
    value = (agreed - chance) / (1 - chance) if chance < 1 else np.nan
    return {"compared": len(both), "agreement": 100 * agreed, "kappa": value}


def matches(frames, claims, compared):
    """Compare the findings that one variant matches, or does not."""
    for row in claims[claims["unit"].str.contains("dense model's score") & claims["estimate"].notna()].to_dict(
        "records"
    ):
        found = re.fullmatch(r"(.+?)(?: by (\d+)%| at (\d+):(\d+))? (matches|does not match)", row["contrast"])
        if not found:
            continue
        label, level, some, of, word = found.groups()
        method = {shown: name for name, shown in LABELS.items()}.get(label, label)
        slug = (
            f"{method}-{level}@overall" if level else f"{method}-{some}of{of}@overall" if some else f"{label}@overall"
        )
        kind = "summary" if "ummar" in row["claim"] else "conversation"
        cells = {place: each for place, each in frames.items() if each["kind"].iloc[0] == kind}
        sign, parts = 1 if word == "matches" else -1, []
        models = [model for model, variant, _ in cells if variant == slug]
        for (model, variant, benchmark), each in cells.items():
            if variant == slug:
                usual = of_dense(cells, model, benchmark)
                parts.append(share_of(each, usual, sign, 1 / len(set(models)) / models.count(model), benchmark))
        value, low, high = interval(parts)
        compared.row("claims", row, {"estimate": value, "low": low, "high": high, "p": p_value(parts)})


def in_pairs(rows):
    """Rows of the study's judge against the dense model's texts: x and y, both scores, and w, what R divides by."""
    rows = rows[(rows["against"] == "dense") & (rows["judge"] == rows["main"])]
    frames = []
    for _, each in rows.groupby("rubric"):
        own, other = scored(each)
        point = each["verdict"].map(POINTS).to_numpy(float) / 100 + 0.5
        x, y, w = (
            (own, other, other) if not np.isnan(own).all() else (point, 1 - point, np.where(point >= 0, 0.5, np.nan))
        )
        known = ~np.isnan(x) & ~np.isnan(y)
        frames.append(
            each.assign(x=np.where(known, x, np.nan), y=np.where(known, y, np.nan), w=np.where(known, w, np.nan))
        )
    return pd.concat(frames)


def of_dense(cells, model, benchmark):
    """The mean by rubric of what scores are divided by, over all variants of a model."""
    every = [in_pairs(rows) for (whose, slug, name), rows in cells.items()
             if whose == model and name == benchmark and slug != "dense"]  # fmt: skip
    return pd.concat(every).groupby("rubric")["w"].mean()


def share_of(rows, usual, sign, share, benchmark):
    rows = in_pairs(rows)
    by = rows["rubric"].map(usual).to_numpy(float)
    x, y, w = (rows[name].to_numpy() / by for name in ("x", "y", "w"))
    return part(rows, sign * 100 * (x - 0.95 * y), 100, "id", w, share) | {"benchmark": benchmark}


def main(results):
    tables = {name: pd.read_parquet(results / "tables" / f"{name}.parquet") for name in ("judged", "judges", "claims")}
    compared, frames = Comparison(), {}
    for path in sorted(results.glob("*/*/judgements/*.parquet")):
        about = json.loads(pq.read_schema(path).metadata[b"knowcost"])
        place = about["model"], about["variant"], about["benchmark"]
        frames[place] = pd.read_parquet(path).assign(variant=place[1], kind=about["kind"], main=about["judges"][0])
    for row in tables["judged"].to_dict("records"):
        rows = frames[row["model"], row["variant"], row["benchmark"]]
        rows = rows[(rows[ALIKE] == [row[name] for name in ALIKE]).all(axis=1)]
        inside = (rows["relation"] == row["part"]).to_numpy() if row["part"] else np.ones(len(rows), bool)
        own, other = (each[inside] for each in scored(rows))
        compared.row("judged", row, of_judged(rows[inside], own, other, row["variant"]))
    for row in tables["judges"].to_dict("records"):
        mine = [rows for (model, _, name), rows in frames.items() if (model, name) == (row["model"], row["benchmark"])]
        every = pd.concat(mine, ignore_index=True)
        asked = every[(every["rubric"] == row["rubric"]) & (every["against"] == row["against"])]
        of = asked[asked["judge"] == row["judge"]].reset_index(drop=True)
        second = asked[asked["judge"] == row["second_judge"]]
        compared.row("judges", row, of_judges(of) | (kappa(of, second) if len(second) else {}))
    matches({place: rows for place, rows in frames.items() if "@published" not in place[2]}, tables["claims"], compared)
    return 0 if compared.report() else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("results"))
    sys.exit(main(parser.parse_args().results))
