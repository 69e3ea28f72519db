"""The report's tables of what right and wrong do not say: probabilities, answers given whatever is asked, phrasings,
and known bits per parameter; and the answer's sentences on them."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from knowcost.aggregate.yardsticks import nearest_level
from knowcost.recover.wording import in_words
from knowcost.report.saying import listed, points
from knowcost.report.table import GONE, Cell, Column, Table, columns, estimate, interval, number, row, variant, whole
from knowcost.spec.variants import DENSE

Record = Mapping[Hashable, Any]
CHANCE = {
    "guessed_percent": "by guessing alone",
    "unrelated_percent": "if answers to a fact's phrasings were unrelated",
}
GIVEN = ("given_percent", "dense_given_percent", "right_percent", "drop_points")


def probabilities(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model and benchmark: probability of the right answer, flips, divergence and calibration."""
    note = (
        "The probability of the right answer (%) and what was lost of it, in points and in nats (logarithm); facts"
        " that turned wrong, right, or to another wrong answer; the Kullback-Leibler divergence from the dense "
        "model over the answers (nats; a lower bound where only a part of them is known), its mean and 99th "
        "percentile; Brier score and expected calibration error, and how they changed. 95% intervals below."
    )
    titles = ["probability", "lost (points)", "lost (nats)", "forgotten", "gained", "other wrong", "KL", "KL, 99%",
              "Brier", "change", "ECE (%)", "change (points)"]  # fmt: skip
    for (model, benchmark), rows in frame.groupby(["model", "benchmark"], sort=False):
        made = [_probable(record) for record in rows.to_dict("records")]
        title = f"More than right and wrong: {model} on {benchmark}"
        yield Table(title, note, columns(["variant"], titles), made, folded=True)


def _probable(record: Record) -> list[Cell]:
    counts = [whole(record[name], GONE) for name in ("forgotten", "gained", "changed")]
    return [
        variant(record["variant"]),
        *row([], [number(100 * record["probability"], gone=GONE)]),
        estimate(interval(record, "probability_points", "probability"), record["probability_decision"]),
        estimate(interval(record, "log_change", "log"), form=".3f"),
        *row([], counts),
        estimate(interval(record, "kl_mean", "kl"), form=".3f"),
        *row([], [number(record["kl_p99"], ".3f", GONE), number(record["brier"], ".3f", GONE)]),
        estimate(interval(record, "brier_change", "brier"), form=".3f"),
        *row([], [number(100 * record["ece"], gone=GONE)]),
        estimate(interval(record, "ece_change", "ece", times=100)),
    ]


