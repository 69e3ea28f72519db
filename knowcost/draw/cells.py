"""What the figures of one family show: its cells as rows for plots, and who was asked what."""

from collections.abc import Mapping

import pandas as pd

from knowcost.aggregate import paper_tables
from knowcost.aggregate.asked import asked
from knowcost.draw.plots import ALL, MISSING, UNKNOWN
from knowcost.spec.variants import AS_PUBLISHED, DENSE, parse

PAIR = ["model", "variant"]
CELL = [*PAIR, "benchmark"]
DROPS = ["drop_percent", "majority_drop_percent", "decision"]
OF_MEAN = {"drop_points": "mean_points", "drop_low": "mean_low", "drop_high": "mean_high", "decision": "mean_decision"}


def cells_of(mine: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per (panel, model, variant), as plots takes them: panel ALL holds means over benchmarks, the others one
    benchmark each. Every cell of the run's design has a row.

    mine: the tables of one family (scores, drops, drops_by_model, audit_published). decision: what the points that the
    model lost bear; percent_low, percent_high: the interval of the drop, of single benchmarks; mean_points, mean_low,
    mean_high, mean_decision: of the mean over models, where a table has it.
    """
    design = paper_tables.grid(mine["scores"])
    each = design[~design["experiment"].isin([DENSE, AS_PUBLISHED])]
    unknown = each["accuracy"].notna() & (each["dense_accuracy"] == 0)
    each = each.assign(panel=each["benchmark"], why=unknown.map({True: UNKNOWN, False: MISSING}))
    each["why"] = each["why"].where(each["drop_percent"].isna(), "")
    each = each.merge(_marks(mine), how="left", on=CELL)
    of = each["dense_accuracy"].where(each["dense_accuracy"] > 0)
    each = each.assign(percent_low=each["drop_low"] / of, percent_high=each["drop_high"] / of)
    of_family = mine["drops"][["variant", *OF_MEAN]].rename(columns=OF_MEAN)
    mean = _means(each, mine["drops_by_model"]).merge(of_family, how="left", on="variant")
    if each["model"].nunique() == 1:
        each = each.assign(**{new: each[old] for old, new in OF_MEAN.items()})
    made = pd.concat([mean, each], ignore_index=True)
    return made.fillna({"decision": "", "mean_decision": ""})


def _means(each: pd.DataFrame, drops: pd.DataFrame) -> pd.DataFrame:
    """The rows of panel ALL: drops as the table has them; a mark where every benchmark has one."""
    whole = each.groupby(PAIR, sort=False)
    more = pd.DataFrame(
        {
            "mark": whole["mark"].mean().where(whole["mark"].count() == whole.size()),
            "why": whole["why"].agg(lambda why: MISSING if MISSING in set(why) else UNKNOWN),
        }
    )
    means = (
        each.drop_duplicates(PAIR)
        .assign(panel=ALL)
        .drop(columns=["mark", "why", "percent_low", "percent_high", *DROPS])
    )
    means = means.merge(more, how="left", on=PAIR).merge(drops[[*PAIR, *DROPS]], how="left", on=PAIR)
    means["why"] = means["why"].where(means["drop_percent"].isna(), "")
    return means


def _marks(mine: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Drops to be marked, by (model, variant, benchmark): the printed ones; beside a pruned final layer, that of the
    same layer as the published code lost it."""
    lost = mine["scores"][mine["scores"]["experiment"] == AS_PUBLISHED]
    pruned = [parse(slug).without_loss.slug for slug in lost["variant"]]
    lost = lost.assign(variant=pruned, mark=lost["drop_percent"])
    printed = mine["audit_published"].rename(columns={"printed_drop_percent": "mark"})
    return pd.concat([rows[[*CELL, "mark"]] for rows in (lost, printed)]).dropna()


def interval_of(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Low and high of accuracies, in percent, by what was lost of them; nan without. rows: accuracy, and drop_points,
    drop_low and drop_high of the same facts."""
    return (
        rows["accuracy"] - (rows["drop_high"] - rows["drop_points"]),
        rows["accuracy"] + (rows["drop_points"] - rows["drop_low"]),
    )


def setting(scores: pd.DataFrame, phrasings: pd.DataFrame) -> str:
    """Who was asked what, for captions: models and benchmarks of this run with their numbers of facts; of the tables of
    these names."""
    models = scores["model"].unique()
    facts = ", ".join(f"{name} ({words})" for name, words in asked(scores, phrasings).items())
    return f"Model{'s' * (len(models) > 1)}: {', '.join(models)}. Asked: {facts}."
