"""What recoveries a study plans, and what it may not ask for: a clear message before any job."""

import pytest

from knowcost.common.errors import InputError
from knowcost.plan import config, design
from knowcost.plan.config import Study
from knowcost.recover import registry
from knowcost.spec.variants import parse

PRUNE = {"name": "p", "steps": ["magnitude"], "scopes": ["overall"], "levels": [50]}


def experiment(**changes):
    return {key: value for key, value in (PRUNE | changes).items() if value is not None}


def variants(family="decoder", **changes):
    """The slugs that one experiment gives a family."""
    study = {"groupings": ["paper"], "protocols": ["corrected"], "experiments": [experiment(**changes)]}
    return design.variants(Study({"study": study, "calibration": {"name": "c4"}}, {}, {}), family)


def loaded(tmp_path, monkeypatch, *experiments):
    """A configuration of these experiments, checked as planning does it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.tsv").write_text("name\tfamily\tsource\none\tdecoder\t./one\n")
    (tmp_path / "facts.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tdecoder\n")
    others = {"half": {"source": "half.jsonl"}}
    given = {"models": "models.tsv", "benchmarks": "facts.tsv", "study": {"experiments": list(experiments)}}
    return config.load(given | {"other_calibrations": others})


def test_each_is_made_of_each_variant_and_of_the_dense_model_where_that_says_something():
    pruned = "magnitude-50@overall"
    made = variants(recover=["lora-r4", "eora-r16", "mask_lora-r2", "prompt-26~half"], recover_dense=True)
    assert made == ["dense", pruned, f"{pruned}^lora-r4", "dense^lora-r4", f"{pruned}^eora-r16",
                    f"{pruned}^mask_lora-r2", f"{pruned}^prompt-26~half", "dense^prompt-26~half"]  # fmt: skip


def test_one_variant_has_one_slug():
    twice = ["lora-r4", "lora-r4~c4"]  # c4 are the study's main texts
    assert variants(recover=twice) == ["dense", "magnitude-50@overall", "magnitude-50@overall^lora-r4"]
    asked = {"steps": ["wanda"], "calibrations": ["half"], "recover": ["lora-r4", "lora-r4~half", "lora-r4~c4"]}
    pruned = "wanda-50@overall~half"
    assert variants(**asked) == ["dense", pruned, f"{pruned}^lora-r4", f"{pruned}^lora-r4~c4"]


def test_a_control_learns_from_the_texts_that_the_variant_learnt_from():
    asked = {"steps": ["wanda"], "calibrations": ["c4", "half"], "recover": ["lora-r4", "prompt-9~half"]}
    made = variants(**asked, recover_dense=True)
    plain, other = "wanda-50@overall", "wanda-50@overall~half"
    lora = [f"{plain}^lora-r4", f"{other}^lora-r4", "dense^lora-r4", "dense^lora-r4~half"]
    prompt = [f"{plain}^prompt-9~half", f"{other}^prompt-9", "dense^prompt-9~half"]
    assert made == ["dense", plain, other, *lora, *prompt]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": None, "recover": ["lora-r4"]}, ["study.experiments: 'p': 'steps' is a required property",
                                                       "an experiment compresses", "`recover_dense: true`"]),
        ({"steps": [], "recover": ["lora-r4"]}, ["study.experiments: 'p': steps", "name one compression at least"]),
        ({"recover": []}, ["study.experiments: 'p': recover", "non-empty"]),
        ({"recover": ["lora-r4", "lora-r4"]}, ["study.experiments: 'p': recover", "has non-unique elements"]),
        ({"recover_dense": True}, ["'p': `recover_dense` without `recover`", "remove the key"]),
        ({"recover": ["lora"]}, ["'p': recovery 'lora' is not method-size", "such as lora-r4"]),
        ({"recover": ["lora-r0"]}, ["recovery 'lora-r0' is not method-size"]),
        ({"recover": ["lora-r4^prompt-26"]}, ["recovery 'lora-r4^prompt-26' is not method-size"]),
        ({"recover": ["lora_r4-r4"]}, ["no method 'lora_r4'; known: lora, mask_lora, eora, prompt"]),
        ({"recover": ["lora-4"]}, ["recovery 'lora-4': lora takes a size like lora-r4"]),
        ({"recover": ["prompt-r4"]}, ["recovery 'prompt-r4': prompt takes a size like prompt-50"]),
        ({"recover": ["prompt-26+50"]}, ["'prompt-26+50': prompt takes one size"]),
        ({"recover": ["lora-r4-fast"]}, ["'lora-r4-fast': lora takes the options kl"]),
        ({"recover": ["lora-r4-kl-kl"]}, ["each once and in alphabetical order"]),
        ({"recover": ["eora-r4-kl"]}, ["eora takes the options none"]),
        ({"recover": ["lora-r4~books"]}, ["'p': recovery 'lora-r4~books': no calibration data 'books'",
                                          "known: c4, half"]),
    ],
)  # fmt: skip
def test_what_a_configuration_may_not_ask_for(changes, expected, tmp_path, monkeypatch):
    with pytest.raises(InputError) as error:
        loaded(tmp_path, monkeypatch, experiment(**changes))
    assert [part for part in expected if part not in str(error.value)] == []


def test_what_it_may_ask_for(tmp_path, monkeypatch):
    loaded(tmp_path, monkeypatch, experiment(recover=["lora-r4-kl~half", "eora-r16", "prompt-26"], recover_dense=True))


@pytest.mark.parametrize(
    ("changes", "family", "expected"),
    [
        ({"recover": ["prompt-26"]}, "encoder",
         ["'magnitude-50@overall^prompt-26': prompt does not recover a model of family 'encoder'", "`families`"]),
        ({"steps": ["int8"], "levels": None, "recover": ["lora-r4"]}, "decoder",
         ["'int8@overall^lora-r4': dynamic int8", "recover variants whose weights alone are compressed"]),
        ({"steps": ["magnitude", "int8"], "recover": ["eora-r4"]}, "decoder", ["dynamic int8"]),
        ({"scopes": ["final"], "recover": ["eora-r4"]}, "decoder",
         ["'magnitude-50@final^eora-r4': eora makes up for what the layers of the blocks lost", "another scope"]),
        ({"steps": ["gptq"], "levels": ["3bit"], "recover": ["mask_lora-r4"]}, "decoder",
         ["'gptq-3bit@overall^mask_lora-r4'", "pruned and nothing else", "take lora"]),
        ({"steps": ["sparsegpt", "gptq"], "levels": ["2of4+4bit-g128"], "recover": ["mask_lora-r4"]}, "decoder",
         ["sparsegpt-2of4@overall+gptq-4bit-g128@overall^mask_lora-r4", "off their grid"]),
    ],
)  # fmt: skip
def test_what_a_variant_cannot_have(changes, family, expected):
    with pytest.raises(InputError) as error:
        variants(family, **changes)
    assert [part for part in expected if part not in str(error.value)] == []


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("^lora-r4", "variant '^lora-r4': nothing was compressed before '^'; of the dense model: dense^lora-r4"),
        ("gptq-3bit@overall^", "recovery '' is not method-size"),
        ("gptq-3bit@overall^lora-r4^lora-r4", "recovery 'lora-r4^lora-r4' is not method-size"),
        ("gptq-3bit@nowhere^lora-r4", "'gptq-3bit@nowhere' is not method[-level]@[grouping.]scope"),
    ],
)
def test_slugs_that_are_none(slug, expected):
    with pytest.raises(InputError) as error:
        parse(slug)
    assert expected in str(error.value)


def test_versions_that_were_compressed_elsewhere_and_the_dense_model():
    with pytest.raises(InputError, match=r"'brought-mine\^lora-r4': a version that was compressed elsewhere"):
        registry.check_variant(parse("brought-mine^lora-r4"), "decoder")
    with pytest.raises(InputError, match=r"'dense\^eora-r4': the dense model lost nothing"):
        registry.check_variant(parse("dense^eora-r4"), "decoder")
    registry.check_variant(parse("dense^lora-r4"), "decoder")
