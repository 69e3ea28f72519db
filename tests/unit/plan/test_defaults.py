"""What a user gives stands on the defaults."""

import pytest
import yaml

from knowcost.common.errors import InputError
from knowcost.plan import config


def test_sections_are_changed_key_by_key_and_lists_are_replaced(root):
    defaults = yaml.safe_load((root / "config/config.yaml").read_text())
    experiment = {"name": "q", "steps": ["int8"], "scopes": ["overall"]}
    given = {"study": {"experiments": [experiment]}, "score": {"variants_per_job": "2"}, "gpu": {"request": "gres"}}
    study = config.load(given)
    expected = defaults | {
        "study": defaults["study"] | {"experiments": [experiment]},
        "score": defaults["score"] | {"variants_per_job": 2},
        "gpu": {"memory_gb": "auto", "request": "gres"},
    }
    assert study.config == expected
    assert config.load(study.config) == study  # complete already


@pytest.mark.parametrize(
    ("given", "site", "expected"),
    [
        ({}, None, None),
        ({}, 40, 40),
        # what Snakemake has of `gpu_memory_gb: 39.5`, `"39.5"` and `"'40'"` in a profile
        ({}, "39.5", 39.5),
        ({}, "'40'", 40),
        ({}, '"39.5"', 39.5),
        ({"memory_gb": "auto"}, 40, 40),
        ({"memory_gb": 80}, 40, 80),
        ({"memory_gb": "80"}, None, 80),
        ({"memory_gb": None}, 40, None),
        ({"memory_gb": "null"}, 40, None),
    ],
)
def test_the_user_s_own_word_on_gpus_goes_before_the_site_s(given, site, expected):
    assert config.load({"gpu": given}, site).gpu_memory_gb == expected


@pytest.mark.parametrize("site", ["big", -1, 0, "nan", "-39.5"])
def test_a_profile_that_says_nonsense_of_gpus_is_an_error(site):
    with pytest.raises(InputError, match="gpu_memory_gb"):
        config.load({}, site)
