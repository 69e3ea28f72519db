"""What may go wrong on a machine, and that nothing half-written or damaged is ever read as a result.

`make faults` repeats the first test until 50 runs were killed.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

KILLS = int(os.environ.get("KNOWCOST_KILLS", 1))
LONGEST = 22  # seconds: about what the whole run takes
ARCHIVED = r"^results/one/([^/]+/)?[^/]+$"  # thresholds and archives, which are most of the bytes


def digests(project):
    """{file: sha256} of every result; left out are the report, what names its digest, and the index of what is
    kept, which hold times."""
    files = [path for path in (project.folder / "results").rglob("*") if path.is_file()]
    files = [path for path in files if path.parent.name != "report.facts"]
    return {
        str(path.relative_to(project.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in ("report.html", "report.html.sha256", ".asked.json", "keep")
    }


def test_killed_at_random_moments_and_resumed_the_results_are_the_same_bytes(project):
    expected, random_ = digests(project), random.Random(os.environ.get("KNOWCOST_SEED", "kill"))
    shutil.rmtree(project.folder / "results")
    killed = finished = 0
    while killed < KILLS:
        run = project.start()
        try:
            run.wait(timeout=random_.uniform(1, LONGEST))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            project.snakemake("--unlock")
            killed += 1
            continue
        assert run.returncode == 0
        assert digests(project) == expected
        shutil.rmtree(project.folder / "results")
        finished += 1
    project.snakemake()
    assert digests(project) == expected
    assert not list(project.folder.glob("results/**/*.tmp"))
    print(f"{killed} runs killed, {finished + 1} finished in between, all with the same bytes")


def test_a_flipped_byte_in_an_archive_is_named(project):
    shard = project.folder / "results/one/magnitude-20@attention/model.safetensors"
    flip(shard)
    run = project.snakemake("--forcerun", "score_one-float-0", check=False)
    assert run.returncode and "model.safetensors is damaged" in said(run) and "delete" in said(run)


def test_a_flipped_byte_in_a_scores_file_is_named(project):
    cell = project.folder / "results/one/magnitude-20@attention/scores/first.parquet"
    flip(cell)
    run = project.snakemake("--forcerun", "tables", check=False)
    assert run.returncode and "magnitude-20@attention/scores/first.parquet" in said(run) and "elete" in said(run)


def test_a_flipped_byte_in_the_base_checkpoint_is_named(project):
    flip(project.folder / "resources/models/one/model.safetensors")
    run = project.snakemake("--forcerun", "compress_variant", "--until", "compress", check=False)
    assert run.returncode and "resources/models/one/model.safetensors" in said(run) and "sha256" in said(run)


def said(run):
    return run.stdout + run.stderr


def flip(path):
    """Change one bit in the middle of a file, and nothing of its times."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()  # it may be a link to what other tests use
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_second_snakemake_on_the_same_folder_is_refused(project):
    shutil.rmtree(project.folder / "results")
    first = project.start()
    try:
        deadline = time.time() + 60
        while not (project.folder / "results/one/thresholds.json").exists() and time.time() < deadline:
            time.sleep(0.1)
        second = project.snakemake(check=False)
        assert second.returncode and "lock" in (second.stdout + second.stderr).lower()
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


@pytest.fixture
def mounted(project):
    """Mount something over the project's results; skipped where that takes rights one does not have."""
    mounts = []

    def mount(*options):
        target = project.folder / "results"
        done = subprocess.run(["mount", *options, str(target)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounts.append(target)

    yield mount
    for target in mounts:
        subprocess.run(["umount", str(target)], check=True)


def test_a_disk_that_fills_up_is_a_clear_error_and_the_run_goes_on_later(project, mounted):
    expected = {name: digest for name, digest in digests(project).items() if re.search(ARCHIVED, name)}
    shutil.rmtree(project.folder / "results")
    (project.folder / "results").mkdir()
    mounted("-t", "tmpfs", "-o", "size=200k", "tmpfs")
    (
        project.folder / "results/keep"
    ).touch()  # Snakemake removes folders that it leaves empty, and cannot remove this one
    run = project.snakemake("--until", "compress", check=False)
    assert run.returncode and "No space left on device" in said(run)
    found = digests(project)
    assert not [n for n in found if n in expected and expected[n] != found[n]]
    subprocess.run(["mount", "-o", "remount,size=100m", str(project.folder / "results")], check=True)
    project.snakemake("--until", "compress")
    assert digests(project) == expected


def test_a_read_only_folder_is_a_clear_error(project, mounted):
    results = project.folder / "results"
    (results / "one/dense/scores/first.parquet").unlink()
    mounted("--bind", str(results))
    subprocess.run(["mount", "-o", "remount,ro,bind", str(results)], check=True)
    run = project.snakemake(check=False)
    assert run.returncode and f"{results}: cannot be written" in said(run) and "--directory" in said(run)


@pytest.mark.parametrize("stage", ["compress/__init__.py", "score/__init__.py"])
def test_results_of_an_older_version_are_made_again_or_refused(project, stage):
    """Copied results come without Snakemake's memory of how they were made: then their files have to say it."""
    path = project.folder / "knowcost" / stage
    path.write_text(path.read_text().replace('STAGE_VERSION = "', 'STAGE_VERSION = "new'))
    shutil.rmtree(project.folder / ".snakemake")
    run = project.snakemake("--forcerun", "tables", "--until", "tables", check=False)
    assert run.returncode and "another version" in said(run) and "elete" in said(run)
