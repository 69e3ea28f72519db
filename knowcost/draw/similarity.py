"""The figure of how nearly variants compute what the dense model does, layer by layer (Hoang et al. 2024, Figure 5)."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from knowcost.draw.drawn import Drawn
from knowcost.draw.style import LOOKS, finish, label, panels, wrapped
from knowcost.recover import registry
from knowcost.recover.wording import in_words
from knowcost.spec.families import LABELS
from knowcost.spec.variants import BROUGHT, DENSE, GROUPINGS, parse

MEASURED = {"attention": "attention", "activation": "states of the tokens"}
SCOPE = "overall"
ALONE = "not recovered"
DASHES = ("-", "--", ":", "-.")  # set a second round of LOOKS apart
Look = dict[str, str]


def layers(frame: pd.DataFrame, family: str) -> Iterator[Drawn]:
    """The cosine to the dense model over the layers, of one family's rows of the table `similarity`; nothing without.

    A row of panels for each model, text and variant that was recovered, with its recoveries; one for all variants with
    everything compressed, and those compressed elsewhere, of which nothing was recovered.
    """
    rows = frame[frame["grouping"].isin(["", GROUPINGS[0]])]
    groups = [(title, each) for title, each in _groups(rows) if len(each)]
    if not groups:
        return
    figure, axes = panels(2 * len(groups), 2, (4.6, 3.2))
    looks = _looks(list(dict.fromkeys(word for _, each in groups for word in each["words"])))
    for place, (title, each) in enumerate(groups):
        for side, (name, words) in enumerate(MEASURED.items()):
            axis = axes[2 * place + side]
            axis.set_title(wrapped(f"{title}\n{words}", 4.0, 9), fontsize=9)
            _panel(axis, each, name, looks)
    label(axes, "layer", "cosine to the dense model")
    title = f"Similarity to the dense model, layer by layer: {LABELS[family]} models"
    handles: list[Artist] = [Line2D([], [], label=words, **look) for words, look in looks.items()]  # type: ignore[arg-type]
    finish(figure, axes, title, handles)
    yield Drawn(f"similarity_{family}", title, _caption(rows), figure, family)


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(title, rows with the column `words`: what a line is called) of each row of panels."""
    for (model, text), here in rows.groupby(["model", "benchmark"], sort=False):
        recovered = [slug for slug in here["variant"].unique() if parse(slug).recovery]
        bases = dict.fromkeys(parse(slug).unrecovered.slug for slug in recovered)
        for base in bases:
            mine = here[[parse(slug).unrecovered.slug == base for slug in here["variant"]]]
            mine = mine[(mine["variant"] != DENSE)]
            yield f"{model}, {text}: {in_words(base)}", mine.assign(words=mine["variant"].map(_recovery))
        whole = (here["scope"] == SCOPE) | (here["experiment"] == BROUGHT)
        others = here[whole & ~here["variant"].isin([*bases, *recovered])]
        yield f"{model}, {text}", others.assign(words=others["variant"].map(in_words))


def _recovery(slug: str) -> str:
    recovery = parse(slug).recovery
    return registry.label(str(recovery)) if recovery else ALONE


def _looks(words: Sequence[str]) -> Mapping[str, Look]:
    """{what a line is called: its look}, no two alike among the first 32."""
    count = len(LOOKS)
    return {
        each: {"color": LOOKS[n % count][0], "marker": LOOKS[n % count][1], "linestyle": DASHES[n // count % 4]}
        for n, each in enumerate(words)
    }


def _panel(axis: Axes, rows: pd.DataFrame, name: str, looks: Mapping[str, Look]) -> None:
    """The lines of one measure, each with a band of one standard deviation."""
    for words, line in rows.groupby("words", sort=False):
        look, mean, spread = looks[str(words)], line[f"{name}_cosine"], line[f"{name}_sd"].fillna(0)
        axis.plot(line["layer"], mean, markersize=4, linewidth=1.2, **look)  # type: ignore[arg-type]
        axis.fill_between(line["layer"], mean - spread, mean + spread, color=look["color"], alpha=0.12, linewidth=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _caption(rows: pd.DataFrame) -> str:
    texts = ", ".join(f"{text} ({n} window{'s' * (n > 1)})" for text, n in rows.groupby("benchmark")["n"].max().items())
    virtual = any(parse(slug).recovery for slug in rows["variant"].unique())
    return (
        "The cosine to the dense model's on the same windows of a text, 1 where they are equal: of every head's "
        "attention, the mean over the heads, and of the tokens' states behind each layer, the mean over the tokens. "
        "Bands: one standard deviation of single windows. "
        + ("A prompt's own tokens are left out, and what is left of attention is scaled to one. " if virtual else "")
        + f"Texts: {texts}."
    )
