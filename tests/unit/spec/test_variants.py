import pytest

from knowcost.common.errors import InputError
from knowcost.compress.registry import check_steps
from knowcost.spec.variants import Step, Variant, method_and_data, paper_slug, paper_step, parse, treatments


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
        "brought-my-model.Q4_K_M",
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


def test_what_was_compressed_elsewhere_is_called_after_its_row():
    variant = parse("brought-my-model.Q4_K_M")
    assert (variant.brought, variant.steps, variant.experiment) == ("my-model.Q4_K_M", (), "brought")
    assert (variant.method, variant.scope, variant.level, variant.strength) == (variant.slug, None, None, "")
    assert variant.in_grouping("canonical") == variant.without_loss == variant
    assert parse("dense").brought is None


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "brought",
        "brought-",
        "brought-a+int8@overall",
        "brought-.a",
        "magnitude",
        "magnitude-40@nowhere",
        "magnitude-@overall",
        "a@overall++b@overall",
        "wanda-50@overall~",
    ],
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


def test_slugs_on_the_papers_scopes_are_built_from_steps():
    assert paper_slug() == "dense"
    assert paper_slug(("magnitude", "attention", 40), ("int8", "attention")) == "magnitude-40@attention+int8@attention"
    assert paper_slug(("gptq", "overall", "4bit-g128")) == "gptq-4bit-g128@overall"
    assert paper_step("int8", "final") == Step("int8", None, "paper", "final")


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("gptq-8bit-g128@canonical.attention~c4", "gptq-8bit-g128"),
        ("int8@overall", "int8"),
        ("wanda-2of4@final", "wanda-2of4"),
    ],
)
def test_a_steps_name_is_its_method_and_level(slug, name):
    assert parse(slug).steps[0].name == name


@pytest.mark.parametrize(
    ("slug", "beneath"),
    [
        ("dense", "dense"),
        ("magnitude-20@final+lost@final", "dense"),
        ("magnitude-20@canonical.final^lora-r4", "dense^lora-r4"),
        ("magnitude-20@attention+int8@final", "magnitude-20@attention"),
        ("int8@overall", "int8@overall"),  # its other layers are changed, too
    ],
)
def test_what_lies_beneath_the_final_layer(slug, beneath):
    assert parse(slug).beneath_final.slug == beneath


def test_a_variant_without_its_lost_final_layer_and_under_another_grouping():
    assert parse("magnitude-20@final+lost@final").without_loss == parse("magnitude-20@final")
    assert parse("magnitude-20@final").without_loss == parse("magnitude-20@final")
    moved = parse("wanda-20@canonical.attention~c4+int8@canonical.final").in_grouping("paper")
    assert moved.slug == "wanda-20@attention~c4+int8@final"
    assert moved.in_grouping("canonical").slug == "wanda-20@canonical.attention~c4+int8@canonical.final"
    assert parse("dense").in_grouping("canonical") == Variant()


def test_a_tables_method_holds_the_treatment_of_every_step():
    for slug in ("dense", "int8@overall", "sparsegpt-50@overall~b+gptq-4bit@attention~b"):
        variant = parse(slug)
        assert treatments(variant.method) == ([step.treatment for step in variant.steps] or ["dense"])
        parts = [method_and_data(step.treatment) for step in variant.steps]
        assert parts == [(step.method, step.calibration) for step in variant.steps]
