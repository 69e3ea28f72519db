import contextlib
import gzip
import hashlib
import json
import random
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers
from helpers import tiny

from knowcost.common.errors import InputError
from knowcost.compress.calibration import texts as calibration_texts
from knowcost.compress.calibration import windows as calibration
from knowcost.models import fetched

TEXTS = [" ".join(f"w{(7 * i + k) % 114}" for k in range(5 + 11 * (i % 6))) for i in range(40)]
OPTIONS = {"name": "mine", "source": "mine.jsonl", "join": False, "samples": 6, "length": 20, "seed": 3}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.fetched("llama", folder)
    return folder


def written(path, texts=TEXTS):
    """A file of texts in the format that its suffix says."""
    rows = [{"text": text, "url": "x"} for text in texts]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".txt":
        path.write_text(" ".join(texts))
    else:
        path.write_text(lines)
    return path


def drawn(tmp_path, model, source=None, **options):
    calibration_texts.prepare({"name": "mine"}, source or written(tmp_path / "mine.jsonl"), tmp_path / "texts.arrow")
    calibration.draw(tmp_path / "texts.arrow", model, OPTIONS | options, tmp_path / "windows.parquet")
    return calibration.read(tmp_path / "windows.parquet")


def encoded(model, text):
    return transformers.AutoTokenizer.from_pretrained(model)(text).input_ids


def test_windows_of_single_texts_are_those_of_the_authors_code(tmp_path, model):
    """datautils.py, get_c4: a text at random until one is longer than the window, then a place in it at random."""
    ids, about = drawn(tmp_path, model)
    random.seed(3)
    for window in ids:
        while len(text := encoded(model, TEXTS[random.randint(0, 39)])) <= 20:
            pass
        place = random.randint(0, len(text) - 20 - 1)
        assert window.tolist() == text[place : place + 20]
    assert ids.shape == (6, 20) and about["texts"] == 40
    assert about["sha256"] == hashlib.sha256(np.array(ids, "<i8").tobytes()).hexdigest()


def test_windows_of_joined_texts_are_those_of_the_authors_code(tmp_path, model):
    """datautils.py, get_wikitext2: all texts joined by blanks, then places at random."""
    ids, _ = drawn(tmp_path, model, join=True, length=50)
    text = encoded(model, " ".join(TEXTS))
    random.seed(3)
    for window in ids:
        place = random.randint(0, len(text) - 50 - 1)
        assert window.tolist() == text[place : place + 50]


def test_other_seeds_give_other_windows_and_the_same_seed_the_same_file(tmp_path, model):
    first = drawn(tmp_path, model)[1]
    data = (tmp_path / "windows.parquet").read_bytes()
    assert drawn(tmp_path, model)[1] == first and (tmp_path / "windows.parquet").read_bytes() == data
    assert drawn(tmp_path, model, seed=4)[1]["sha256"] != first["sha256"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json.gz", "a.parquet", "a.txt"])
def test_every_format_holds_the_same_text(tmp_path, model, name):
    expected = drawn(tmp_path, model, join=True)[0]
    assert np.array_equal(drawn(tmp_path, model, written(tmp_path / name), join=True)[0], expected)


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("bert", {"max_position_embeddings": 512}, 512),
        ("roberta", {"max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ("opt", {"max_position_embeddings": 2048}, 2048),
        ("llama", {"max_position_embeddings": 8192}, 8192),
        ("t5", {}, 1024),
    ],
)
def test_a_window_is_no_longer_than_the_model_takes(kind, options, expected):
    class Tokenizer:
        model_max_length = 10**30

    assert calibration.longest(transformers.AutoConfig.for_model(kind, **options), Tokenizer) == expected
    Tokenizer.model_max_length = 100
    assert calibration.longest(transformers.AutoConfig.for_model(kind, **options), Tokenizer) == min(
        expected, 200 if kind == "t5" else 100
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 60}, r"mine \(mine\.jsonl\): of 40 texts looked at, none has more than 60 tokens.*join: true"),
        ({"join": True, "length": 1500}, r"mine \(mine\.jsonl\): 1,256 tokens in all, too few for windows of 1500"),
    ],
)
def test_too_little_text_is_an_error(tmp_path, model, options, message):
    with pytest.raises(InputError, match=message):
        drawn(tmp_path, model, **options)
    assert not (tmp_path / "windows.parquet").exists()


