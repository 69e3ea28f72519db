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


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    (tmp_path / ".a[1].json.x1y2.tmp").write_text("half")
    (tmp_path / ".b.json.x1y2.tmp").write_text("another's")
    files.write_json(tmp_path / "a[1].json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.json.x1y2.tmp", "a[1].json"]
