"""A fetched model's folder against its source.json."""

from contextlib import nullcontext
from unittest.mock import Mock

import pytest
import xxhash
from helpers import tiny

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.models import fetched


@pytest.fixture
def folder(tmp_path):
    tiny.fetched("llama", tmp_path / "model")
    return tmp_path / "model"


def test_a_whole_folder_gives_its_source(folder):
    source = files.read_json(folder / paths.SOURCE)
    assert fetched.check(folder) == fetched.check(folder, weights=False) == fetched.read_source(folder) == source
    digests = fetched.digests(source)
    assert digests == {name: files.sha256(folder / name) for name in source["files"]}
    assert list(digests) == sorted(digests)


def test_weights_are_read_where_they_are_asked_about(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    fetched.check(folder, weights=False)
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .*delete .*source\.json"):
        fetched.check(folder)


def flip(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_weights_that_were_right_are_held_against_the_digest_that_was_taken_then(folder, monkeypatch):
    path = folder / "model.safetensors"
    sha = files.sha256(path)
    assert fetched.check_again(folder) == fetched.read_source(folder)
    assert files.read_json(folder / fetched.QUICK) == {sha: xxhash.xxh3_128_hexdigest(path.read_bytes())}
    with monkeypatch.context() as patched:
        patched.delattr(files, "sha256_and_quick")
        assert fetched.check_again(folder) == fetched.check(folder)
    flip(path)
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .*delete .*source\.json"):
        fetched.check_again(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .*no file"):
        fetched.check_again(folder)


def test_weights_that_were_never_right_are_damaged(folder):
    flip(folder / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is damaged .*delete .*source\.json"):
        fetched.check_again(folder)
    assert not (folder / fetched.QUICK).exists()


@pytest.mark.parametrize("spoil", [
    lambda path: path.unlink(),
    lambda path: path.write_text("{}"),
    lambda path: seal.write_json(path, []),
    lambda path: seal.write_json(path, dict.fromkeys(files.read_json(path), "0" * 32)),
])  # fmt: skip
def test_digests_that_are_lost_or_wrong_are_taken_anew(folder, spoil):
    fetched.check_again(folder)
    kept = files.read_json(folder / fetched.QUICK)
    spoil(folder / fetched.QUICK)
    fetched.check_again(folder)
    assert seal.read_json(folder / fetched.QUICK) == kept


def test_a_folder_where_nothing_can_be_written_is_read_all_the_same(folder, monkeypatch):
    monkeypatch.setattr(seal, "write_json", Mock(side_effect=PermissionError))
    assert fetched.check_again(folder) == fetched.check(folder)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("name", ["model.safetensors.index.json", "special_tokens_map.json"])
def test_what_nobody_fetched_is_named(folder, name, weights):
    (folder / name).write_text("{}")
    with pytest.raises(InputError, match=rf"{name}: is not in .*source\.json"):
        fetched.check(folder, weights)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{}"), lambda path: path.unlink()])
def test_other_files_are_always_read(folder, spoil, weights):
    spoil(folder / "tokenizer_config.json")
    with pytest.raises(InputError, match=r"tokenizer_config\.json is damaged"):
        fetched.check(folder, weights)


@pytest.mark.parametrize("source", [[], {"names": {}}, {"files": ["model.safetensors"]}, None])
def test_a_source_of_another_shape_is_of_an_older_version(folder, source):
    seal.write_json(folder / paths.SOURCE, source)
    with pytest.raises(InputError, match=r"source\.json: of an older version"):
        fetched.read_source(folder)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_source_that_was_edited_or_torn_is_named(folder, text):
    (folder / paths.SOURCE).write_text(text)
    with pytest.raises(InputError, match=r"source\.json is damaged"):
        fetched.read_source(folder)


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"source\.json: missing"):
        fetched.read_source(tmp_path)


def test_another_models_folder_is_named(tmp_path):
    for name, fails in (("one", False), ("two", True)):
        seal.write_json(tmp_path / name / "source.json", {"name": "one", "files": {}})
        with pytest.raises(InputError, match="is of 'one', but this is the place of 'two'") if fails else nullcontext():
            fetched.read_source(tmp_path / name)
