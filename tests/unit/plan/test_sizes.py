"""How large a model is, as well as it is known when a study is planned."""

import json

import pytest

from knowcost.plan import sizes
from knowcost.plan.sizes import Size


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row(source="org/name", **cells):
    return {"name": "m", "family": "decoder", "source": source, "dtype": "", **cells}


def test_a_model_that_nobody_knows_counts_as_a_7b(here):
    assert sizes.size(row()) == Size(7_000_000_000, 14)
    assert sizes.size(row("./nowhere")) == Size(7_000_000_000, 14)


def test_a_local_folder_is_measured_by_its_files(here):
    (here / "x").mkdir()
    for shard in (1, 2):
        (here / f"x/model-0000{shard}-of-00002.safetensors").write_bytes(bytes(3_000_000))
    (here / "x/model.safetensors.index.json").touch()
    (here / "x/pytorch_model.bin").write_bytes(bytes(9_000_000))  # not taken when there are safetensors
    for key, parameters in (("dtype", 3_000_000), ("torch_dtype", 3_000_000), ("nothing", 1_500_000)):
        (here / "x/config.json").write_text(json.dumps({key: "bfloat16"}))
        assert sizes.size(row("./x")) == Size(parameters, 0.006)


def test_a_fetched_model_is_measured_by_its_source_file_even_after_it_changed(here):
    folder = here / "resources/models/m"
    folder.mkdir(parents=True)
    (here / "x").mkdir()  # what it was fetched from, and what is no longer there
    (here / "x/config.json").write_text("{}")
    (here / "x/model.safetensors").write_bytes(bytes(12))
    for parameters in (1000, 2000):
        files = {"model.safetensors": {"size": 2 * parameters}, "tokenizer.json": {"size": 10**9}}
        (folder / "new.json").write_text(json.dumps({"parameters": parameters, "files": files}))
        (folder / "new.json").replace(folder / "source.json")
        assert sizes.size(row("./x")) == Size(parameters, 2 * parameters / 1e9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        *(f'{{"parameters": {what}, "files": {{}}}}' for what in ('"many"', "0", "Infinity")),
        "[" * 10**5,
    ],
    ids=lambda text: text[:30],
)
def test_a_damaged_source_file_does_not_stop_the_plan(here, text):
    (here / "resources/models/m").mkdir(parents=True)
    (here / "resources/models/m/source.json").write_text(text)
    assert sizes.size(row()).parameters == sizes.UNKNOWN
