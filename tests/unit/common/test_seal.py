import errno
import os
import subprocess

import pytest

from knowcost.common import files, seal
from knowcost.common.errors import InputError


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tables"
    (made / "inside").mkdir(parents=True)
    (made / "a.csv").write_text("a,b\n")
    (made / "inside/b.txt").write_text("b")
    (made / ".snakemake_timestamp").touch()
    seal.seal_folder(made)
    return made


def test_a_seal_is_what_sha256sum_writes_and_checks(tmp_path, folder):
    with seal.sealed(tmp_path / "x y.json") as temporary:
        temporary.write_bytes(b"abc")
    # the digest of "abc" in FIPS 180-2, appendix B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (tmp_path / "x y.json.sha256").read_text() == f"{abc}  x y.json\n"
    assert seal.check(tmp_path / "x y.json") == abc
    for name, where in (("x y.json.sha256", tmp_path), ("SHA256SUMS", folder)):
        done = subprocess.run(["sha256sum", "--strict", "--check", name], cwd=where, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_any_bit_flipped_in_a_file_or_its_seal_names_the_file(tmp_path):
    path = tmp_path / "x.json"
    seal.write_json(path, {"a": 1})
    for each in (path, seal.beside(path)):
        before = each.read_bytes()
        for bit in range(0, 8 * len(before), 3):
            flip(each, bit)
            with pytest.raises(
                InputError, match=r"x\.json is damaged or was changed since it was made .*delete .*x\.json"
            ):
                seal.read_json(path)
            each.write_bytes(before)
    assert seal.read_json(path) == {"a": 1}


def test_any_bit_flipped_in_a_folder_names_file_or_folder(folder):
    assert seal.check_folder(folder) == files.sha256(folder / "SHA256SUMS")
    for name in ("a.csv", "inside/b.txt", "SHA256SUMS"):
        before = (folder / name).read_bytes()
        for bit in range(0, 8 * len(before), 3):
            flip(folder / name, bit)
            with pytest.raises(InputError, match=str(folder / name)):
                seal.check_folder(folder)
            (folder / name).write_bytes(before)
    seal.check_folder(folder)


@pytest.mark.parametrize("gone", ["x.json", "x.json.sha256"])
def test_a_file_or_seal_that_is_not_there_is_named_with_what_to_delete(tmp_path, gone):
    seal.write_json(tmp_path / "x.json", 1)
    (tmp_path / gone).unlink()
    with pytest.raises(InputError, match=f"{gone}.* missing.*delete /the/manifest and run again"):
        seal.check(tmp_path / "x.json", delete="/the/manifest")
    with pytest.raises(InputError, match=f"{gone}.* missing.*delete /the/manifest and run again"):
        seal.read_json(tmp_path / "x.json", delete="/the/manifest")


def test_a_folder_where_a_file_or_its_seal_should_be_is_named(tmp_path, folder):
    path = tmp_path / "x.json"
    for each in (path, seal.beside(path)):
        seal.write_json(path, 1)
        each.unlink()
        each.mkdir()
        with pytest.raises(InputError, match=f"{each}: is a folder, where a file should be; move it away"):
            seal.read_json(path)
        each.rmdir()
    for name in ("a.csv", "SHA256SUMS"):
        (folder / name).unlink()
        (folder / name).mkdir()
        with pytest.raises(InputError, match=f"{name}: is a folder"):
            seal.check_folder(folder)


def test_what_a_disk_cannot_read_is_named(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    seal.write_json(tmp_path / "x.json", 1)
    monkeypatch.setattr(files, "sha256", fail)
    with pytest.raises(
        InputError, match=r"x\.json: cannot be read \(Input/output error\); .* delete /the/list, and run"
    ):
        seal.check(tmp_path / "x.json", delete="/the/list")


def test_a_folder_without_a_file_with_one_more_or_without_its_seal_is_named(folder):
    (folder / "inside/more.json").touch()
    with pytest.raises(InputError, match=r"inside/more\.json: is not in .*SHA256SUMS"):
        seal.check_folder(folder)
    (folder / "inside/more.json").rename(folder / ".more.json")  # hidden files are nobody's
    seal.check_folder(folder)
    (folder / "a.csv").unlink()
    with pytest.raises(InputError, match=r"a\.csv is damaged .*sha256 is no file"):
        seal.check_folder(folder)
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(InputError, match=r"tables is damaged .*SHA256SUMS is missing or torn"):
        seal.check_folder(folder)


@pytest.mark.parametrize("leads_to", ["nothing", "inside"])
def test_a_link_that_was_added_to_a_folder_is_named(folder, leads_to):
    (folder / "old.parquet").symlink_to(leads_to)
    with pytest.raises(InputError, match=r"old\.parquet: is not in .*SHA256SUMS"):
        seal.check_folder(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", ".", "a\\b", "a\0b"])
def test_a_list_cannot_name_what_is_outside_its_folder(tmp_path, name):
    with pytest.raises(InputError, match="no file of its folder"):
        seal.check_listed(tmp_path, {name: "0" * 64}, tmp_path / "manifest.json")


def test_what_a_list_does_not_name_is_refused_but_for_hidden_files(tmp_path):
    for name in ("model.safetensors", "manifest.json", "manifest.json.sha256", ".snakemake_timestamp"):
        (tmp_path / name).touch()
    (tmp_path / "scores").mkdir()
    seal.check_unlisted(tmp_path, ["model.safetensors", "scores"], tmp_path / "manifest.json")
    for added in ("special_tokens_map.json", "additional_chat_templates/"):
        (tmp_path / added).mkdir() if added.endswith("/") else (tmp_path / added).touch()
        with pytest.raises(InputError, match=f"{added.rstrip('/')}: is not in .*manifest.json"):
            seal.check_unlisted(tmp_path, ["model.safetensors", "scores"], tmp_path / "manifest.json")
        os.rename(tmp_path / added, tmp_path / f".{added}")


def test_a_block_that_fails_leaves_file_and_seal_as_they_were(tmp_path):
    seal.write_json(tmp_path / "x.json", 1)
    with pytest.raises(ZeroDivisionError), seal.sealed(tmp_path / "x.json") as temporary:
        temporary.write_text(str(1 / 0))
    assert seal.read_json(tmp_path / "x.json") == 1


def test_equal_values_have_one_digest_whatever_their_order():
    assert (
        seal.of_values({"a": 1, "b": [2]}) == seal.of_values({"b": [2], "a": 1}) != seal.of_values({"a": 1, "b": [3]})
    )
