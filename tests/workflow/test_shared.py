"""Two studies on one machine or cluster that share `resources` through a link."""

import shutil

from helpers.workflow import Project

from knowcost.compress.archive import storage


def test_runs_that_begin_together_leave_each_other_what_they_need(finished, tmp_path):
    projects = []
    for name in ("one", "two"):
        shutil.copytree(finished.folder, tmp_path / name, symlinks=True)
        for made in ("results", "logs", ".snakemake", "resources/models", "resources/benchmarks"):
            shutil.rmtree(tmp_path / name / made)
        projects.append(Project(tmp_path / name))
    shutil.rmtree(tmp_path / "two/resources")
    (tmp_path / "two/resources").symlink_to(tmp_path / "one/resources")
    wanted = "results/one/magnitude-20@attention/manifest.json"
    runs = [project.start(wanted, "resources/benchmarks/first.parquet") for project in projects]
    codes = [run.wait(120) for run in runs]
    logs = [path.read_text() for project in projects for path in (project.folder / "logs").rglob("*.log")]
    assert codes == [0, 0], "\n".join(logs)
    for project in projects:
        storage.verify((project.folder / wanted).parent)
    assert sum("linked to" in log for log in logs) == 1, "the model was fetched once"
