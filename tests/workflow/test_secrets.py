"""Secrets planted where users have them, and every file searched that a run leaves, and all that it says."""

import contextlib
import gzip
import zlib

import pytest
from helpers import tiny
from helpers.copies import copy_workflow
from helpers.hub_server import HubServer
from helpers.workflow import Project, facts, snakemake

SECRETS = ("planted-in-a-row", "planted-in-calibration", "planted-by-a-redirect", "planted-password", "hf_plantedtoken")
GIVEN = {"config.yaml", "benchmarks.tsv", "netrc"}  # what the user wrote, with the secrets in it


@pytest.fixture
def server(tmp_path):
    facts(tmp_path / "facts.jsonl", 5)
    with HubServer() as running:
        running.plain["/first.jsonl"] = f"{running.url}/kept/first.jsonl?sig={SECRETS[2]}"  # as a store of objects does
        running.plain["/kept/first.jsonl"] = (tmp_path / "facts.jsonl").read_bytes()
        running.plain["/texts.txt"] = " ".join(f"w{i % 100}" for i in range(400)).encode()
        yield running


@pytest.fixture
def study(server, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    copy_workflow(folder)
    tiny.fetched("bert", folder / "checkpoints/bert")
    (folder / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\t./checkpoints/bert\n")
    rows = [f"{name}\tcloze\t{server.url}/{name}.jsonl?token={SECRETS[0]}\tencoder\n" for name in ("first", "gone")]
    (folder / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\n" + "".join(rows))
    (folder / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRETS[3]}\n")
    (folder / "netrc").chmod(0o600)

    def change(config):
        wanda = {"name": "wanda", "steps": ["wanda"], "scopes": ["attention"], "levels": ["2of4"]}
        config["study"]["experiments"] = [wanda]
        data = {"name": "mine", "join": True, "samples": 2, "length": 8, "seed": 0}
        config["calibration"] = data | {"source": f"{server.url}/texts.txt?token={SECRETS[1]}"}

    made = Project(folder)
    made.write_config(change)
    return made


def test_no_file_and_no_word_of_a_run_has_a_secret(server, study):
    environment = study._environment() | {"HF_HUB_OFFLINE": "0", "HF_TOKEN": SECRETS[4], "NETRC": "netrc"}
    environment |= {"HF_ENDPOINT": server.url, "NO_PROXY": "127.0.0.1"}
    options = [*study._options(["--keep-going"]), "-p", "--retries", "0"]
    run = snakemake(study.folder, *options, check=False, **environment)
    server.plain["/gone.jsonl"] = server.plain["/kept/first.jsonl"]
    assert "404" in run.stderr, run.stderr[-3000:]
    again = snakemake(study.folder, *options, **environment)
    dry = snakemake(study.folder, *study._options(["-n", "-R", "fetch_benchmark"]), **environment)

    asked = [f"{path} {headers.get('Authorization')}" for _, path, headers in server.asked]
    for secret in SECRETS[:3]:
        assert any(secret in each for each in asked)  # so it was there to be lost
    assert any("Basic" in each for each in asked)
    assert (study.folder / "results/report.html").is_file()
    for said in (run, again, dry):
        assert found_in((said.stdout + said.stderr).encode()) == []
    files = [path for path in study.folder.rglob("*") if path.is_file() and path.name not in GIVEN]
    assert any(".snakemake/metadata" in str(path) for path in files)
    assert {str(path): found for path in files if (found := found_in(path.read_bytes()))} == {}


def found_in(data):
    """The secrets in these bytes, or in what they unpack to."""
    if data[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            data += gzip.decompress(data)
    return [secret for secret in SECRETS if secret.encode() in data]
