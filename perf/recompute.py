"""Recompute losses and verdicts of a run from its rows, by docs/statistics.md and with nothing of knowcost.

    python perf/recompute.py [--results results] [--benchmarks resources/benchmarks]

Reads the scores (one row per fact), the prepared benchmarks, and the tables made of them; prints for every column how
many were recomputed and how far the farthest is off; ends with 1 where a number is off by more than 1e-6, or a word is
another. Not recomputed: what was compressed elsewhere, and what was scored as published (its loss of the final layer).
"""

import argparse
import functools
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import recompute_claims
import recompute_probabilities
from by_hand import baseline, decision, differing, holm, interval, mcnemar, needed

FULL = 50  # known facts with which a benchmark weighs in full


class Cells:
    """The rows of one model on one benchmark: facts, and right and probability by variant."""

    def __init__(self, results, benchmarks, family, model, benchmark, slugs):
        self.family, self.model, self.benchmark = family, model, benchmark
        frames = {slug: pd.read_parquet(results / model / slug / "scores" / f"{benchmark}.parquet") for slug in slugs}
        self.frames, dense = frames, frames["dense"]
        table = pq.read_table(benchmarks / f"{benchmark}.parquet").to_pandas().set_index("id", drop=False)
        self.facts = table.loc[dense["id"]]
        self.clusters, self.n = self.facts["cluster"].to_numpy(), len(dense)
        self.right = {slug: frame["correct"].to_numpy(bool) for slug, frame in frames.items()}
        self.probability = {slug: self._probability(frame) for slug, frame in frames.items()}
        noises = defaultdict(lambda: np.nan)
        for slug, frame in frames.items():
            if frame["again"].notna().all():
                once, again = frame["correct"].astype(bool), frame["again"].astype(bool)
                moved = max(abs(int(once.sum()) - int(again.sum())), 1.959964 * np.sqrt((once != again).sum()))
                noises["int8" in slug] = np.nanmax([noises["int8" in slug], 100 * moved / self.n])
        self.noise = {slug: np.nan_to_num(noises["int8" in slug]) for slug in frames}
        self.baseline = baseline(self.facts)

    @staticmethod
    def _probability(frame):
        among = [0.0 if each is None else np.log(np.exp(each.astype(float)).sum()) for each in frame["choice_logprobs"]]
        return np.exp(frame["logprob"].to_numpy(float) - among)

    @property
    def known(self):
        return self.right["dense"]

    @functools.cached_property
    def knows(self):
        if np.isnan(self.baseline):
            return bool(self.known.any())
        return interval([self.part(100 * (self.known - self.baseline))])[1] > 0

    def part(self, values, over=None, share=1.0, noise=0.0, flip=100.0):
        over = np.ones(self.n) if over is None else over
        about = {"benchmark": self.benchmark, "clusters": self.clusters, "facts": self.facts["fact"].to_numpy()}
        about |= {"share": share, "noise": noise, "flip": flip}
        return about | {"values": values, "over": over}

    def loss(self, name, slug):
        """(values, over) of a loss, None where the benchmark does not bear on it."""
        lost = 100.0 * (self.known.astype(float) - self.right[slug])
        if name == "kept":
            return np.where(self.known, 100.0 - lost, np.nan), None
        if name in ("forgotten", "gained"):
            return np.maximum(lost if name == "forgotten" else -lost, 0), None
        if name == "changed":
            dense, variant = (self.frames[each]["prediction"].to_numpy(object) for each in ("dense", slug))
            told = np.array([each["prediction"].ne("") | each["logprob"].isna() for each in
                             (self.frames["dense"], self.frames[slug])]).all(axis=0)  # fmt: skip
            wrong = ~self.known & ~self.right[slug]
            known = told[wrong].any() or not wrong.any()
            return (100.0 * (wrong & told & (dense != variant)), None) if known else (np.full(self.n, np.nan), None)
        if name == "lead_lost":
            return None if np.isnan(self.baseline) else (lost, self.known - self.baseline)
        if name == "probability":
            change = 100 * (self.probability["dense"] - self.probability[slug])
            return None if np.isnan(self.probability["dense"]).all() else (change, None)
        return lost, None


def parts_of(of, models, slug, noisy=True):
    """What by_hand.estimate takes of a mean over benchmarks, then over models; models: lists of Cells; of: a loss of
    Cells; noisy: whether repeating the measurement is known to move it."""
    sums = []
    for cells in models:
        told = [cell for cell in cells if cell.knows and of(cell) and len(set(cell.clusters)) > 1]
        found = {cell: min(1, cell.known.sum() / FULL) for cell in told}
        if found:
            sums.append(found)
    return [
        cell.part(*of(cell), weight / sum(found.values()) / len(sums), cell.noise[slug] * noisy)
        for found in sums for cell, weight in found.items()
    ]  # fmt: skip


