"""Tables that take work in proportion to the cells, however these are many: models, or variants of one."""

import pytest
from helpers import fake_results
from helpers.counting import growth

from knowcost.aggregate import gather, inputs

ASKED = {"people": ("cloze", ("encoder",), 0.35)}


@pytest.mark.parametrize("many", ["models", "variants"])
def test_each_cell_is_read_by_itself(tmp_path, monkeypatch, many):
    few = lambda family, levels, lost: ["dense", *(f"magnitude-{level}@overall" for level in levels)]  # noqa: E731
    monkeypatch.setattr(fake_results, "slugs", few)

    def prepared(count):
        models = {f"m{i}": "encoder" for i in range(count if many == "models" else 1)}
        levels = tuple(range(20, 21 if many == "models" else 20 + count))
        files = fake_results.make(tmp_path / str(count), models, 6, levels, benchmarks=ASKED)
        assert len(files[0]) == (2 * count if many == "models" else 1 + count)

        def run():
            found, cells = inputs.read(*files)
            assert len(gather.asked(cells, found, 1).rows) == len(files[0])

        return run

    assert growth(prepared, 2) < 2.5
