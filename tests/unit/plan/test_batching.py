"""Variants that differ in the final layer alone are asked together. (What else jobs hold: test_design.py.)"""

import pytest

from knowcost.plan import batching
from knowcost.plan.config import Study

MODELS = {"b": {"family": "encoder"}, "t": {"family": "encoder_decoder"}, "d": {"family": "decoder"}}


def step(method, scope, levels):
    return {"name": f"{method} {scope}", "steps": [method], "scopes": [scope], "levels": list(levels)}


def jobs(size, final, others=(), model="b"):
    """{name: variants} of the scoring jobs of a model whose final layer is pruned to the levels `final` in both ways,
    and computed in int8 then, and whose attention is pruned to `others`."""
    experiments = [
        step("magnitude_structured", "final", final),
        step("magnitude", "final", final),
        step("magnitude", "final", final) | {"steps": ["magnitude", "int8"]},
        step("magnitude", "attention", others),
    ]
    return planned(size, [each for each in experiments if each["levels"]], model)


def planned(size, experiments, model="b"):
    config = {
        "study": {"groupings": ["paper"], "protocols": ["corrected"], "experiments": experiments},
        "score": {"variants_per_job": size},
        "calibration": {"name": "c4"},
    }
    made = batching.batches(Study(config, MODELS, {"x": {"families": "encoder, encoder_decoder, decoder"}}))
    return {batch.name: batch.variants for batch in made if batch.model == model}


def is_final(slug):
    return slug == "dense" or "@final" in slug


def passes(slugs):
    """Of an encoder, by how variants are named here."""
    return len({"dense" if is_final(slug) and "int8" not in slug else slug for slug in slugs})


@pytest.mark.parametrize("size", [1, 2, 8])
def test_an_encoder_s_of_the_final_layer_are_one_job_of_any_size(size):
    """The paper's 18 and the dense model, with the default of 8 variants a job too."""
    made = jobs(size, range(10, 100, 10), range(10, 60))
    (ours,) = (slugs for slugs in made.values() if "dense" in slugs)
    assert len([slug for slug in ours if is_final(slug)]) == 19 and passes(ours) <= size
    assert all(passes(slugs) <= size for slugs in made.values())
    assert sum(map(len, made.values())) == 1 + 3 * 9 + 50
    for model in ("t", "d"):  # whose jobs share no pass
        assert max(map(len, jobs(size, range(10, 100, 10), (), model).values())) <= size


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("size", "levels"), [(19, range(10, 100, 10)), (20, range(10, 100, 10)), (5, (20, 40))])
def test_those_of_the_final_layer_and_the_dense_one_are_one_job_whatever_else_there_is(model, size, levels):
    for others in ((), (10,), range(10, 60), range(1, 100)):
        made = jobs(size, levels, others, model)
        assert max(map(passes, made.values())) <= size
        (ours,) = (slugs for slugs in made.values() if "dense" in slugs)
        final = [slug for slug in ours if is_final(slug)]
        assert len(final) == 2 * len(levels) + 1
        assert list(ours[ours.index("dense") :][: len(final)]) == final  # they follow each other
        (int8,) = {name for name, slugs in made.items() if any("int8" in slug for slug in slugs)}
        assert len(made[int8]) == len(levels)


def test_too_many_of_them_are_halved_as_others_are_and_names_stay_short():
    made = jobs(4, range(10, 100, 10), range(10, 60), "d")
    assert max(map(len, made.values())) <= 4
    assert sum(map(len, made.values())) == 1 + 3 * 9 + 50
    assert max(map(len, made)) < 40


@pytest.mark.parametrize("size", [1, 4, 10, 40])
def test_a_level_of_the_final_layer_that_is_added_changes_one_job_or_halves_it(size):
    others = step("magnitude", "attention", range(10, 60))
    old = planned(size, [step("magnitude", "final", range(10, 20)), others])
    for level in range(20, 30):
        new = planned(size, [step("magnitude", "final", [*range(10, 20), level]), others])
        (place,) = (name for name, slugs in new.items() if f"magnitude-{level}@final" in slugs)
        changed = {name for name in old if new.get(name) != old[name]}
        assert changed == ({place} if place in old else changed) and len(changed) <= 1


def test_variants_whose_bodies_are_equal_follow_each_other():
    pruned = [step("magnitude", scope, [20]) for scope in ("attention", "overall", "final")]
    few = step("rtn", "final", ["4bit"])
    (slugs,) = planned(20, [*pruned, few]).values()
    assert slugs[:3] == ("dense", "magnitude-20@final", "rtn-4bit@final")
    assert slugs[3:] == ("magnitude-20@attention", "magnitude-20@overall")
