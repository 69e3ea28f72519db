import pytest

from knowcost.common.errors import InputError
from knowcost.plan import series


def row(family="decoder", name="", **more):
    return {"family": family, "series": name, **more}


def test_models_of_one_series_are_named_with_it():
    rows = {"pythia-70m": row(name="pythia"), "pythia-1b": row(name="pythia"), "opt": row(), "bert": row("encoder")}
    series.check("models.tsv", rows, {"opt-q4": row(parent="opt")})
    assert series.of(rows) == {"pythia-70m": "pythia", "pythia-1b": "pythia"}


@pytest.mark.parametrize(
    ("rows", "brought", "words"),
    [
        ({"a": row(name="s"), "b": row("encoder", "s")}, {}, "'s' has 'a' of family 'decoder' and 'b' of family"),
        ({"a": row(name="b"), "b": row()}, {}, "'b' is the name of a model that is not in it"),
        ({"a": row(name="B"), "b": row()}, {}, "'B' is the name of a model .* into the series of 'b' too"),
        ({"a": row(name="opt"), "b": row(name="OPT")}, {}, "row 'b': series 'OPT' and 'opt' differ .* but capitals"),
        ({"a": row()}, {"q": row(name="s", parent="a")}, "row 'q': series is 's'.*write it in the row 'a'"),
    ],
)
def test_a_series_that_is_none_is_refused(rows, brought, words):
    with pytest.raises(InputError, match=words):
        series.check("models.tsv", rows, brought)


def test_a_series_may_be_called_as_one_of_its_models():
    series.check("models.tsv", {"a": row(name="a"), "b": row(name="a")}, {})