def answer_bias(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: which answer is given most, and how much of a loss is a shifted threshold."""
    note = (
        "The answer that is given most, and how often; how often the dense model gives it, and how often it is "
        "right. Of two choices: the points lost, how many of them are gone once both models give each answer as "
        "often as it is right (a shifted threshold), and how many are left."
    )
    titles = ["given (%)", "dense (%)", "right (%)", "points lost", "threshold", "left"]
    heads = columns(["variant", "benchmark", "answer"], titles)
    yield from _per_model(frame, "Answers whatever is asked", note, heads, _biased)


def _biased(record: Record) -> list[Cell]:
    return [
        variant(record["variant"]),
        *row([record["benchmark"], record["answer"]]),
        *row([], [number(record[name], gone=GONE) for name in GIVEN]),
        estimate(interval(record, "explained_points", "explained")),
        estimate(interval(record, "left_points", "left")),
    ]


def phrasings(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: facts known in any, in all phrasings, and of those forgotten in one, in another."""
    note = (
        "Facts that are right in any of their phrasings, in all; how often two phrasings of a fact get the same "
        "answer. Of what was forgotten in one phrasing, the share that is known in another, beside what it would "
        "be if the answers to a fact's phrasings had nothing to do with each other, and by guessing."
    )
    titles = ["facts", "any (%)", "all (%)", "same answer (%)", "known in another (%)", "unrelated (%)", "guessed (%)"]
    yield from _per_model(frame, "Phrasings", note, columns(["variant", "benchmark"], titles), _phrased)


def _phrased(record: Record) -> list[Cell]:
    return [
        variant(record["variant"]),
        *row([record["benchmark"]], [whole(record["facts"])]),
        *row([], [number(record[name], gone=GONE) for name in ("any_percent", "all_percent")]),
        estimate(interval(record, "consistency_percent", "consistency")),
        estimate(interval(record, "known_elsewhere_percent", "known_elsewhere")),
        *row([], [number(record[name], gone=GONE) for name in ("unrelated_percent", "guessed_percent")]),
    ]


def capacity(frame: pd.DataFrame) -> Iterator[Table]:
    """A folded table per model: what it knows in bits, a row per variant and benchmark."""
    note = (
        "How much likelier the right answers are than to one who knows only how often each is right or, among choices, "
        "guesses, in bits: a fact, added up, and for a thousand parameters. Below zero: surer of something else."
    )
    heads = columns(["variant", "benchmark"], ["bits a fact", "bits", "dense", "bits per 1,000 parameters"])
    yield from _per_model(frame, "Known bits", note, heads, _known)


def _known(record: Record) -> list[Cell]:
    return [
        *row([in_words(record["variant"]), record["benchmark"]], []),
        estimate(interval(record, "bits_per_fact", "bits"), form=".2f"),
        *row([], [whole(record["bits_known"]), whole(record["dense_bits_known"])]),
        *row([], [number(1000 * record["bits_per_parameter"], ".2f")]),
    ]


def _per_model(
    frame: pd.DataFrame, title: str, note: str, heads: list[Column], cells: Callable[[Record], list[Cell]]
) -> Iterator[Table]:
    """A folded table per model; cells: of a row of the frame."""
    for model, rows in frame.groupby("model", sort=False):
        made = [cells(record) for record in rows.to_dict("records")]
        yield Table(f"{title}: {model}", note, heads, made, folded=True)


TABLES = {"probabilities": probabilities, "answer_bias": answer_bias, "phrasings": phrasings, "capacity": capacity}


def shifted(bias: pd.DataFrame) -> Iterator[str]:
    """A sentence on the loss of which a shifted threshold explains most, model by model, and of how many it is that."""
    said = []
    for model, rows in bias[bias["explained_low"] > 0].groupby("model", sort=False):
        record = rows.sort_values("explained_points").iloc[-1].to_dict()
        cells = int(bias[bias["model"] == model]["explained_points"].notna().sum())
        most = f" (the most of {whole(cells)} cells, not corrected for that)" if cells > 1 else ""
        share = points(*interval(record, "explained_points", "explained"))
        said.append(
            f"{share} of the {number(record['drop_points'])} points that {model} loses on {record['benchmark']} with "
            f"{in_words(record['variant'])}, which answers “{record['answer']}” to "
            f"{number(record['given_percent'])}%{most}"
        )
    if said:
        yield f"A shifted threshold explains {listed(said, '; ')}."


def elsewhere(phrasings: pd.DataFrame) -> Iterator[str]:
    """A sentence on how much of what was forgotten in one phrasing is right in another: where most was forgotten of
    what is shown to be more than guessing gives."""
    said, not_shown = [], []
    there = phrasings[phrasings["known_elsewhere_low"].notna()]
    for model, rows in there.groupby("model", sort=False):
        shown = rows[~(rows["known_elsewhere_low"] <= rows["guessed_percent"])]
        if shown.empty:
            not_shown.append(str(model))
            continue
        record = shown.sort_values("forgotten", kind="stable").iloc[-1].to_dict()
        share = points(*interval(record, "known_elsewhere_percent", "known_elsewhere"), "%")
        chance = [f"{number(record[name])}% {words}" for name, words in CHANCE.items() if pd.notna(record[name])]
        said.append(
            f"{share} of the {whole(record['forgotten'])} answers that {model} lost on {record['benchmark']} with "
            f"{in_words(record['variant'])}"
            + f" ({listed(chance, ', ')})" * bool(chance)
            + f", where most was lost of the {whole(len(shown))} of {whole(len(rows))} variants that show more"
        )
    if said:
        yield f"Forgotten in one phrasing, right in another: {listed(said, '; ')}."
    if not_shown:
        yield f"What {listed(not_shown)} lost is not shown to be known in another phrasing: guessing gives as much."


def bits(capacity: pd.DataFrame) -> Iterator[str]:
    """A sentence on what the models know in bits, on the benchmark that most were asked, and what pruning leaves."""
    dense = capacity[(capacity["variant"] == DENSE) & (capacity["bits_low"] > 0)]
    if dense.empty:
        return
    asked = dense.groupby("benchmark", sort=False)["bits_known"].agg(["size", "sum"]).sort_values(["size", "sum"])
    benchmark, said = asked.index[-1], []
    for record in dense[dense["benchmark"] == benchmark].to_dict("records"):
        here = capacity[(capacity["benchmark"] == benchmark) & (capacity["model"] == record["model"])]
        pruned = here[(here["experiment"] == "prune") & (here["scope"] == "overall")]
        at = pruned[pruned["level"] == nearest_level(pruned["level"])]
        per_fact = "{}, {} to {}".format(*(number(each, ".2f") for each in interval(record, "bits_per_fact", "bits")))
        left = [f", {whole(each['bits_known'])} with {in_words(each['variant'])}" for each in at[:1].to_dict("records")]
        said.append(
            f"{record['model']} knows {whole(record['bits_known'])} bits ({per_fact} a fact; "
            f"{number(1000 * record['bits_per_parameter'], '.2f')} for a thousand parameters){''.join(left)}"
        )
    yield f"Beyond guessing, of {benchmark}: {'; '.join(said)}."


SENTENCES = {"answer_bias": shifted, "phrasings": elsewhere, "capacity": bits}
