from knowcost.plan import design
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


def test_every_variant_is_in_one_batch_and_batches_are_filled():
    batches = design.batches(study(variants_per_job=4))
    encoder = [batch for batch in batches if batch.model == "b"]
    assert [len(batch.variants) for batch in encoder] == [4, 4, 2]
    assert [slug for batch in encoder for slug in batch.variants] == design.variants(study(), "encoder")
    assert encoder[0].benchmarks == ("x", "y") and batches[-1].benchmarks == ("y",)
    assert encoder[1].cells[0].path == "results/b/magnitude-20@canonical.attention/scores/x.parquet"


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
