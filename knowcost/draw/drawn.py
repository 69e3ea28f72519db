"""A figure that was drawn, or a sentence where it would show nothing, and what the index of figures says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """name: of the file, without suffix. figure: None where the caption says it all. family: empty for a figure about
    all. group: the report folds figures that have one. paper: the numbers of the thesis's figures that it shows.
    linked: whether its points are links (links.py), for which the page has to hold it as it is, not as an image."""

    name: str
    title: str
    caption: str
    figure: Figure | None
    family: str = ""
    group: str = ""
    paper: Sequence[int] = ()
    linked: bool = False

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in the index."""
        return {"name": self.name, "family": self.family, "title": self.title, "group": self.group,
                "caption": self.caption, "paper": list(self.paper), "linked": self.linked,
                "picture": self.figure is not None}  # fmt: skip
