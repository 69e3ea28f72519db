"""Rows for plots, and what a drawn panel holds. For tests only."""

from math import nan

import pandas as pd

from knowcost.draw import plots, style


def cells(**columns):
    frame = pd.DataFrame(columns)
    defaults = {"panel": plots.ALL, "majority_drop_percent": nan, "why": "", "mark": nan, "decision": ""}
    defaults |= {"percent_low": nan, "percent_high": nan}
    defaults |= {"mean_decision": "", "mean_points": nan, "mean_low": nan, "mean_high": nan}
    return frame.assign(**{key: value for key, value in defaults.items() if key not in frame})


TWO_MODELS = cells(
    model=["a", "b"] * 4,
    scope=["overall"] * 4 + ["attention"] * 4,
    level=[20, 20, 40, 40] * 2,
    drop_percent=[2.0, 4.0, 10.0, 20.0, 0.0, 1.0, 3.0, 5.0],
    majority_drop_percent=[20.0, 40.0] * 4,
)


def crosses(axis):
    return {line.get_color(): list(line.get_xdata()) for line in axis.lines if line.get_marker() == "x"}


def points(axis):
    """{colour: heights} of lines that join points."""
    lines = [line for line in axis.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    return {line.get_color(): list(line.get_ydata()) for line in lines}


def dots(axis):
    """{(colour, x): how the dot there is drawn} of marked points."""
    looks = {style.HOLLOW["markersize"]: "hollow", style.SMALL["markersize"]: "small", style.SIZE: "filled"}
    lines = [line for line in axis.lines if line.get_linestyle() == "None" and line.get_marker() != "x"]
    return {(line.get_color(), x): looks[line.get_markersize()] for line in lines for x in line.get_xdata()}


def diamonds(axis):
    (line,) = [line for line in axis.lines if line.get_marker() == "D"]
    return [(x, round(y, 3)) for x, y in zip(*line.get_data(), strict=True) if x == x]
