"""A model that is here, whole and as its row asks, is not fetched again: another run may be reading it."""

import json
import multiprocessing
import shutil

import pytest
import torch
from helpers.fetching import RAMP, REPO, checkpoint, refused, row, sharded, write

from knowcost import fetch
from knowcost.common import files
from knowcost.common.errors import InputError
from knowcost.fetch import door
from knowcost.fetch import model as fetch_model
from knowcost.models import fetched

PICKLED = "pytorch_model.bin"


class Fetched(AssertionError):
    """It began anew."""


def stop(*_):
    raise Fetched


@pytest.fixture
def again(get, monkeypatch):
    """Fetch as the rule does, source.json deleted by Snakemake first. Returns whether it was fetched anew."""

    def run(row):
        (get.folder / "source.json").unlink()
        with monkeypatch.context() as patch:
            patch.setattr(fetch_model, "_bring", stop)
            try:
                get(row)
            except Fetched:
                return True
        return False

    return run


def inodes(folder):
    return {path.name: path.stat().st_ino for path in folder.glob("[!.]*") if not path.name.startswith("source.json")}


@pytest.mark.parametrize("contents", [checkpoint, sharded])
def test_a_local_model_is_kept(tmp_path, get, again, contents):
    about = row(write(tmp_path / "origin", contents()))
    source, before = get(about), inodes(get.folder)
    assert not again(about)
    assert json.loads((get.folder / "source.json").read_text()) == source and inodes(get.folder) == before


def test_a_model_of_pickles_is_kept(tmp_path, get, again):
    contents = checkpoint()
    del contents["model.safetensors"]
    origin = write(tmp_path / "origin", contents)
    torch.save({name: torch.from_numpy(values) for name, values in RAMP.items()}, origin / PICKLED)
    about = row(origin, allow="pickle")
    get(about)
    assert not again(about)
    (origin / PICKLED).write_bytes((origin / PICKLED).read_bytes() + b"x")
    assert again(about)


def test_a_model_of_the_hub_is_kept_while_its_commit_is_the_same(server, get, again):
    server.add("org/tiny", checkpoint())
    get(row())
    assert not again(row())
    server.add("org/tiny", checkpoint(**{"tokenizer_config.json": b'{"x": 1}'}))
    get.lock.unlink()
    assert again(row())


def test_what_others_added_to_a_model_that_is_kept_goes(tmp_path, get, again):
    about = row(write(tmp_path / "origin", checkpoint()))
    get(about)
    for name in ("special_tokens_map.json", "model.safetensors.index.json"):
        (get.folder / name).write_text("{}")
    assert not again(about)
    fetched.check(get.folder)


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda origin, folder: flip(folder / "model.safetensors"),
        lambda origin, folder: (folder / "vocab.txt").unlink(),
        lambda origin, folder: (origin / "vocab.txt").write_text("[PAD]\n"),
        lambda origin, folder: (origin / "added_tokens.json").write_text("{}"),
        lambda origin, folder: (origin / "tokenizer_config.json").unlink(),
        lambda origin, folder: (folder / ".source.json").write_text("{}"),
        lambda origin, folder: (folder / ".source.json").unlink(),
        lambda origin, folder: (folder / ".source.json.sha256").unlink(),
    ],
)
def test_what_is_damaged_or_no_longer_the_same_is_fetched_anew(tmp_path, get, again, change):
    origin = write(tmp_path / "origin", checkpoint())
    get(row(origin))
    change(origin, get.folder)
    assert again(row(origin))


def test_another_row_or_version_is_fetched_anew(tmp_path, get, again, monkeypatch):
    origin = write(tmp_path / "origin", checkpoint())
    get(row(origin))
    assert again(row(origin, allow="remote_code"))
    assert not (get.folder / ".source.json").exists(), "it would vouch for a folder that is half made"
    with pytest.raises(InputError, match=r"source\.json: missing"):
        fetched.read_source(get.folder)
    get(row(origin))
    monkeypatch.setattr(fetch, "STAGE_VERSION", "another")
    assert again(row(origin))


def test_it_stands_there_for_others_before_anything_takes_its_time(tmp_path, get, monkeypatch):
    origin = write(tmp_path / "origin", checkpoint())
    source = get(row(origin))
    (get.folder / "source.json").unlink()

    assert fetched.read_source(get.folder) == source, "read by another run before the job has put it back"

    def look(*_):
        assert json.loads((get.folder / "source.json").read_text()) == source
        raise Fetched

    monkeypatch.setattr(door, "glance", look)
    with pytest.raises(Fetched):
        get(row(origin))
    assert not (get.folder / "source.json").exists(), "a job that fails makes nothing"


def _fetch(row, folder, lock, begin, words):
    begin.wait()
    try:
        fetch_model.fetch_model(row, folder, lock_path=lock)
        words.put("")
    except BaseException as error:
        words.put(repr(error))
        raise


def test_processes_that_fetch_at_a_time_do_it_one_after_the_other(tmp_path, get):
    about = row(write(tmp_path / "origin", checkpoint()))
    context = multiprocessing.get_context("fork")
    begin, words = context.Barrier(3), context.Queue()
    arguments = (about, str(get.folder), str(get.lock), begin, words)
    processes = [context.Process(target=_fetch, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    assert [words.get(timeout=60) for _ in processes] == [""] * 3
    for process in processes:
        process.join()
    source = files.read_json(get.folder / "source.json")
    assert {name: files.sha256(get.folder / name) for name in source["files"]} == {
        name: entry["sha256"] for name, entry in source["files"].items()
    }
    assert sorted(path.name for path in get.folder.glob(".*")) == [".lock", ".source.json", ".source.json.sha256"]


def test_a_source_that_is_gone_is_refused_and_nothing_is_lost(tmp_path, get, again):
    origin = write(tmp_path / "origin", checkpoint())
    get(row(origin))
    (get.folder / "source.json").unlink()
    origin.rename(tmp_path / "away")
    refused(get, row(origin), "there is no folder")
    (tmp_path / "away").rename(origin)
    get(row(origin))
    assert not again(row(origin))


def test_a_model_under_another_name_links_what_was_downloaded_of_the_same_commit(tmp_path, server, get):
    server.add(REPO, checkpoint())
    get(row())
    weights, vocab = get.folder / "model.safetensors", get.folder / "vocab.txt"
    flip(vocab)  # of the other model: the hub's digest finds it
    renamed = tmp_path / "renamed"
    about = row(name="renamed")
    fetch_model.fetch_model(about, renamed, lock_path=tmp_path / "renamed.lock.json")
    assert (renamed / "model.safetensors").samefile(weights)
    assert len(server.downloads("model.safetensors")) == 1
    assert (renamed / "vocab.txt").read_bytes() == checkpoint()["vocab.txt"] != vocab.read_bytes()
    shutil.rmtree(get.folder)
    assert fetched.check(renamed)["name"] == "renamed"


def test_nothing_is_linked_of_another_commit_or_repository(tmp_path, server, get):
    server.add(REPO, checkpoint())
    get(row())
    server.add("other/tiny", checkpoint())
    renamed = tmp_path / "renamed"
    fetch_model.fetch_model(row("other/tiny", name="renamed"), renamed, lock_path=tmp_path / "renamed.lock.json")
    assert not (renamed / "model.safetensors").samefile(get.folder / "model.safetensors")
