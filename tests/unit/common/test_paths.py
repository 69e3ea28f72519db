"""Paths as people write them."""

import pytest

from knowcost.common import paths
from knowcost.common.errors import InputError

KEPT = [
    "google-bert/bert-base-uncased", "hf://datasets/a/b/c.txt", "https://a.example/b~c.zip#d", "./~kept", "../a b/c/",
    "/data/Größe/x", "resources/world/models/small",
]  # fmt: skip


@pytest.mark.parametrize("path", KEPT)
def test_what_is_no_shorthand_stays(path):
    assert paths.given(path) == path


def test_home_folders_and_file_addresses(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert paths.given("~/models/bert") == "/home/me/models/bert" and paths.given("~") == "/home/me"
    assert paths.given("~root/x").endswith("/x") and not paths.given("~root/x").startswith("~")
    assert (
        paths.given("file:///data/a%20b.jsonl") == paths.given("file://localhost/data/a%20b.jsonl") == "/data/a b.jsonl"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("~nobody-of-this-name/x", "no such home folder"), ("file://host/x", "file:///absolute/path"),
        ("file:x", "file:///absolute/path"), (r"models\bert", "written with /"), (r"C:\models\bert", "written with /"),
        ("$HOME/models", "without variables"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_refused(path, message):
    with pytest.raises(InputError, match=message):
        paths.given(path)


def test_a_file_may_have_an_odd_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (r"a\b", "$x"):
        (tmp_path / name).touch()
        assert paths.given(name) == name


def test_files_of_a_rule_are_told_apart_by_their_kind():
    cells, judged = [paths.scores("m", "dense", name) for name in ("b", "a")], [paths.judgements("m", "dense", "a")]
    manifests = [paths.manifest("m", "dense")]
    every = [*manifests, *cells, paths.benchmark("scores"), *judged, paths.TABLES]
    found = {kind: paths.among(every, kind) for kind in (paths.SCORES, paths.JUDGED, paths.MANIFEST)}
    assert found == {"scores": cells, "judgements": judged, "manifest.json": manifests}
