"""What was drawn, as the index of figures says it; read without loading what draws."""

from pathlib import Path

from knowcost.common.files import read_json
from knowcost.draw import INDEX
from knowcost.spec.families import LABELS

ALL = "all models"


def labels(folder: str | Path, name: str) -> dict[str, str]:
    """{"figure": its title, "about": a family in words, or all models} of a figure in a folder of figures."""
    (entry,) = (each for each in read_json(Path(folder) / INDEX) if each["name"] == name)
    return {"figure": entry["title"], "about": LABELS.get(entry["family"], ALL)}