def mean_loss(of, models, slug, level=0.95, noisy=True):
    """(value, low, high) of such a mean."""
    parts = parts_of(of, models, slug, noisy)
    return interval(parts, level) if parts else (np.nan,) * 3


def losses(models, slug, several):
    """The columns of drops and drops_by_model."""
    row = {}
    for name in ("drop", "forgotten", "gained", "changed", "kept", "lead_lost", "probability"):
        unit = "percent" if name in ("kept", "lead_lost") else "points"
        ends = mean_loss(lambda cell, name=name: cell.loss(name, slug), models, slug, noisy=name != "probability")
        row |= dict(zip((f"{name}_{unit}", f"{name}_low", f"{name}_high"), ends, strict=True))
    row["kept_least"] = mean_loss(lambda cell: cell.loss("kept", slug), models, slug, 1 - 0.05 / several)[1]
    knowing = [cell for cells in models for cell in cells if cell.knows]
    counted = [cell for cell in knowing if len(set(cell.clusters)) > 1]
    changed = differing(parts_of(lambda cell: cell.loss("drop", slug), models, slug))
    ends = row["drop_points"], row["drop_low"], row["drop_high"]
    row["decision"] = decision(*ends, changed) if knowing else "nothing known"
    if row["decision"] == "not precise enough":
        facts = sum({cell.benchmark: cell.facts["fact"].nunique() for cell in counted}.values())
        same = all((cell.right[slug] == cell.known).all() for cell in counted)
        row["needed"] = needed(facts, row["drop_points"], row["drop_low"], row["drop_high"], same)
    by_benchmark = pd.Series({(c.model, c.benchmark): np.mean(c.loss("drop", slug)[0]) for c in counted}, dtype=float)
    if counted:
        worst = by_benchmark.groupby(level=1, sort=False).mean()
        row["worst_points"] = worst.max()
        if (worst == worst.max()).sum() == 1:  # of several the table names the first
            row["worst_benchmark"] = worst.idxmax()
    return row


def difference(models, one, other):
    """The columns of halves: what one variant loses less what another does."""

    def of(cell):
        return cell.loss("drop", one)[0] - cell.loss("drop", other)[0], None

    value, low, high = mean_loss(of, models, one)
    made = {"difference_points": value, "difference_low": low, "difference_high": high}
    return made | {"decision": decision(value, low, high, differing(parts_of(of, models, one)))}


def beyond(cell, slug, tolerance):
    """The columns of matching_levels: points lost beyond a share of the accuracy, and of the lead."""
    made = {}
    for name, base in (("", 0.0), ("lead_", cell.baseline)):
        if not name or (cell.knows and not np.isnan(base)):
            values = cell.loss("drop", slug)[0] - 100 * tolerance * (cell.known - base)
            value, low, high = interval([cell.part(values, noise=cell.noise[slug])])
            made |= {f"{name}beyond_points": value, f"{name}beyond_low": low, f"{name}beyond_high": high}
            made[f"{name}match"] = "matches" if high < 0 else "falls short" if low > 0 else "cannot tell"
    return made


def cheapest(by_model, least, telling):
    """The variant that saves most bytes of those that are shown to keep a share; neither a recovery of the dense model
    nor one on texts that tell facts that are asked (telling: their names)."""
    parts = [slug.partition("^") for slug in by_model["variant"]]  # texts: the recovery's own, else the compression's
    recovery = [[*re.findall("~([^~+]+)", f"{after}+{before}"), ""][0] if after else "" for before, _, after in parts]
    controls = by_model["variant"].str.startswith("dense^")
    by_model = by_model[~controls & ~pd.Series(recovery, index=by_model.index).isin(telling)]
    fit = by_model[(by_model["kept_least"] >= least) & (by_model["bytes_saved_percent"] > 0)]
    fit = fit.sort_values(["bytes_saved_percent", "kept_percent"], ascending=False)
    return fit["variant"].iloc[0] if len(fit) else ""


def per_cell(cells):
    """The rows of facts: one per variant of a model on a benchmark."""
    slugs = [slug for slug in cells.right if slug != "dense"]
    rows = {}
    for slug in slugs:
        lost, got = cells.known & ~cells.right[slug], ~cells.known & cells.right[slug]
        row = {"forgotten": lost.sum(), "gained": got.sum(), "mcnemar_p": mcnemar(lost, got, cells.clusters)}
        ends = interval([cells.part(*cells.loss("drop", slug), noise=cells.noise[slug])])
        rows[slug] = row | dict(zip(("drop_points", "drop_low", "drop_high"), ends, strict=True))
    for slug, p in holm({slug: row["mcnemar_p"] for slug, row in rows.items()}).items():
        rows[slug]["holm_p"] = p
    return rows


