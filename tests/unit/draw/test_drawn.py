"""What a run keeps of a figure, and of a sentence in the place of one."""

from matplotlib.figure import Figure

from knowcost.aggregate import tables
from knowcost.common.files import read_json
from knowcost.draw import INDEX, job
from knowcost.draw.drawn import Drawn


def test_a_sentence_is_in_the_index_and_has_no_file(tmp_path, monkeypatch):
    made = [Drawn("one", "One", "What it shows.", Figure()), Drawn("none", "None", "Nothing was lost.", None)]
    monkeypatch.setattr(job, "parts", lambda data, margin: [lambda: iter(made)])
    monkeypatch.setattr(job, "read", lambda folder: {})
    tables.finish(tmp_path / "tables", {})
    entries = job.draw(tmp_path / "tables", tmp_path / "figures", 1, ("svg",))
    assert [(entry["name"], entry["caption"], entry["picture"]) for entry in entries] == [
        ("one", "What it shows.", True), ("none", "Nothing was lost.", False),
    ]  # fmt: skip
    assert read_json(tmp_path / "figures" / INDEX) == entries
    assert [path.name for path in (tmp_path / "figures").glob("*.svg")] == ["one.svg"]
