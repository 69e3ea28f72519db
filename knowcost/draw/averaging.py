"""When a mean over models says something of each of them: where they are of a size. Else every model has a figure, a
panel or a line of its own. Only the papers' own figures average whatever there is."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from knowcost.draw.drawn import Drawn
from knowcost.draw.words import file_name
from knowcost.spec.families import LABELS

TIMES = 3  # the weights of the largest model of a mean, at most, in those of the smallest
MODEL_BY_MODEL = "model by model"  # the group of all models but the first


@dataclass(frozen=True)
class Subject:
    """Of what a figure is that shows the mean over a family's models, or one of them. model: empty of the mean. who:
    the end of the caption; margin: the study's, in points; group: of the figure."""

    family: str
    who: str
    margin: float
    model: str = ""
    group: str = ""

    def title(self, start: str) -> str:
        """ "What accuracy hides: decoder models"."""
        return f"{start}: {self.model or f'{LABELS[self.family]} models'}"

    def drawn(self, name: str, title: str, caption: str, figure: Figure | None) -> Drawn:
        """The figure by its name; file names of single models end with them."""
        ending = f"_{file_name(self.model)}" if self.model else ""
        return Drawn(f"{name}_{self.family}{ending}", title, caption + self.who, figure, self.family, self.group)


def subjects(mine: Mapping[str, pd.DataFrame], family: str, who: str, margin: float) -> list[Subject]:
    """One for the mean over a family's models, or one for each of them."""
    models = [""] if alike(mine["parameters"]) else list(mine["drops_by_model"]["model"].unique())
    return [Subject(family, who, margin, model, MODEL_BY_MODEL * (model != models[0])) for model in models]


def alike(parameters: pd.DataFrame) -> bool:
    """Whether a family's models are averaged; parameters: the table, of the family. A model of unknown size is like no
    other."""
    sizes = parameters["total"]
    return len(sizes) < 2 or bool(sizes.notna().all() and sizes.max() <= TIMES * sizes.min())


def drops_of(mine: Mapping[str, pd.DataFrame], subject: Subject) -> pd.DataFrame:
    """What was lost by that of which a figure is. mine: the tables of its family (drops, drops_by_model)."""
    return own(mine["drops_by_model"], subject) if subject.model else mine["drops"]


def own(rows: pd.DataFrame, subject: Subject) -> pd.DataFrame:
    """The rows of a model's table that figures on it, or on the mean over all, are drawn of."""
    return rows[rows["model"] == subject.model] if subject.model else rows
