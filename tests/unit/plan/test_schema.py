"""Values get the types that the schema of the configuration gives them."""

import datetime
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

import knowcost
from knowcost.common.errors import InputError
from knowcost.plan import schema
from knowcost.spec.families import FAMILIES


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # as Snakemake hands over `--config "gpu={memory_gb: 80}"`, `limit=null`, ...
        ({"gpu": {"memory_gb": "80"}}, {"gpu": {"memory_gb": 80}}),
        ({"gpu": {"memory_gb": "null"}}, {"gpu": {"memory_gb": None}}),
        ({"gpu": {"memory_gb": "auto", "request": "gres"}}, {"gpu": {"memory_gb": "auto", "request": "gres"}}),
        ({"gpu": "{memory_gb: 79.5}"}, {"gpu": {"memory_gb": 79.5}}),
        ({"limit": "null"}, {"limit": None}),
        ({"limit": "100"}, {"limit": 100}),
        ({"calibration": {"join": "true", "seed": "3"}}, {"calibration": {"join": True, "seed": 3}}),
        ({"other_calibrations": {"b": {"seed": "1"}}}, {"other_calibrations": {"b": {"seed": 1}}}),
        ({"score": {"threads": "4", "batch_size": "auto"}}, {"score": {"threads": 4, "batch_size": "auto"}}),
        ({"study": {"tolerance": "0.1"}}, {"study": {"tolerance": 0.1}}),
        ({"study": {"protocols": "[corrected]"}}, {"study": {"protocols": ["corrected"]}}),
        # as YAML has them, or does not
        ({"limit": 1000.0, "study": {"tolerance": 0.05}}, {"limit": 1000, "study": {"tolerance": 0.05}}),
        ({"limit": "1e3", "study": {"tolerance": "5e-2"}}, {"limit": 1000, "study": {"tolerance": 0.05}}),
        (
            {"score": {"threads": 2.0}, "gpu": {"memory_gb": 80.0}},
            {"score": {"threads": 2}, "gpu": {"memory_gb": 80.0}},
        ),
        ({"title": 2024, "calibration": {"name": 7}}, {"title": "2024", "calibration": {"name": "7"}}),
        ({"title": datetime.date(2024, 1, 5)}, {"title": "2024-01-05"}),
        # texts where texts may stand, and what no reading makes right
        ({"title": "100"}, {"title": "100"}),
        ({"calibration": {"name": "null"}}, {"calibration": {"name": "null"}}),
        ({"title": 1.1, "archive": False, "limit": True}, {"title": 1.1, "archive": False, "limit": True}),
        ({"limit": "2024-02-31", "world": {"seed": "1e400"}}, {"limit": "2024-02-31", "world": {"seed": "1e400"}}),
        ({"limit": "many", "gpu": "{", "modles": "1"}, {"limit": "many", "gpu": "{", "modles": "1"}),
    ],
)
def test_texts_are_read_where_the_schema_wants_something_else(given, expected):
    read = schema.typed(given, "config")
    assert (read, repr(read)) == (expected, repr(expected))  # 1000.0 == 1000


@pytest.mark.parametrize("families", ["", "encodr", *FAMILIES, ", ".join(FAMILIES), f"{FAMILIES[0]},"])
def test_the_tables_take_the_families_that_there_are(families):
    rows = {
        "models": {"name": "x", "source": "./x", "family": families},
        "benchmarks": {"name": "x", "source": "x", "format": "cloze", "families": families},
    }
    known = {"models": families in FAMILIES, "benchmarks": families in (*FAMILIES, ", ".join(FAMILIES))}
    for name, row in rows.items():
        with nullcontext() if known[name] else pytest.raises(InputError, match="famil"):
            schema.check(row, name, "here")


def test_an_error_shows_what_was_written():
    row = {"name": "b", "format": "cloze", "source": "b.jsonl", "families": "encodr"}
    with pytest.raises(InputError, match="here: families: 'encodr' does not match"):
        schema.check(schema.typed(row, "benchmarks"), "benchmarks", "here")


@pytest.mark.parametrize(
    ("temperature", "right"),
    [(0, True), (0.0, True), (0.001, True), (100, True), (1e-40, False), (-1, False), (101, False), (False, False)],
)
def test_a_temperature_that_no_number_can_be_divided_by_is_refused(temperature, right):
    config = yaml.safe_load((Path(knowcost.__file__).parents[1] / "config/config.yaml").read_text())
    config["generation"]["temperature"] = temperature
    with nullcontext() if right else pytest.raises(InputError, match=r"generation\W+temperature"):
        schema.check(config, "config", "here")
