import os
import subprocess
import sys

from knowcost.common import files

KILLED = "import os\nfrom knowcost.common import files\nwith files.scratch() as f: os.kill(os.getpid(), 9)"
CLEAN = "from knowcost.common import files\nwith files.scratch() as f: print(f); (f / 'x').write_text('x')"


def run(root, code, folder):
    environment = os.environ | {"PYTHONPATH": str(root), "TMPDIR": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_a_scratch_folder_goes_even_when_its_process_was_killed(tmp_path, root):
    run(root, KILLED, tmp_path)
    (left,) = tmp_path.iterdir()
    alive = tmp_path / left.name.replace(left.name.split("-")[-2], str(os.getpid()))
    alive.mkdir()
    other = tmp_path / "knowcost-scratch-another.machine-1234-x"
    other.mkdir()
    done = run(root, CLEAN, tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/knowcost-scratch-")
    assert sorted(tmp_path.iterdir()) == sorted([alive, other])


HALF = """
import os
from knowcost.common import files
with files.atomic("{name}") as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path, root):
    for name in ("a[1].json", "b.json"):
        run(root, HALF.format(name=tmp_path / name), tmp_path)
    dead, other = sorted(tmp_path.iterdir())
    assert dead.read_text() == "half" and other.name.startswith(".b.json.")
    files.write_json(tmp_path / "a[1].json", 1)
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a[1].json"]


def test_writers_of_one_file_leave_each_other_alone(tmp_path, root):
    """Of this host, while they live (this process's parent), and of another, whose processes nobody here can see."""
    run(root, HALF.format(name=tmp_path / "a.json"), tmp_path)
    (dead,) = tmp_path.iterdir()
    pid = dead.name.split("-")[-2]
    alive = dead.rename(tmp_path / dead.name.replace(f"-{pid}-", f"-{os.getppid()}-"))
    elsewhere = tmp_path / dead.name.replace(".json.", ".json.another-")
    elsewhere.write_text("half")
    with files.atomic(tmp_path / "a.json") as mine:
        files.write_json(tmp_path / "a.json", 1)
        assert mine.exists()
        mine.write_text("2")
    assert files.read_json(tmp_path / "a.json") == 2
    assert sorted(tmp_path.iterdir()) == sorted([alive, elsewhere, tmp_path / "a.json"])


def test_another_host_may_have_a_name_that_begins_alike(tmp_path, root, monkeypatch):
    """node-1234567 is no process 1234567 of node."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(files.tempfile, "tempdir", None)
    monkeypatch.setattr(files.socket, "gethostname", lambda: "node-1234567")
    monkeypatch.setattr(files, "_HOST", files._host())
    with files.atomic(tmp_path / "a") as temporary, files.scratch() as folder:
        monkeypatch.setattr(files, "_HOST", "node")
        with files.atomic(tmp_path / "a") as other, files.scratch():
            other.write_text("x")
        assert temporary.exists() and folder.exists()


def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_its_name_is(tmp_path, monkeypatch):
    seen, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append("renamed"), replace(*names)))
    with files.atomic(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert seen == [str(temporary), "renamed", str(tmp_path)]


def test_a_settled_file_has_the_permissions_of_any_other(tmp_path):
    closed, other = tmp_path / "closed", tmp_path / "other"
    for path in (closed, other):
        path.write_text("x")
    closed.chmod(0o600)
    files.settle(closed)
    assert closed.stat().st_mode == other.stat().st_mode
