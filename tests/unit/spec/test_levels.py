import pytest

from knowcost.common.errors import InputError
from knowcost.compress.registry import METHODS, check_level, check_steps
from knowcost.spec import levels
from knowcost.spec.levels import Pattern
from knowcost.spec.variants import parse


@pytest.mark.parametrize(
    ("text", "kind", "percent", "words"),
    [
        ("50", "percent", 50, "50%"),
        ("2of4", "pattern", 50, "2:4"),
        ("1of4", "pattern", 75, "1:4"),
        ("2of3", "pattern", 100 / 3, "2:3"),
        ("4bit", "bits", None, "4 bit"),
        ("3bit-g128", "bits", None, "3 bit, groups of 128"),
        ("8bit-actorder", "actorder", None, "8 bit, act order"),
        ("2bit-g64-actorder", "actorder", None, "2 bit, groups of 64, act order"),
    ],
)
def test_what_a_level_says(text, kind, percent, words):
    level = levels.parse(text)
    assert (levels.kind(level), levels.words(level)) == (kind, words)
    assert levels.percent(level) == (percent if percent is None else pytest.approx(percent))


@pytest.mark.parametrize(
    "text", ["0", "100", "4of4", "0of4", "5bit", "0bit", "4bit-g0", "", "fifty", "4bit-actorder-g8", "04bit", "02of4"]
)
def test_what_is_no_level(text):
    assert levels.kind(levels.parse(text)) is None


def test_percentages_keep_their_fractions():
    """3 of 8 kept are 62.5% removed, 1 of 3 two thirds."""
    shares = [40, 40.0, levels.percent("3of8"), levels.percent("1of3"), 93.75]
    assert [levels.percent_words(share) for share in shares] == ["40%", "40%", "62.5%", "66.67%", "93.75%"]


def test_what_solvers_get():
    assert levels.pattern(30) == Pattern(sparsity=0.3)
    assert levels.pattern("4of8") == Pattern(n=4, m=8)
    assert levels.bits("4bit-g128-actorder") == levels.Bits(4, 128, True)
    assert levels.bits("3bit") == levels.Bits(3, None, False)


@pytest.mark.parametrize(
    ("method", "level", "message"),
    [
        ("magnitude", "2of4", "magnitude needs a level from 1 to 99"),
        ("wanda", "4bit", "wanda needs a level from 1 to 99 .percent., or like 2of4"),
        ("wanda", "4of4", "wanda needs a level"),
        ("gptq", 50, "gptq needs a level like 4bit .* not 50"),
        ("gptq", "5bit", "not 5bit"),
        ("rtn", "4bit-actorder", "rtn needs a level like 4bit"),
        ("int8", "8bit", "int8 takes no level"),
        ("sparsegpt", None, "sparsegpt needs a level"),
    ],
)
def test_each_method_takes_its_kinds_of_level_only(method, level, message):
    with pytest.raises(InputError, match=message):
        check_level(method, level)


@pytest.mark.parametrize(
    ("entry", "level"),
    [
        (50, 50), ("50", 50), (50.0, 50), ("50.0", 50), ("50%", 50), ("50 %", 50), ("50 percent", 50), ("100%", 100),
        ("50%+4bit-g128", "50+4bit-g128"), ("2of4 + 4bit", "2of4+4bit"), ("4 bit", "4 bit"), ("2:4", "2:4"),
    ],
)  # fmt: skip
def test_a_level_as_people_write_it(entry, level):
    assert levels.written(entry) == level
    assert isinstance(levels.written(entry), type(level))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (0.5, r"level 0\.5: levels are percent of the weights; write 50$"),
        ("0.07", r"level 0\.07: .* write 7$"),
        ("2of4+0.29", r"level 0\.29: .* write 29$"),
        (12.5, r"level 12\.5: expected whole percent of the weights, from 1 to 99"),
        ("0.5%", r"level 0\.5%: expected whole percent"),
        (0.125, r"level 0\.125: expected whole percent"),
    ],
)
def test_a_share_and_parts_of_a_percent_are_refused(entry, message):
    with pytest.raises(InputError, match=message):
        levels.written(entry)


def test_levels_of_several_steps():
    assert levels.spread("2of4+4bit-g128", 2) == ["2of4", "4bit-g128"]
    assert levels.spread(40, 2) == [40, 40]
    assert levels.spread(None, 0) == []
    with pytest.raises(InputError, match=r"'2of4\+4bit' is for 2 steps, but 1 of"):
        levels.spread("2of4+4bit", 1)


@pytest.mark.parametrize(
    ("slug", "level", "strength"),
    [
        ("sparsegpt-2of4@overall", 50, "2:4"),
        ("sparsegpt-30@overall+gptq-4bit-g128@overall", 30, "30% + 4 bit, groups of 128"),
        ("gptq-3bit-actorder@canonical.attention", None, "3 bit, act order"),
        ("wanda-50@attention+int8@attention", 50, "50%"),
        ("int8@overall", None, ""),
    ],
)
def test_slugs_with_such_levels(slug, level, strength):
    variant = parse(slug)
    check_steps(variant)
    assert (variant.slug, variant.level, variant.strength) == (slug, level, strength)


@pytest.mark.parametrize("slug", ["gptq-4bit@overall+wanda-50@overall", "rtn-4bit@overall+int8@overall"])
def test_nothing_follows_a_step_that_quantizes(slug):
    with pytest.raises(InputError, match="must be the last step"):
        check_steps(parse(slug))


def test_thresholds_of_the_original_weights_do_not_follow_methods_that_change_them():
    with pytest.raises(InputError, match="must come before"):
        check_steps(parse("sparsegpt-50@overall+magnitude-20@overall"))
    check_steps(parse("magnitude-20@overall+sparsegpt-50@overall"))


def test_every_method_says_which_kinds_of_level_it_takes():
    assert all(set(method.levels) <= set(levels.KINDS) for method in METHODS.values())
