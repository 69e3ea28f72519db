"""Fixtures of the tests of fetching."""

import json

import pytest
from helpers.hub_server import HubServer

from knowcost.fetch import hub
from knowcost.fetch import model as fetch


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub, and a user with an empty cache and no token whose requests go there."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "WAITS", (0.01, 0.01, 0.01))
    with HubServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def get(tmp_path):
    """Fetch a row into the same folder each time, with the same lock; returns source.json, read."""

    def run(row):
        fetch.fetch_model(row, str(run.folder), lock_path=str(tmp_path / "lock.json"))
        return json.loads((run.folder / "source.json").read_text())

    run.folder, run.lock = tmp_path / "tiny", tmp_path / "lock.json"
    return run
