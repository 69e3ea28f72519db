"""Tables by hand for the answer's sentences."""

from math import nan

import pandas as pd

from helpers import wrote
from knowcost.aggregate import answer_bias, capacity, halves, phrasings, recovered, relearned, rule, statistics, tables
from knowcost.aggregate import drops as aggregated
from knowcost.aggregate import front as fronts

FAMILY = {"a": "encoder", "b": "encoder_decoder", "c": "decoder"}  # by a model's first letter


def row(model, slug, loss, decision=rule.COSTS, **more):
    """A row of drops_by_model, or of drops where `model` is a family. loss: (points, low, high)."""
    names = {"family": model} if model in FAMILY.values() else {"family": FAMILY[model[0]], "model": model}
    numbers = dict(zip(("drop_points", "drop_low", "drop_high"), loss, strict=True))
    least = {"models": 1, "pairs": 1, "knowing": 1, "worst_benchmark": "", "worst_points": nan, "needed": nan}
    least |= {"kept_percent": 50.0, "kept_least": 40.0, "probability_points": nan, "probability_decision": ""}
    return names | tables.describe(slug) | numbers | {"decision": decision} | least | more


def cell(model, benchmark="trex", accuracy=0.5, n=1000, slug="dense", **more):
    """A row of scores."""
    dense = {"dense_accuracy": accuracy}
    about = {"family": FAMILY[model[0]], "model": model, "benchmark": benchmark, "n": n, "accuracy": accuracy}
    return about | tables.describe(slug) | dense | more


def kept(model, slug, saved, percent, least, level=95):
    """A row of cheapest; no variant where slug is ""."""
    about = {"family": FAMILY[model[0]], "model": model, "keep_at_least": level, "variant": slug}
    return about | {"bytes_saved_percent": saved, "kept_percent": percent, "kept_least": least, "as_small": ""}


def point(model, slug, real_bytes, least=100.0, reference=None):
    """A row of front, of a model's own series where no reference is given."""
    about = {"series": reference or model, "family": FAMILY[model[0]], "model": model, "reference": reference or model}
    return about | tables.describe(slug) | {"real_bytes": real_bytes, "kept_least": least}


def more(model, slug, loss, decision):
    """A row of halves."""
    numbers = dict(zip(("difference_points", "difference_low", "difference_high"), loss, strict=True))
    return {
        "family": FAMILY[model[0]],
        "model": model,
        **tables.describe(slug),
        **numbers,
        "decision": decision,
        "per_weight_low": nan,
        "per_weight_high": nan,
    }


def data(rows, scores=None, cheapest=(), contrasts=(), facts=(), front=None):
    """{name: frame}; without scores every model answers 500 of trex's 1,000 facts right, and was asked nothing else;
    without front a dense model takes 200 MB."""
    if front is None:
        real = {(each["model"], each["variant"]): 2e6 * (100 - each["bytes_saved_percent"]) for each in cheapest}
        real |= {(each["model"], "dense"): 2e8 for each in rows if "model" in each}
        front = [point(*each, size) for each, size in real.items() if each[1]]
    by_model = [each for each in rows if "model" in each]
    if scores is None:
        scores = [cell(name) for name in dict.fromkeys(each["model"] for each in by_model)]
        scores += [cell(each["model"], slug=each["variant"]) for each in by_model]
    return {
        **wrote.frames(),
        "scores": pd.DataFrame(scores, columns=[*aggregated.SCORES]),
        "drops_by_model": pd.DataFrame(by_model, columns=aggregated.BY_MODEL),
        "drops": pd.DataFrame([each for each in rows if "model" not in each], columns=aggregated.BY_FAMILY),
        "cheapest": pd.DataFrame(cheapest, columns=["family", "model", "keep_at_least", *aggregated.CHEAPEST]),
        "front": pd.DataFrame(front, columns=fronts.COLUMNS),
        "recovered": pd.DataFrame(columns=recovered.COLUMNS),
        "relearned": pd.DataFrame(columns=relearned.COLUMNS),
        "answer_bias": pd.DataFrame(columns=answer_bias.COLUMNS),
        "phrasings": pd.DataFrame(columns=phrasings.COLUMNS),
        "capacity": pd.DataFrame(columns=capacity.COLUMNS),
        "facts": pd.DataFrame(facts, columns=statistics.COLUMNS),
        "halves": pd.DataFrame(contrasts, columns=halves.COLUMNS),
    }
