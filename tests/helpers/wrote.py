"""Made-up rows of the tables on what models write and what judges say of it. For tests only."""

from math import nan

import pandas as pd

from knowcost.aggregate import examples, judged, judges, rule, tables, written

SLUGS = ["magnitude-20@overall", "magnitude-40@overall", "magnitude-60@overall", "wanda-20@overall",
         "wanda-40@overall", "wanda-60@overall", "magnitude-2of4@overall", "wanda-2of4@overall", "int8@overall",
         "gptq-4bit@overall", "gptq-3bit@overall", "magnitude-40@attention"]  # fmt: skip
DENSE = {"unique_tokens": 60.0, "repeated": 4.0, "loops": 1.0, "tokens": 90.0, "rougeL": 35.0, "kept": 90.0}


def harm(slug):
    """How much worse a made-up variant writes, from 0 to 1."""
    return {"20": 0.02, "40": 0.1, "60": 0.6, "2of4": 0.4, "3bit": 0.2, "4bit": 0.05}.get(
        slug.split("@")[0].split("-")[-1], 0.01
    )


def measured(slug, measure, benchmark="talk", part="", model="m", **more):
    """A row of `written`."""
    dense, worse = DENSE[measure], 0.0 if slug == "dense" else harm(slug)
    more_is_worse = measure in ("repeated", "loops")
    value = dense + 50 * worse if more_is_worse else dense * (1 - worse)
    change, wide = value - dense, dense / 20 + 1
    decision = rule.decide(abs(change), abs(change) - wide, abs(change) + wide, 1)
    row = {"family": "decoder", "model": model, **tables.describe(slug), "benchmark": benchmark, "part": part}
    row |= {"measure": measure, "n": 40, "clusters": 20, "value": value, "dense": dense, "change": change}
    row |= {"low": change - wide, "high": change + wide, "limit": nan, "noise": nan, "dropped": ""}
    if measure == "kept":
        row |= {"dense": nan, "change": nan, "low": value - wide, "high": value + wide}
    told = measure not in ("kept", "tokens") and slug != "dense"
    return row | {"decision": decision if told else ""} | more


def judgement(slug, rubric="mt_bench_pair", benchmark="talk", part="", model="m", **more):
    """A row of `judged`."""
    worse = harm(slug)
    loss, win = round(12 + 26 * worse), round(10 - 9 * worse)
    preference = 100 * (win + (40 - win - loss) / 2) / 40 - 50
    row = {"family": "decoder", "model": model, **tables.describe(slug), "benchmark": benchmark, "part": part}
    row |= {"rubric": rubric, "judge": "gpt", "against": "dense", "n": 40, "clusters": 20, "wins": win, "losses": loss}
    row |= {"ties": 40 - win - loss, "failed": 0, "empty": 0, "preference": preference, "low": preference - 8}
    row |= {"high": preference + 8, "score": 8 * (1 - worse), "other_score": 8.0, "score_change": -8 * worse}
    row |= {"score_low": -8 * worse - 0.3, "score_high": -8 * worse + 0.3}
    return row | {"decision": rule.UNSURE if preference > -8 else rule.COSTS} | more


def judge(rubric="mt_bench_pair", benchmark="talk", **more):
    """A row of `judges`, of a judge that nothing speaks against."""
    row = {"family": "decoder", "model": "m", "benchmark": benchmark, "rubric": rubric, "judge": "gpt"}
    row |= {"against": "dense", "answered_by": "gpt-2026", "n": 480, "swapped": 476, "flipped": 61}
    row |= {"flipped_percent": 12.9, "flipped_low": 10.1, "flipped_high": 15.7, "unparsed": 4, "too_long": 0}
    row |= {"first_preferred": 53.0, "first_low": 49.0, "first_high": 57.0, "null_n": 40, "null_win": 2}
    row |= {"null_tie": 36, "null_loss": 2, "null_flipped": 2, "longer_wins": 58.0, "longer_low": 51.0}
    row |= {"longer_high": 65.0, "length_change": -4.0, "length_correlation": 0.1, "length_low": 0.02}
    return row | {"length_high": 0.2, "second_judge": "", "compared": nan} | more


def frames(measures=(), verdicts=(), about=(), texts=()):
    """The tables of these rows, with the kinds of two benchmarks."""
    kinds = [{"benchmark": "news", "kind": "summary"}, {"benchmark": "talk", "kind": "conversation"}]
    return {
        "written": pd.DataFrame(measures, columns=written.COLUMNS),
        "judged": pd.DataFrame(verdicts, columns=judged.COLUMNS),
        "judges": pd.DataFrame(about, columns=judges.COLUMNS),
        "examples": pd.DataFrame(texts, columns=examples.COLUMNS),
        "benchmarks": pd.DataFrame(kinds),
    }
