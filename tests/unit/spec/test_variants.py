import pytest

from knowcost.common.errors import InputError
from knowcost.compress.registry import check_steps
from knowcost.spec.variants import Step, Variant, parse


@pytest.mark.parametrize(
    "slug",
    [
        "dense",
        "magnitude-40@attention",
        "magnitude-40@attention+int8@attention",
        "magnitude_structured-20@final",
        "magnitude-20@canonical.feed_forward",
        "int8@encoder_attention",
        "wanda-50@overall~wikitext2",
        "sparsegpt-2of4@canonical.attention~c4-seed1+gptq-4bit@overall~c4-seed1",
        "wanda-50@overall~wikitext2+int8@overall",
    ],
)
def test_a_slug_survives_the_round_trip(slug):
    assert parse(slug).slug == slug
    check_steps(parse(slug))


def test_parts_of_a_step():
    assert parse("magnitude-20@canonical.attention+int8@overall").steps == (
        Step("magnitude", 20, "canonical", "attention"),
        Step("int8", None, "paper", "overall"),
    )
    assert parse("wanda-50@overall~b.txt+int8@overall").steps[0] == Step("wanda", 50, "paper", "overall", "b.txt")
    assert parse("dense") == Variant()
    assert parse("magnitude-20@overall+int8@overall").level == 20


@pytest.mark.parametrize(
    "slug", ["", "magnitude", "magnitude-40@nowhere", "magnitude-@overall", "a@overall++b@overall", "wanda-50@overall~"]
)
def test_what_is_not_a_slug_is_refused(slug):
    with pytest.raises(InputError, match="is not method"):
        parse(slug)


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("magnitude-0@overall", "level from 1 to 99"),
        ("magnitude-100@overall", "level from 1 to 99"),
        ("magnitude@overall", "level from 1 to 99"),
        ("int8-8@overall", "takes no level"),
        ("int8@overall+magnitude-20@overall", "must be the last step"),
        ("magnitude_structured-20@attention", "acts on final only"),
        ("magic-20@overall", "known: magnitude"),
        ("magnitude-20@overall~c4", "magnitude looks at no calibration data"),
        ("wanda-20@overall~c4+int8@overall~c4", "int8 looks at no calibration data"),
        ("sparsegpt-20@overall+gptq-4bit@overall~c4", "must look at the same"),
        ("sparsegpt-20@overall~a+gptq-4bit@overall~c4", "must look at the same"),
    ],
)
def test_impossible_steps_are_refused(slug, message):
    with pytest.raises(InputError, match=message):
        check_steps(parse(slug))


def test_other_calibration_data_make_another_method_for_tables_and_figures():
    assert parse("sparsegpt-50@overall~b+gptq-4bit@overall~b").method == "sparsegpt~b+gptq~b"
    assert parse("wanda-50@overall~b+int8@overall").calibration == "b"
    assert parse("wanda-50@overall+int8@overall").calibration is None
