"""Secrets planted where users have them, and every file searched that a run leaves, and all that it says."""

import base64
import gzip
import io
import urllib.parse
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import tiny
from helpers.copies import copy_workflow
from helpers.hub_server import HubServer
from helpers.planted import found_in
from helpers.workflow import Project, facts, snakemake

ROW, DATA, OTHER_DATA, REDIRECT = "planted/in a+row=", "planted/in+data", "planted/unused+data", "planted-by-a-redirect"
PASSWORD, TOKEN = "planted-password", "hf_plantedtoken"
SECRETS = (ROW, DATA, OTHER_DATA, REDIRECT, PASSWORD, TOKEN)
GIVEN = {"config.yaml", "benchmarks.tsv", "netrc"}  # what the user wrote, with the secrets in it
QUOTED = {secret: urllib.parse.quote(secret, safe="") for secret in SECRETS}


@pytest.fixture
def server(tmp_path):
    facts(tmp_path / "facts.jsonl", 5)
    tiny.fetched("bert", tmp_path / "bert")
    with HubServer() as running:
        running.plain["/first.jsonl"] = f"{running.url}/kept/first.jsonl?sig={REDIRECT}"  # as a store of objects does
        running.plain["/kept/first.jsonl"] = (tmp_path / "facts.jsonl").read_bytes()
        running.plain["/texts.txt"] = b"w1 " * 10**6
        running.add("org/bert", {path.name: path.read_bytes() for path in (tmp_path / "bert").iterdir()})
        yield running


@pytest.fixture
def study(server, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    copy_workflow(folder)
    (folder / "models.tsv").write_text("name\tfamily\tsource\none\tencoder\torg/bert\n")
    rows = [f"{name}\tcloze\t{server.url}/{name}.jsonl?token={QUOTED[ROW]}\tencoder\n" for name in ("first", "gone")]
    (folder / "benchmarks.tsv").write_text("name\tformat\tsource\tfamilies\n" + "".join(rows))
    (folder / "netrc").write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    (folder / "netrc").chmod(0o600)

    def change(config):
        wanda = {"name": "wanda", "steps": ["wanda"], "scopes": ["attention"], "levels": ["2of4"]}
        config["study"]["experiments"] = [wanda]
        data = {"name": "mine", "join": True, "samples": 2, "length": 8, "seed": 0}
        config["calibration"] = data | {"source": f"{server.url}/texts.txt?token={QUOTED[DATA]}"}
        config["other_calibrations"] = {"more": {"source": f"{server.url}/texts.txt?token={QUOTED[OTHER_DATA]}"}}

        config["download_gb"] = 0.001

    made = Project(folder)
    made.write_config(change)
    return made


def test_no_file_and_no_word_of_a_run_has_a_secret(server, study):
    environment = study._environment() | {"HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN, "NETRC": "netrc"}
    environment |= {"HF_ENDPOINT": server.url, "NO_PROXY": "127.0.0.1"}
    options = [*study._options(["--keep-going"]), "--printshellcmds", "--show-failed-logs", "--retries", "0"]
    told = f"calibration={{source: '{server.url}/texts.txt?token={QUOTED[OTHER_DATA]}'}}"
    refused = snakemake(study.folder, *options, "--config", told, check=False, **environment)
    assert refused.returncode and "has a query, which may be a key, and Snakemake" in refused.stderr
    run = snakemake(study.folder, *options, check=False, **environment)
    assert "404" in run.stderr and "0.003 GB or more, and download_gb allows 0.001" in run.stderr, run.stderr[-9000:]
    server.plain["/gone.jsonl"] = server.plain["/kept/first.jsonl"]
    server.plain["/texts.txt"] = " ".join(f"w{i % 100}" for i in range(400)).encode()
    again = snakemake(study.folder, *options, **environment)
    dry = snakemake(study.folder, *study._options(["-n", "-R", "fetch_benchmark"]), **environment)

    asked = " ".join(f"{path} {headers}" for _, path, headers in server.asked)
    login = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    for sent in (*(QUOTED[each] for each in (ROW, DATA, REDIRECT)), f"Basic {login}", f"Bearer {TOKEN}"):
        assert sent in asked  # so it was there to be lost
    assert (study.folder / "results/report.html").is_file()
    for said in (refused, run, again, dry):
        assert found_in((said.stdout + said.stderr).encode(), SECRETS) == []
    files = [path for path in study.folder.rglob("*") if path.is_file() and path.name not in GIVEN]
    for kind in (".snakemake/metadata/*", ".snakemake/log/*", "logs/*/*", "*.parquet", "*.arrow", "*.csv", "*.html"):
        assert any(path.match(kind) for path in files), kind
    assert found_in("\n".join(map(str, files)).encode(), SECRETS) == []
    assert {str(path): found for path in files if (found := found_in(path.read_bytes(), SECRETS))} == {}


def in_parquet(text):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [text]}), buffer, compression="zstd", use_dictionary=False)
    return buffer.getvalue()


def in_metadata(text):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"k": text}), buffer)
    return buffer.getvalue()


def in_zip(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", text * 9)
    return buffer.getvalue()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "hide",
    [
        str.encode,
        lambda text: urllib.parse.quote(text, safe="").encode(),
        *(lambda text, n=n: base64.b64encode(b"x" * n + text.encode() + b"yz") for n in range(3)),
        lambda text: base64.urlsafe_b64encode(text.encode()),
        lambda text: gzip.compress(text.encode() * 9),
        lambda text: b"\x89PNG" + zlib.compress(text.encode() * 9) + b"IEND",
        lambda text: b'src="data:image/png;base64,' + base64.b64encode(zlib.compress(text.encode() * 9)) + b'"',
        in_parquet,
        in_metadata,
        in_zip,
    ],
)
def test_the_search_finds_what_is_hidden(hide, secret):
    assert secret in found_in(hide(f"https://me@a.example/?t={secret}&"), SECRETS)
    assert found_in(hide("https://me@a.example/?hidden-0123456789ab" * 3), SECRETS) == []
