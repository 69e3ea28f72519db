"""Archives of benchmark files: nothing lands, or is taken, outside their folder."""

import io
import tarfile
import zipfile

import pytest

from knowcost.common.errors import InputError
from knowcost.fetch import unpack

ROW = {"name": "probe"}


def pack(path, names):
    """A zip or tar with members of these names, as written: neither module cleans them."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name in names:
                packed.writestr(name, b"1")
    else:
        with tarfile.open(path, "w") as packed:
            for name in names:
                about = tarfile.TarInfo(name)
                about.size = 1
                packed.addfile(about, io.BytesIO(b"1"))
    return path


@pytest.mark.parametrize("suffix", unpack.SUFFIXES)
@pytest.mark.parametrize("member", ["../evil.txt", "a/../../evil.txt", "/tmp/evil.txt", "../root2/evil.txt"])
def test_a_member_that_would_land_outside_is_refused_before_anything_is_unpacked(tmp_path, suffix, member):
    archive = pack(tmp_path / f"data{suffix}", ["fine.txt", member])
    with pytest.raises(InputError, match=r"data\.(zip|tar): member '.*evil\.txt' would land outside"):
        unpacked(archive)
    assert list(tmp_path.rglob("*")) == [archive]


@pytest.mark.parametrize("suffix", unpack.SUFFIXES)
def test_dots_that_stay_inside_are_fine(tmp_path, suffix):
    folder = unpacked(pack(tmp_path / f"data{suffix}", ["a/x.txt", "b/../c/..y.txt"]))
    assert (folder / "a/x.txt").read_bytes() == b"1" and folder == tmp_path / "data"
    assert unpack.inside(ROW, folder, "a") == folder / "a"
    assert unpack.inside(ROW, folder, "") == folder


@pytest.mark.parametrize("path", ["../secret.txt", "a/../../secret.txt", "..", "link"])
def test_what_lies_outside_the_archive_s_folder_is_not_taken_though_it_is_there(tmp_path, path):
    folder = unpacked(pack(tmp_path / "data.zip", ["a/x.txt"]))
    (tmp_path / "secret.txt").write_text("mine")
    (folder / "link").symlink_to(tmp_path / "secret.txt")
    assert (folder / path).exists()
    with pytest.raises(InputError, match=r"probe: no '.*' in the archive"):
        unpack.inside(ROW, folder, path)


def test_what_the_archive_does_not_hold_is_not_taken(tmp_path):
    with pytest.raises(InputError, match=r"probe: no 'b' in the archive, which holds a"):
        unpack.inside(ROW, unpacked(pack(tmp_path / "data.zip", ["a/x.txt"])), "b")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = tmp_path / "data.tar"
    with tarfile.open(archive, "w") as packed:
        about = tarfile.TarInfo("inside")
        about.type, about.linkname = kind, "inside2"
        packed.addfile(about)
    with pytest.raises(InputError, match="'inside' is a link or a device"):
        unpacked(archive)
    assert list(tmp_path.rglob("*")) == [archive]


def unpacked(archive):
    return unpack.folder_of(ROW, archive, 1e9)
