from dataclasses import replace

import pytest

from knowcost.compress import registry
from knowcost.plan import batching, design
from knowcost.plan.config import Study

EXPERIMENTS = [
    {"name": "prune", "steps": ["magnitude"], "scopes": ["attention", "overall"], "levels": [10, 20]},
    {"name": "both", "steps": ["magnitude", "int8"], "scopes": ["overall", "cross_attention"], "levels": [20, 40]},
    {"name": "final", "steps": ["magnitude_structured"], "scopes": ["final"], "levels": [20]},
]


def study(protocols=("corrected",), experiments=EXPERIMENTS, **score):
    config = {
        "study": {"groupings": ["paper", "canonical"], "protocols": protocols, "experiments": experiments},
        "score": score,
        "calibration": {"name": "c4"},
    }
    models = {"b": {"family": "encoder"}, "t": {"family": "encoder_decoder"}}
    asked = {"x": {"families": "encoder"}, "y": {"families": "encoder, encoder_decoder"}}
    return Study(config, models, asked)


def test_variants_of_a_decoder():
    assert design.variants(study(), "decoder") == [
        "dense",
        "magnitude-10@attention",
        "magnitude-20@attention",
        "magnitude-10@overall",
        "magnitude-20@overall",
        "magnitude-20@overall+int8@overall",
        "magnitude-40@overall+int8@overall",
        "magnitude_structured-20@final",
    ]


def test_every_variant_says_which_experiments_make_it():
    twice = [*EXPERIMENTS, {"name": "again", "steps": ["magnitude"], "scopes": ["overall"], "levels": [20, 30]}]
    found = design.experiments(study(("corrected", "published"), twice))
    assert found["encoder"] == {
        "magnitude-10@attention": "prune", "magnitude-10@canonical.attention": "prune",
        "magnitude-20@attention": "prune", "magnitude-20@canonical.attention": "prune",
        "magnitude-10@overall": "prune", "magnitude-20@overall": "prune, again", "magnitude-30@overall": "again",
        "magnitude-20@overall+int8@overall": "both", "magnitude-40@overall+int8@overall": "both",
        "magnitude_structured-20@final": "final",
    }  # fmt: skip
    assert found["encoder_decoder"]["magnitude_structured-20@final+lost@final"] == "final"
    assert "dense" not in found["encoder"] and "decoder" not in found


def test_recoveries_their_parts_and_controls_belong_to_the_experiment_that_recovers():
    one = {"name": "back", "steps": ["rtn"], "scopes": ["overall"], "levels": ["3bit"], "recover_dense": True}
    made = replace(study(experiments=[one | {"recover": ["lora-r4"]}]), models={"d": {"family": "decoder"}})
    slugs = ("rtn-3bit@overall", "rtn-3bit@overall^lora-r4", "dense^lora-r4")
    assert design.experiments(made) == {"decoder": dict.fromkeys(slugs, "back")}


def test_a_scope_is_run_under_both_groupings_only_where_they_differ():
    encoder = design.variants(study(), "encoder")
    assert "magnitude-10@canonical.attention" in encoder
    assert not any("canonical.overall" in slug or "cross" in slug for slug in encoder)
    assert "magnitude-20@cross_attention+int8@cross_attention" in design.variants(study(), "encoder_decoder")


def test_thresholds_are_wanted_once_per_scope():
    assert design.threshold_levels(study(), "decoder") == [
        ("paper", "attention", [10, 20]),
        ("paper", "overall", [10, 20, 40]),
    ]


def test_a_threshold_for_a_level_that_is_no_percentage_is_an_error(monkeypatch):
    monkeypatch.setattr(registry.METHODS["wanda"], "needs_thresholds", True)
    patterns = [{"name": "n", "steps": ["wanda"], "scopes": ["overall"], "levels": ["2of4"]}]
    with pytest.raises(ValueError, match="wanda-2of4@overall: not a percentage"):
        design.threshold_levels(study(experiments=patterns), "decoder")


def test_a_job_looks_at_the_dense_model_where_a_benchmark_holds_others_against_it():
    made = study(variants_per_job=100)
    made.benchmarks.update(x={"format": "cloze"}, y={"format": "similarity"})
    batch = batching.Batch("m", "int8", ("int8@overall",), ("x",))
    assert batching.looked_at(made, batch) == ["int8@overall"]
    assert batching.looked_at(made, replace(batch, benchmarks=("x", "y"))) == ["int8@overall", "dense"]
    both = replace(batch, benchmarks=("y",), variants=("dense", "int8@overall"))
    assert batching.looked_at(made, both) == ["dense", "int8@overall"]


