"""What a manifest may say, and what of an archive is held against it."""

import pytest
from helpers import tiny

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage


@pytest.fixture
def made(tmp_path):
    """The folder of an archive of a llama's attention in int8, its changed tensors only."""
    tiny.fetched("llama", tmp_path / "model")
    out = tmp_path / "out"
    archive.make_archive("m", "int8@attention", archive.Inputs(tmp_path / "model"), out, storage.Keep("changed"))
    return out


def change(folder, **said):
    """Write the manifest anew with other entries, sealed. Returns its path."""
    path = folder / paths.MANIFEST
    seal.write_json(path, files.read_json(path) | said)
    return path


@pytest.mark.parametrize(("text", "size"), [("5GB", 5_000_000_000), ("200MB", 200_000_000), ("64KB", 64_000)])
def test_sizes_are_in_powers_of_ten(text, size):
    assert storage.parse_size(text) == size


def test_a_file_is_described_by_its_digest_and_size(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # the digest of "abc" in FIPS 180-2, appendix B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.describe(tmp_path / "x") == {"sha256": abc, "size": 3}


def test_the_manifest_counts_itself(tmp_path):
    """Where its own number of digits changes its size, too: 96 to 104 bytes of other files."""
    for size in range(90, 110):
        kept = {"keep": "full", "files": {"x": {"size": size, "sha256": "a"}}}
        storage.write_manifest(tmp_path, {"bytes": {"real": 1}}, kept)
        said = files.read_json(tmp_path / paths.MANIFEST)
        assert said["bytes"] == {"real": 1, "disk": size + (tmp_path / paths.MANIFEST).stat().st_size}
        assert said["archive"] == kept


def test_a_whole_archive_gives_its_manifest(made):
    manifest = storage.verify(made, ("m", "int8@attention"))
    assert manifest == storage.read_manifest(made / paths.MANIFEST) == files.read_json(made / paths.MANIFEST)
    for name in ("scores", "judgements"):  # beside the archive, and not of it
        (made / name).mkdir()
        (made / name / "x.parquet").touch()
    assert storage.verify(made) == manifest


@pytest.mark.parametrize("of", [("m", "int8@overall"), ("n", "int8@attention"), ("int8@attention", "m")])
def test_another_s_place_is_named(made, of):
    with pytest.raises(InputError, match=rf"manifest\.json: is of m int8@attention, but this is the place of {of[0]}"):
        storage.verify(made, of)


@pytest.mark.parametrize("key", ["model", "variant", "files", "archive", "base"])
def test_a_manifest_that_lacks_what_each_has_is_of_an_older_version(made, key):
    manifest = files.read_json(made / paths.MANIFEST)
    del manifest[key]
    seal.write_json(made / paths.MANIFEST, manifest)
    with pytest.raises(InputError, match=r"manifest\.json: of an older version.*delete it"):
        storage.read_manifest(made / paths.MANIFEST)
    seal.write_json(made / paths.MANIFEST, [manifest])
    with pytest.raises(InputError, match=r"manifest\.json: of an older version"):
        storage.read_manifest(made / paths.MANIFEST)


@pytest.mark.parametrize(("said", "match"), [
    ({"steps": ["magnitud-40@attention"]}, r"its steps are \['magnitud-40@attention'\], those of variant 'int8"),
    ({"family": "diffusion"}, r"no family 'diffusion'; known: encoder, encoder_decoder, decoder"),
])  # fmt: skip
def test_a_manifest_that_names_what_there_is_not_is_refused(made, said, match):
    change(made, **said)
    with pytest.raises(InputError, match=rf"manifest\.json: {match}.*; use the version of knowcost that made it"):
        storage.verify(made, ("m", "int8@attention"))


@pytest.mark.parametrize("slug", ["hqq-4bit@attention", "int8-40@attention"])
def test_a_variant_of_a_method_or_level_that_there_is_not_is_refused(made, slug):
    path = change(made, variant=slug, steps=[slug])
    with pytest.raises(InputError, match=rf"manifest\.json: variant '{slug}': (no method 'hqq'; known|int8 takes no)"):
        storage.read_manifest(path, ("m", slug))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "inside/x", "a/../x", ""])
def test_a_manifest_lists_plain_names_only(made, name):
    was = files.read_json(made / paths.MANIFEST)
    entry = {"sha256": "0" * 64, "size": 1}
    kept = was["archive"]
    for said in (
        {"files": was["files"] | {name: entry}},
        {"archive": kept | {"files": kept["files"] | {name: entry}}},
        {"archive": kept | {"shards": kept["shards"] | {name: []}}},
    ):
        path = change(made, **(was | said))
        with pytest.raises(InputError, match=r"manifest\.json: lists .*, which is no file of its folder; delete"):
            storage.read_manifest(path)
    change(made, **was)
    storage.verify(made)


@pytest.mark.parametrize("name", ["model.safetensors", "int8.model.safetensors.index.json", "scores2/x"])
def test_what_the_manifest_does_not_list_is_named(made, name):
    (made / name).parent.mkdir(exist_ok=True)
    (made / name).touch()
    with pytest.raises(InputError, match=rf"{name.partition('/')[0]}: is not in .*manifest\.json"):
        storage.verify(made)


def test_an_edited_manifest_is_named(made):
    path = made / paths.MANIFEST
    files.write_json(path, files.read_json(path) | {"bytes": {"real": 1, "disk": 1}})
    with pytest.raises(InputError, match=r"manifest\.json is damaged or was changed"):
        storage.verify(made)


def test_a_manifest_that_counts_bytes_otherwise_is_named():
    """As version 5 of the stage wrote it."""
    with pytest.raises(InputError, match=r"results/m/dense/manifest.json: of an older version .* delete it and run"):
        storage.bytes_of({"model": "m", "variant": "dense", "bytes": {"nominal": 1, "disk": 2}})
