"""Every architecture of the table goes through the whole program, beside plain torch and transformers."""

import copy
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from helpers import plain, questions, tiny
from helpers.architectures_page import NOTES
from helpers.asking import PLAN, respondent
from helpers.calibrated import calibrated
from helpers.fetching import row
from torch.nn.utils import prune

from knowcost.common import files, paths
from knowcost.compress.archive import rebuild
from knowcost.compress.archive.make import Inputs, make_archive, make_thresholds
from knowcost.compress.archive.storage import Keep
from knowcost.fetch.model import fetch_model
from knowcost.models import fetched, formats
from knowcost.models.blueprint import AUTO
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.experts import are_fused, separate
from knowcost.models.load import load
from knowcost.score.ask import ask
from knowcost.score.places import ALL
from knowcost.spec.architectures import architectures, family_of
from knowcost.spec.scopes import grouping_matters


@dataclass
class Case:
    """An architecture's tiny model in memory, and the folder where it lies, fetched, and its archives."""

    kind: str
    model: torch.nn.Module
    folder: Path

    @property
    def family(self):
        return family_of(self.model.config.model_type)

    def archive(self, slug, mode="full"):
        """The folder of a variant's archive; one that is not kept in full is exported."""
        model, out = self.folder / "model", self.folder / slug
        inputs = Inputs(model, self.folder / "thresholds.json", self.folder / "windows.parquet")
        make_archive("m", slug, inputs, out, Keep(mode))
        if mode == "full":
            return out
        assert files.read_json(out / paths.MANIFEST)["archive"]["keep"] == mode
        rebuild.export(out, model, self.folder / f"{slug}-exported", ("m", slug))
        return self.folder / f"{slug}-exported"

    def plain(self, folder):
        return AUTO[self.family].from_pretrained(folder).eval()