def test_a_token_without_a_row_is_named_with_text_and_tokenizer(tmp_path, model):
    copy = shutil.copytree(model, tmp_path / "model")
    settings = json.loads((copy / "tokenizer_config.json").read_text()) | {"pad_token": "<padding>"}
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    expected, _ = drawn(tmp_path, model)
    tiny.write_source(copy)
    assert np.array_equal(drawn(tmp_path, copy)[0], expected)  # as long as no text holds it, it does not matter
    source = written(tmp_path / "other.jsonl", [f"{text} <padding>" * 4 for text in TEXTS])
    with pytest.raises(InputError, match=rf"mine \(mine\.jsonl\): .*'<padding>', token 120 .*{copy}.* 120 rows"):
        drawn(tmp_path, copy, source)


def test_texts_that_are_empty_or_say_nothing_are_passed_over(tmp_path, model):
    source = written(tmp_path / "other.jsonl", ["", " \n", TEXTS[5]])
    ids, _ = drawn(tmp_path, model, source)
    text = encoded(model, TEXTS[5])
    assert all(window.tolist() in [text[i : i + 20] for i in range(len(text) - 20)] for window in ids)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"content": "x"}\n', "a.jsonl:1: no `text`, only content"),
        ("a.jsonl", b'{"text": 3}\n', "a.jsonl:1: 'text' must be a text, found 3"),
        ("a.jsonl", b"{", "a.jsonl:1: not valid JSON"),
        ("a.txt", b"\xff\xfe\xff", "a.txt:1: not UTF-8"),
        ("a.json.gz", b"not a gzip file", "a.json.gz: not a whole gzip file"),
        ("a.json.gz", gzip.compress(b'{"text": "x"}\n' * 999, mtime=0)[:-20], "a.json.gz: not a whole gzip file"),
        ("a.jsonl", b"", "a.jsonl: no text"),
    ],
)
def test_a_file_without_texts_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        calibration_texts.prepare({"name": "mine"}, tmp_path / name, tmp_path / "texts.arrow")
    assert not (tmp_path / "texts.arrow").exists()


def test_other_calibrations_say_what_differs():
    main = OPTIONS | {"revision": "abc", "sha256": "0" * 64}
    config = {
        "calibration": main,
        "other_calibrations": {"again": {"seed": 4}, "wiki": {"source": "w.txt", "join": True}},
    }
    assert calibration_texts.every(config) == {
        "mine": main,
        "again": main | {"name": "again", "seed": 4},
        "wiki": OPTIONS | {"name": "wiki", "source": "w.txt", "join": True},
    }
    texts = {name: calibration_texts.texts_of(config, name) for name in ("mine", "again", "wiki")}
    assert texts == {"mine": "mine", "again": "mine", "wiki": "wiki"}
    with pytest.raises(InputError, match="'mine' is already"):
        calibration_texts.every({"calibration": main, "other_calibrations": {"mine": {"seed": 4}}})


def test_texts_windows_and_tokenizers_that_changed_are_named(tmp_path, model):
    drawn(tmp_path, model)
    copy = shutil.copytree(model, tmp_path / "copy")
    for path in (tmp_path / "texts.arrow", copy / "tokenizer.json"):
        before = path.read_bytes()
        path.write_bytes(before.replace(b"w1", b"w2", 1))
        with pytest.raises(InputError, match=f"{path.name} is damaged or was changed"):
            calibration.draw(tmp_path / "texts.arrow", copy, OPTIONS, tmp_path / "windows.parquet")
        path.write_bytes(before)
    (tmp_path / "windows.parquet").write_bytes((tmp_path / "windows.parquet").read_bytes()[:-1] + b"2")
    with pytest.raises(InputError, match=r"windows\.parquet is damaged or was changed"):
        calibration.read(tmp_path / "windows.parquet")


def test_windows_say_which_tokenizer_and_configuration_they_are_of(tmp_path, model):
    about = drawn(tmp_path, model)[1]
    source = fetched.read_source(model)
    calibration.check_model("windows.parquet", about, source)
    for name, kept in (("model.safetensors", True), ("tokenizer.json", False), ("config.json", False)):
        other = json.loads(json.dumps(source))
        other["files"][name]["sha256"] = 64 * "0"
        with contextlib.nullcontext() if kept else pytest.raises(InputError, match=r"windows\.parquet: .* delete it"):
            calibration.check_model("windows.parquet", about, other)