def folders():
    """(results, benchmarks): the folders that the command line names, else those of the study in this one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--benchmarks", type=Path, default=Path("resources/benchmarks"))
    asked = parser.parse_args()
    return asked.results, asked.benchmarks


class Comparison:
    """How far the recomputed numbers are from those of the tables."""

    def __init__(self):
        self.off = defaultdict(list)

    def row(self, table, printed, made):
        for name, value in made.items():
            there = printed[name]
            if pd.isna(value) and pd.isna(there):
                continue
            if isinstance(value, str) or pd.isna(value) or pd.isna(there):
                self.off[table, name].append(0.0 if there == value else np.inf)
            else:
                self.off[table, name].append(abs(value - there) / max(1.0, abs(there)))

    def report(self):
        for (table, name), off in self.off.items():
            print(f"{table:16} {name:20} {len(off):6} recomputed, off by {max(off):.1e} at most")
        return all(max(off) < 1e-6 for off in self.off.values()) and bool(self.off)


def rows_of(table, **keys):
    """The rows of a table with these values, by variant."""
    for name, value in keys.items():
        table = table[table[name] == value]
    return table.set_index("variant", drop=False)


def main(results, benchmarks):
    names = (
        "scores",
        "facts",
        "drops_by_model",
        "drops",
        "cheapest",
        "halves",
        "matching_levels",
        "claims",
        "probabilities",
    )
    tables = {name: pd.read_parquet(results / "tables" / f"{name}.parquet") for name in names}
    scores = tables["scores"]
    scores = scores[~scores["variant"].str.contains("lost@") & ~scores["benchmark"].str.contains("@published")]
    compared, families = Comparison(), defaultdict(lambda: defaultdict(list))
    for (family, model, benchmark), rows in scores.groupby(["family", "model", "benchmark"], sort=False):
        if "dense" not in set(rows["variant"]):
            continue
        alike = rows[(rows["variant"] == "dense") | rows["drop_points"].notna()]  # others were asked other facts
        cells = Cells(results, benchmarks, family, model, benchmark, list(alike["variant"]))
        families[family][model].append(cells)
        printed = rows_of(tables["facts"], model=model, benchmark=benchmark)
        said = rows_of(tables["probabilities"], model=model, benchmark=benchmark)
        for slug, made in per_cell(cells).items():
            compared.row("facts", printed.loc[slug], made)
            compared.row("probabilities", said.loc[slug], recompute_probabilities.probabilities(cells, slug))
    for family, models in families.items():
        expected = {cells.benchmark for each in models.values() for cells in each}
        whole = defaultdict(list)  # the models that have a variant on all of the family's benchmarks
        for model, each in models.items():
            printed = rows_of(tables["drops_by_model"], model=model)
            several = len({slug for cells in each for slug in cells.right} - {"dense"})
            for slug in printed.index:
                if {cells.benchmark for cells in each if slug in cells.right} == expected:
                    whole[slug].append(each)
                    compared.row("drops_by_model", printed.loc[slug], losses([each], slug, several))
            telling = {name for cells in each for name in cells.facts["stated_in"].dropna()}
            for row in tables["cheapest"][tables["cheapest"]["model"] == model].to_dict("records"):
                compared.row("cheapest", row, {"variant": cheapest(printed, row["keep_at_least"], telling)})
        printed = rows_of(tables["drops"], family=family)
        several = len({slug for each in models.values() for cells in each for slug in cells.right} - {"dense"})
        for slug, each in whole.items():
            compared.row("drops", printed.loc[slug], losses(each, slug, several))
    for row in tables["halves"].to_dict("records"):
        models = families[row["family"]]
        mine = [models[row["model"]]] if row["model"] else list(models.values())
        compared.row("halves", row, difference(mine, row["a"], row["b"]))
    for row in tables["matching_levels"].to_dict("records"):
        (cell,) = (each for each in families[row["family"]][row["model"]] if each.benchmark == row["benchmark"])
        compared.row("matching_levels", row, beyond(cell, row["variant"], row["tolerance"]))
    compare_claims(compared, families, tables["claims"])
    return 0 if compared.report() else 1


def compare_claims(compared, families, claims):
    """Compare the verdicts; the correction for all of them only where all could be recomputed."""
    judged = claims[claims["holm_p"].notna()]
    made = recompute_claims.recompute(families)
    all_of_them = set(made) == set(zip(judged["claim"], judged["family"], strict=True))
    for row in judged.to_dict("records"):
        mine = made.get((row["claim"], row["family"]), {})
        corrected = ("verdict", "holm_p") if not all_of_them else ()
        compared.row("claims", row, {name: value for name, value in mine.items() if name not in corrected})


if __name__ == "__main__":
    sys.exit(main(*folders()))