def test_what_was_compressed_elsewhere_is_a_variant_of_its_parent_with_a_job_of_its_own():
    before = study(variants_per_job=4)
    here = study(variants_per_job=4)
    here.brought.update({name: {"family": "encoder", "parent": "b"} for name in ("one", "two")})
    assert design.archives(here)[-1] == ("t", design.variants(here, "encoder_decoder")[-1])
    new = [place for place in design.archives(here) if place not in design.archives(before)]
    assert new == [("b", "brought-one"), ("b", "brought-two")]
    assert set(design.archives(before)) < set(design.archives(here))
    made = {batch.name: batch for batch in batching.batches(here)}
    assert [batch for name, batch in made.items() if "brought" not in name] == batching.batches(before)
    batch = made["b-brought-two"]
    assert (batch.model, batch.row, batch.variants, batch.benchmarks) == ("b", "two", ("brought-two",), ("x", "y"))
    assert {cell for b in made.values() for cell in b.cells} == set(design.cells(here))
    assert design.threshold_levels(here, "encoder") == design.threshold_levels(before, "encoder")


def test_every_variant_is_in_one_batch_and_none_is_too_large():
    batches = batching.batches(study(variants_per_job=4))
    encoder = [batch for batch in batches if batch.model == "b"]
    assert max(len(batch.variants) for batch in encoder) <= 4
    assert sorted(slug for batch in encoder for slug in batch.variants) == sorted(design.variants(study(), "encoder"))
    assert encoder[0].benchmarks == ("x", "y") and batches[-1].benchmarks == ("y",)
    first = encoder[0].cells[0]
    assert first.path == f"results/b/{first.variant}/scores/x.parquet"
    assert len({batch.name for batch in batches}) == len(batches)


def test_variants_in_int8_have_batches_of_their_own():
    for batch in batching.batches(study(variants_per_job=4)):
        assert all(("int8" in slug) == batch.part.startswith("int8") for slug in batch.variants)


def test_what_fits_one_job_is_one_job():
    names = [batch.name for batch in batching.batches(study(variants_per_job=20))]
    assert names == ["b-float", "b-int8", "t-float", "t-int8"]


def plan(levels, size):
    """{name: (variants, benchmarks)} of the scoring jobs of one model, pruned to these levels."""
    experiment = {"name": "p", "steps": ["magnitude"], "scopes": ["attention"], "levels": levels}
    made = batching.batches(study(experiments=[experiment], variants_per_job=size))
    return {batch.name: (batch.variants, batch.benchmarks) for batch in made if batch.model == "t"}


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_a_level_added_anywhere_changes_its_own_batch_or_halves_it(size):
    before = [*range(10, 50), *range(60, 90)]
    old = plan(before, size)
    for place in (0, len(before) // 2, len(before)):
        for level in (5, 55, 95):
            slug = f"magnitude-{level}@attention"
            new = plan([*before[:place], level, *before[place:]], size)
            (gone,) = {variants for name, (variants, _) in old.items() if name not in new} or {()}
            (name,) = (name for name, (variants, _) in new.items() if slug in variants)
            others = {other for other, (variants, _) in new.items() if not {slug, *gone} & set(variants)}
            assert {other: new[other] for other in others} == {other: old[other] for other in others}
            changed = {other for other in old if new.get(other) != old[other]}
            assert len(changed) <= 1
            if name in old:
                assert set(new[name][0]) == {slug, *old[name][0]}
                assert changed == {name}


def test_the_order_of_the_lists_makes_no_other_batches():
    levels = list(range(1, 40))
    assert plan(levels, 4) == plan(levels[::-1], 4)
    other = study(variants_per_job=4)
    other.benchmarks["w"] = other.benchmarks.pop("x")
    assert batching.batches(other)[0].benchmarks == ("w", "y")


def test_the_published_protocol_adds_the_lost_final_layers_of_decoders_and_encoder_decoders():
    both = study(protocols=["corrected", "published"])
    assert design.variants(both, "decoder")[-1] == "magnitude_structured-20@final+lost@final"
    assert len(design.variants(both, "decoder")) == len(design.variants(study(), "decoder")) + 1
    assert design.variants(both, "encoder") == design.variants(study(), "encoder")


def test_calibration_data_other_than_the_main_are_variants_of_their_own():
    both = {"name": "x", "steps": ["sparsegpt", "gptq"], "scopes": ["overall"], "levels": ["2of4+4bit"]}
    int8 = {"name": "y", "steps": ["wanda", "int8"], "scopes": ["overall"], "levels": [50]}
    experiments = [each | {"calibrations": ["c4", "wikitext2"]} for each in (both, int8)]
    assert design.variants(study(experiments=experiments), "decoder") == [
        "dense",
        "sparsegpt-2of4@overall+gptq-4bit@overall",
        "sparsegpt-2of4@overall~wikitext2+gptq-4bit@overall~wikitext2",
        "wanda-50@overall+int8@overall",
        "wanda-50@overall~wikitext2+int8@overall",
    ]


def test_the_texts_that_a_study_takes_are_those_of_methods_that_look_at_data():
    asked = study()
    asked.config["other_calibrations"] = {"again": {"seed": 5}, "books": {"source": "books.txt"}}
    pruned = {"name": "p", "steps": ["magnitude"], "scopes": ["overall"], "levels": [40]}
    looking = pruned | {"name": "w", "steps": ["wanda"], "calibrations": ["again", "books"]}
    for experiments, texts in (([pruned], []), ([looking], ["c4", "books"])):
        asked.config["study"]["experiments"] = experiments
        assert design.calibration_texts(asked) == texts  # `again` draws from the main ones
