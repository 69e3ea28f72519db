"""The curves of trainings in one table."""

import pyarrow as pa
import pytest
from helpers import fake_results

from knowcost import recover
from knowcost.aggregate import inputs, tables, training
from knowcost.common import files, parquet, paths, seal
from knowcost.common.errors import InputError

SLUG = "magnitude-40@overall^lora-r4"
CURVE = {"step": [0, 10], "tokens": [0, 640], "loss": [None, 2.5], "validation_loss": [3.4, 3.0],
         "validation_perplexity": [30.0, 20.25],
         "learning_rate": [0.0, 1e-4]}  # fmt: skip


def archive(folder, curve=CURVE):
    """The path of a recovered archive's manifest, beside its curve."""
    path = folder / paths.manifest("m", SLUG)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write(path.with_name("training.parquet"), pa.table(curve), {})
    found = {"training.parquet": {"sha256": files.sha256(path.with_name("training.parquet")), "size": 1}}
    seal.write_json(path, fake_results.manifest("m", "magnitude-40@overall", "decoder") | {
        "variant": SLUG, "files": found, "stands_on": {"variant": "magnitude-40@overall", "files": {}},
        "stage_version": recover.STAGE_VERSION,
    })  # fmt: skip
    return path


def test_one_row_for_each_time_that_was_asked(tmp_path):
    found, _ = inputs.read([], [archive(tmp_path)], [])
    frame = training.training(found.trainings, found.models)
    assert list(frame) == training.COLUMNS
    assert frame[["step", "tokens", "validation_perplexity", "learning_rate"]].to_numpy().tolist() == [
        [0, 0, 30.0, 0.0],
        [10, 640, 20.25, 1e-4],
    ]
    assert frame["loss"].isna().tolist() == [True, False]
    assert set(frame["variant"]) == {SLUG} and set(frame["recovery"]) == {"lora-r4"}
    tables.write(frame, tmp_path, "training")
    assert (
        (tmp_path / "training.csv")
        .read_text()
        .splitlines()[2]
        .endswith(",lora-r4,10,640,2.500000,3.000000,20.25,0.0001")
    )
    assert str(tmp_path / paths.manifest("m", SLUG)).replace("manifest.json", "training.parquet") in found.digests


def test_without_trainings_the_table_is_empty():
    assert training.training({}, {}).empty


def test_a_curve_that_is_another_one_is_refused(tmp_path):
    path = archive(tmp_path)
    parquet.write(path.with_name("training.parquet"), pa.table(CURVE | {"tokens": [0, 1]}), {})
    with pytest.raises(InputError, match=r"training\.parquet: is not what .*manifest\.json lists; delete"):
        inputs.read([], [path], [])
