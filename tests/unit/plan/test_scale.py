"""Plans that grow with the number of models, not with its square."""

import copy

import pytest
from helpers import tiny
from helpers.counting import growth
from helpers.workflow import CONFIG, facts

from knowcost.common import paths
from knowcost.plan import batching, config, design, fitting, sizes


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.fetched("bert", tmp_path / "bert")
    facts(tmp_path / "first.jsonl", 4)
    (tmp_path / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\nfirst\tcloze\tfirst.jsonl\tencoder\n")
    return tmp_path


def of_models(folder, count):
    """A configuration of so many models, half of which are here."""
    sources = ("./bert", "some/hub-id")
    rows = [f"m{i}\tencoder\t{sources[i % 2]}\n" for i in range(count)]
    (folder / f"{count}.tsv").write_text("name\tfamily\tsource\n" + "".join(rows))
    return copy.deepcopy(CONFIG) | {"models": f"{count}.tsv"}


def test_a_plan_grows_with_its_models(here, monkeypatch):
    asked = []
    work_out = design.variants
    monkeypatch.setattr(design, "variants", lambda *of: asked.append(of) or work_out(*of))

    def prepared(count):
        given = of_models(here, count)

        def plan():
            study = config.load(given)
            assert fitting.check(study) == []
            assert len(batching.batches(study)) == 3 * count
            assert len(design.archives(study)) == len(design.cells(study)) == 6 * count

        return plan

    assert growth(prepared, 4) < 2.5
    assert len(asked) == 2 * 3 * 4  # each of the six plans asks four times what an encoder's variants are


def test_a_model_that_is_here_is_opened_once(here, monkeypatch):
    opened = []
    for module in (fitting, fitting.door):
        real = module.Checkpoint
        monkeypatch.setattr(module, "Checkpoint", lambda folder, real=real: opened.append(folder) or real(folder))
    fitting.check(config.load(of_models(here, 2)))
    assert len(opened) == 1


def test_a_size_is_read_anew_only_when_the_model_changes(here):
    """Every resource of every job asks for it."""
    row = config.load(of_models(here, 1)).models["m0"]
    before = sizes._read_local.cache_info().misses
    found = {sizes.size(row) for _ in range(10)}
    assert len(found) == 1
    assert sizes._read_local.cache_info().misses == before + 1
    source = here / "bert/config.json"
    source.write_text(source.read_text().replace('"float32"', '"float16"'))
    assert sizes.size(row).parameters == 2 * found.pop().parameters
    assert not (here / paths.model_dir("m0")).exists()
