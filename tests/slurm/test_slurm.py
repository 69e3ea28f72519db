"""`snakemake --profile slurm` on a real Slurm: what goes well, and what goes wrong."""

import csv
from datetime import datetime

import pytest
from helpers.projects import given

# A scoring job of the project has two cells: of `first` and of `second`.
VARIANTS = ("dense", "magnitude-20@attention", "magnitude-40@attention", "magnitude-60@attention")


def right(project, undisturbed, variant):
    """Whether a variant's cells are there and equal those of an undisturbed run."""
    cells = project.cells(variant)
    return all(path.exists() and path.read_bytes() == undisturbed[variant, name] for name, path in cells.items())


def targets(project, *variants):
    return [str(path.relative_to(project.folder)) for v in variants for path in project.cells(v).values()]


def test_a_job_that_fails_says_why_and_the_others_end_well(project, undisturbed):
    good, bad = VARIANTS[:2]
    project.fault(bad, "second", "fail")
    run = project.start("--retries", "0", *targets(project, good, bad))
    assert run.finish() == 1
    assert right(project, undisturbed, good)
    assert not any(path.exists() for path in project.cells(bad).values())  # a failed job leaves no results
    for said in ("SLURM status is: 'FAILED'", f"logs/score/{project.batch(bad)}.log", "this cell was made to fail"):
        assert said in run.text
    given = [project.given(variant) for variant in (good, bad)]
    assert all(len(job["gpus"]) == 1 for job in given)
    assert given[0]["node"] != given[1]["node"] or given[0]["gpus"] != given[1]["gpus"]
    # Once what was wrong is put right, what the failed job had asked is not asked again.
    (project.folder / f"faults/{bad}.second").unlink()
    run = project.start(*targets(project, good, bad))
    assert run.finish() == 0
    assert right(project, undisturbed, bad)
    log = project.log(bad).read_text()
    assert f"{bad} second: " in log and f"{bad} first: " not in log


@pytest.mark.slow
def test_a_time_limit_and_a_dead_node_cost_only_what_was_not_finished(project, undisturbed):
    late, lost = VARIANTS[2:]
    for variant in (late, lost):
        project.fault(variant, "second", "hang")
    first_on = "slurm_extra='-w n{}' if attempt == 1 else ''"
    of_late, of_lost = (f"score_{project.batch(variant)}" for variant in (late, lost))
    rules = [f"{of_late}:{first_on.format(1)}", f"{of_lost}:{first_on.format(2)}"]
    rules.append(f"{of_late}:runtime=1 if attempt == 1 else 30")  # Slurm's shortest limit is a minute
    run = project.start(*targets(project, late, lost), "--set-resources", *rules)
    project.hangs(lost, "second")
    project.cluster.kill_node("n2")
    assert run.finish() == 0
    jobs = project.cluster.jobs(state="T", limit="l", memory="m", node="N", what="k")
    mine = {rule: [job for job in jobs if job["what"] == f"rule_{rule}"] for rule in (of_late, of_lost)}
    assert [[job["state"] for job in of] for of in mine.values()] == [
        ["TIMEOUT", "COMPLETED"],
        ["NODE_FAIL", "COMPLETED"],
    ]
    for rule, variant in zip(mine, (late, lost), strict=True):
        first, second = mine[rule]
        assert megabytes(second["memory"]) == 2 * megabytes(first["memory"])
        assert right(project, undisturbed, variant)
        log = project.log(variant).read_text()
        assert f"{variant} second: " in log and f"{variant} first: " not in log
    first, second = mine[of_lost]
    assert (first["node"], second["node"]) == ("n2", "n1")
    assert seconds(second["limit"]) == 2 * seconds(first["limit"])
    project.cluster.start_node("n2")
    project.cluster.wait("both nodes back", lambda: project.cluster.states() == {"idle"}, seconds=60)


def megabytes(memory):
    return float(memory.rstrip("MG")) * {"M": 1, "G": 1024}[memory[-1]]


def seconds(limit):
    """Of Slurm's [hours:]minutes:seconds."""
    parts = [int(part) for part in limit.split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


@pytest.mark.slow
def test_a_killed_snakemake_is_resumed(project, undisturbed):
    variant = "dense"
    project.fault(variant, "second", "hang")
    run = project.start(*targets(project, variant))
    job = project.hangs(variant, "second")
    run.process.kill()
    run.process.wait()
    assert {"job": job, "state": "RUNNING"} in project.cluster.jobs(job="i", state="T")  # Slurm knows nothing of it
    locked = project.start(*targets(project, variant))
    assert locked.finish() == 1
    assert "--unlock" in locked.text
    project.cluster.run("scancel", job)
    assert project.start("--unlock").finish() == 0
    assert project.start(*targets(project, variant)).finish() == 0
    assert right(project, undisturbed, variant)
    log = project.log(variant).read_text()
    assert f"{variant} second: " in log and f"{variant} first: " not in log


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["gpu:fake", "gres:fake"])
def test_sites_that_ask_for_gpus_and_partitions_in_other_words(project, request_):
    project.configure(gpu={"memory_gb": 4, "request": request_})  # 4 GB of activations / 3.6: two GPUs
    partitions = "profiles/slurm/partitions.yaml"
    run = project.start("--slurm-partition-config", partitions, *targets(project, "dense"))
    assert run.finish() == 0, run.text
    job = project.given("dense")
    assert job["gpus"] == ["0", "1"]
    assert {"job": job["job"], "partition": "gpu"} in project.cluster.jobs(job="i", partition="P")


@pytest.mark.slow
def test_the_demo_in_small_runs_to_the_end_and_no_gpu_has_two_jobs_at_once(demo):
    run = demo.start()
    assert run.finish() == 0, run.text[-3000:]
    with open(demo.folder / "results/tables/scores.csv", newline="") as f:
        rows = [row for row in csv.DictReader(f) if row["benchmark"] == "world-cloze"]
    accuracy = {row["variant"]: float(row["accuracy"]) for row in rows}
    assert accuracy.keys() == {"dense", "magnitude-40@attention", "int8@overall"}
    assert accuracy["dense"] >= 0.95
    assert (demo.folder / "results/report.html").stat().st_size > 10_000
    logs = [given(path.read_text()) for path in (demo.folder / "logs").glob("*/*.log") if "fetch" not in str(path)]
    about = {job.pop("job"): job for job in demo.cluster.jobs(job="i", state="T", start="S", end="e", partition="P")}
    assert all(about[log["job"]]["state"] == "COMPLETED" for log in logs)
    on_gpus = [log for log in logs if log["gpus"]]
    assert len(on_gpus) == 3 and all(log["gpus"] == ["0", "1"] for log in on_gpus)
    # Two nodes of two GPUs: three jobs of two GPUs each, and never two of them on one
    times = [
        (log["node"], *(datetime.fromisoformat(about[log["job"]][key]) for key in ("start", "end"))) for log in on_gpus
    ]
    for i, (node, start, end) in enumerate(times):
        others = times[:i] + times[i + 1 :]
        assert not [other for other in others if other[0] == node and start < other[2] and other[1] < end]
    again = demo.start("--dry-run")
    assert again.finish() == 0 and "Nothing to be done" in again.text