@pytest.fixture(scope="module", params=tiny.EVERY)
def case(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = tiny.saved(request.param, folder / "origin")
    family = family_of(model.config.model_type)
    asked = row(folder / "origin", family=family, name="model")
    fetch_model(asked, folder / "model", lock_path=folder / "lock.json")
    scopes = [("paper", "overall", [40]), ("canonical", "attention", [40]), ("paper", "final", [40])]
    make_thresholds(folder / "model", scopes, folder / "thresholds.json")
    return Case(request.param, model, folder)


def test_every_architecture_of_the_table_is_tried():
    assert {kind.removesuffix("-tied") for kind in tiny.EVERY} == set(architectures())


def test_door(case):
    source = fetched.read_source(case.folder / "model")
    assert source["architecture"] == case.model.config.model_type
    filled = {parameter for names in source["names"].values() for parameter in names}
    assert filled == set(separate(copy.deepcopy(case.model)).state_dict())
    loaded = load(case.folder / "model", device="cpu")[0]
    assert torch.equal(tiny.logits(loaded), tiny.logits(case.model))
    assert (filled != set(loaded.state_dict())) == are_fused(source["names"]), "others are changed in place"


@pytest.mark.parametrize("scope", ["overall", "attention"])
def test_magnitude(case, scope):
    grouping = "canonical." if grouping_matters(case.family, scope) else ""
    folder = case.archive(f"magnitude-40@{grouping}{scope}")
    expected = tiny.logits(plain.pruned(case.model, scope, 0.4))
    assert torch.equal(tiny.logits(case.plain(folder)), expected)
    assert torch.equal(tiny.logits(load(folder, device="cpu")[0]), expected)


@pytest.mark.parametrize("slug", ["magnitude-40@final", "magnitude_structured-40@final"])
def test_final(case, slug):
    model, head = plain.untied(case.model)
    if "structured" in slug:
        prune.ln_structured(head, "weight", amount=0.4, n=1, dim=0)
    else:
        prune.l1_unstructured(head, "weight", amount=0.4)
    found = case.plain(case.archive(slug))
    assert torch.equal(tiny.logits(found), tiny.logits(model))
    assert torch.equal(found.get_input_embeddings().weight, case.model.get_input_embeddings().weight)


def test_int8(case):
    folder = case.archive("int8@overall", "recipe")
    all_linear = all(type(module) is torch.nn.Linear for module, _ in plain.layers(case.model)["overall"])
    assert all_linear == ((case.kind, "int8") not in NOTES)
    expected = tiny.logits(plain.quantized(separate(copy.deepcopy(case.model))))
    for engine in ("knowcost", "torch"):
        assert torch.equal(tiny.logits(load(folder, engine=engine, device="cpu")[0]), expected)


def test_calibration(case):
    """Wanda prunes of each row those whose product of size and input is smallest, from what pruned blocks give."""
    ids = calibrated(case.folder / "windows.parquet", model=case.folder / "model")
    found = separate(load(case.archive("wanda-50@overall", "changed"), device="cpu")[0])
    model = separate(copy.deepcopy(case.model))
    order = [
        path for path in plain.inputs(model, ids) if model.get_submodule(path) is not model.get_output_embeddings()
    ]
    stages = dict.fromkeys(map(stage_of, order))
    assert len(stages) > 1
    for stage in stages:
        reached = {path: rows for path, rows in plain.inputs(model, ids).items() if stage_of(path) == stage}
        for path in reached.keys() & set(order):
            rows, layer = reached[path], model.get_submodule(path)
            before, after = layer.weight.detach(), found.get_submodule(path).weight.detach()
            zero = after == 0
            assert (zero.sum(1) == before.shape[1] // 2).all(), path
            scores = before.abs() * rows.norm(dim=0)
            least = scores.masked_fill(zero, torch.inf).amin(1)
            assert (scores.masked_fill(~zero, 0).amax(1) <= least * (1 + 1e-4) + 1e-6).all(), path
            assert torch.equal(after[~zero], before[~zero])
        for path, layer in model.named_modules():
            if stage_of(path) == stage and isinstance(layer, torch.nn.Linear):
                layer.weight = found.get_submodule(path).weight


def stage_of(path):
    """The block that a layer is in, by the first number of its path; a layer outside of blocks is its own stage."""
    inside = re.match(r".*?\.\d+", path)
    return inside[0] if inside else path


def test_solvers(case):
    calibrated(case.folder / "windows.parquet", model=case.folder / "model")
    folder = case.archive("sparsegpt-2of4@overall+gptq-4bit@overall")
    held = formats.floats(Checkpoint(folder))
    touched = files.read_json(folder / paths.MANIFEST)["touched"]
    for name in touched:
        rows = torch.from_numpy(held[name].whole().copy()).reshape(held[name].shape)
        assert ((rows.reshape(-1, 4) != 0).sum(1) <= 2).all(), name
        assert all(len(each.unique()) <= 16 for each in rows), name
    size = sum(held[name].size for name in touched)
    assert size == sum(getattr(module, name).numel() for module, name in plain.layers(case.model)["overall"])
    assert torch.isfinite(tiny.logits(load(folder, device="cpu")[0])).all()


FACTS = {
    "encoder": ("cloze", [{"cloze": f"w{i} w2 [MASK] w{i + 4}", "answer": "w9", "candidates": None} for i in range(4)]),
    "encoder_decoder": ("question", [{"question": f"w{i} w2 ?", "answer": "w5", "candidates": ["w5", "w6 w7"]}
                                     for i in range(3)]),
    "decoder": ("lines", [{"text": "w1 w2 w3 w4 w5 w6 w7"}, {"text": "w3 w1 w8"}]),
}  # fmt: skip


def test_scoring(case):
    kind, facts = FACTS[case.family]
    benchmark = questions.write(case.folder / f"{kind}.parquet", kind, facts)
    model, tokenizer = load(case.folder / "model", device="cpu")
    rows, about = ask(respondent(model, tokenizer), benchmark, ALL, PLAN)
    assert len(rows) == len(facts) and not about["dropped"]
    for fact, found in zip(facts, rows.to_pylist(), strict=True):
        if case.family == "encoder":
            ids = tokenizer(fact["cloze"], return_tensors="pt")["input_ids"]
            with torch.no_grad():
                logits = case.model(input_ids=ids).logits[0, 2].log_softmax(-1)
            assert found["prediction"] == tokenizer.decode([logits.argmax()])
            assert found["logprob"] == pytest.approx(logits[tokenizer.convert_tokens_to_ids("w9")].item(), abs=1e-4)
            assert found["top_logprob"] == pytest.approx(logits.max().item(), abs=1e-4)
            assert sum(map(math.exp, found["choice_logprobs"])) == pytest.approx(1, abs=1e-5)  # and all the rest
        elif case.family == "decoder":
            ids = tokenizer(fact["text"], return_tensors="pt")["input_ids"]
            with torch.no_grad():
                each = case.model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
            assert found["logprob"] == pytest.approx(each.sum().item(), abs=1e-4)
        else:
            said = []
            for context, answer in questions.prompts(kind, fact):
                said.append(questions.by_hand(case.model, tokenizer, context, answer))
            assert found["choice_logprobs"] == pytest.approx(said, abs=1e-4)
