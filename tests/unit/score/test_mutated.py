"""Mutated checkpoints that are let in, dense and in int8, asked: the right rows, or refused by name.

Right is what the model as it was answers, wherever what was changed does not change what it computes and reads.
"""

from pathlib import Path

import pytest
from helpers import questions, tiny
from helpers.asking import PLAN, respondent
from helpers.fetching import row
from helpers.mutated_checkpoints import checkpoint, mutated, settings, write
from hypothesis import event, given

from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.fetch.model import fetch_model
from knowcost.models.load import load
from knowcost.score.ask import ask
from knowcost.score.places import ALL
from knowcost.spec.architectures import family_of

pytestmark = pytest.mark.usefixtures("quiet")

TEXT = "w1 w2 w3 w4 w5 w6 w7"
FACTS = {
    "cloze": [{"cloze": f"w{i} w2 [MASK] w4", "answer": f"w{i + 3}", "candidates": None} for i in range(9)],
    "question": [{"question": f"w{i} w2 ?", "answer": "w5", "candidates": ["w5", f"w{i + 6} w7"]} for i in range(5)],
    "triviaqa_closed": [{"question": " ".join(["w1"] * n), "answers": ["w5"]} for n in (1, 4, 9)],
    "lines": [{"text": TEXT}, {"text": f"{TEXT} {TEXT}"}],
}  # fmt: skip
KINDS = {"encoder": ["cloze"], "encoder_decoder": ["question", "triviaqa_closed"],
         "decoder": ["question", "triviaqa_closed", "lines"]}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    for kind, facts in FACTS.items():
        questions.write(folder / f"{kind}.parquet", kind, facts)
    return folder


def answers(kind: str, held: dict[str, bytes], place: Path) -> dict[str, object]:
    """{what: rows} of a model, dense and in int8, and what it computes and reads. Raises InputError."""
    family = family_of(kind.removesuffix("-tied"))
    write(place / "origin", held)
    fetch_model(row(place / "origin", family=family), place / "tiny", lock_path=place / "lock.json")
    found: dict[str, object] = {}
    for slug in ("dense", "int8@overall"):
        archive.make_archive("m", slug, archive.Inputs(place / "tiny"), place / slug)
        model, tokenizer = load(place / slug)
        found[f"{slug} logits"] = tiny.logits(model).nan_to_num(1e9).tolist()
        found["tokens"] = tokenizer([TEXT, "w1 w3"])["input_ids"], tokenizer.model_max_length, tokenizer.eos_token_id
        starts = getattr(model.config, "decoder_start_token_id", None)
        found["ends"] = starts, getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        for benchmark in KINDS[family]:
            rows, metadata = ask(respondent(model, tokenizer), place / f"{benchmark}.parquet", ALL, PLAN)
            found[f"{slug} {benchmark}"] = rows.to_pylist(), metadata["dropped"]
    return found


@settings
@given(mutated(sorted(tiny.MODELS)))
def test_a_mutated_checkpoint_is_asked_rightly_or_refused_by_name(place, example):
    usual = _usual(example.kind, place)
    try:
        found = answers(example.kind, example.held, place)
    except InputError as error:
        event("refused")
        assert str(place) in str(error), f"names no file: {error}"
        return
    event("asked")
    if all(found[key] == usual[key] for key in ("dense logits", "int8@overall logits", "tokens", "ends")):
        assert found == usual
        event("asked, as it was")


USUAL: dict[str, dict[str, object]] = {}


def _usual(kind: str, place: Path) -> dict[str, object]:
    if kind not in USUAL:
        USUAL[kind] = answers(kind, checkpoint(kind), place)
    return USUAL[kind]
