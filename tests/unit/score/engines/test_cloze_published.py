"""The published way of counting, against its procedure written out: padded to 128, every mask, text compared."""

import json

import pytest
import torch
from helpers.asking import rows_of
from helpers.masked import CITIES, make

from knowcost.benchmarks import prepared
from knowcost.score.engines import cloze_published

RECORDS = [
    ("Rome is a city in [MASK] .", "Italy"),
    ("Paris is a city in [MASK] .", "New York"),
    ("[MASK] is where Oslo lies in [MASK]", "Norway"),
    ("( Lima ) [MASK] .", "peru"),
]


def table_of(tmp_path, records=RECORDS):
    (tmp_path / "Squad").mkdir(exist_ok=True)
    lines = [
        json.dumps({"id": str(i), "masked_sentences": [cloze], "obj_label": answer}) + "\n"
        for i, (cloze, answer) in enumerate(records)
    ]
    (tmp_path / "Squad" / "test.jsonl").write_text("".join(lines))
    row = {"name": "squad@published", "format": "lama_squad_published"}
    prepared.prepare(row, tmp_path, tmp_path / "squad.parquet")
    return prepared.read(tmp_path / "squad.parquet")[0]


def as_published(model, tokenizer, records, space):
    """[(prediction, label)] by padding all to one width and taking the vocabulary's top 5 at every mask."""
    texts = [space + cloze.replace("[MASK]", tokenizer.mask_token) for cloze, _ in records]
    batch = tokenizer(texts, truncation=True, padding="max_length", max_length=60, return_tensors="pt")
    labels = [
        tokenizer(space + a, truncation=True, padding="max_length", max_length=8)["input_ids"] for _, a in records
    ]
    labels = [tokenizer.decode(label, skip_special_tokens=True) for label in labels]
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    rows, places = torch.where(batch["input_ids"] == tokenizer.mask_token_id)
    top = torch.topk(logits[rows, places], 5, dim=-1).indices
    return [(tokenizer.decode(each[:1]).lower(), labels[row]) for each, row in zip(top, rows, strict=True)]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "albert"])
def test_every_mask_counts_and_text_is_compared(architecture, tmp_path):
    model, tokenizer = make(architecture)
    rows, about = rows_of(cloze_published, model, tokenizer, table_of(tmp_path), cloze_tokens=40)
    rows = rows.sort_by("id")
    expected = as_published(model, tokenizer, RECORDS, " " if architecture == "roberta" else "")
    assert list(zip(rows["prediction"].to_pylist(), rows["answer"].to_pylist(), strict=True)) == expected
    assert rows["correct"].to_pylist() == [output == label for output, label in expected]
    assert rows["id"].to_pylist() == ["0", "1", "2", "2#2", "3"] and about["asked"] == 5


def test_a_right_answer_counts_only_if_its_text_is_lower_case(tmp_path):
    model, tokenizer = make("bert")
    with torch.no_grad():  # a head that always says Italy
        model.cls.predictions.decoder.weight.zero_()
        model.cls.predictions.decoder.bias.zero_()
        model.cls.predictions.decoder.bias[tokenizer.convert_tokens_to_ids("Italy")] = 9
    table = table_of(tmp_path, [(f"{city} is in [MASK] .", "Italy") for city in CITIES])
    rows, _ = rows_of(cloze_published, model, tokenizer, table)
    assert set(rows["prediction"].to_pylist()) == {"italy"} and not any(rows["correct"].to_pylist())


def test_a_mask_beyond_the_window_is_not_asked(tmp_path):
    model, tokenizer = make("bert", positions=128)
    table = table_of(tmp_path, [("Rome " + ". " * 130 + "[MASK]", "Italy"), ("Rome is in [MASK]", "Italy")])
    rows, about = rows_of(cloze_published, model, tokenizer, table)
    assert rows["id"].to_pylist() == ["1"] and about["dropped"] == {"mask_cut_off": 1}
