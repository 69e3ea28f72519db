"""Which cells are asked, and what their files say. The model is real but tiny; how it is asked is tested elsewhere."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import questions, tiny

from knowcost.benchmarks import prepared
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.compress.archive import make as archive
from knowcost.compress.archive import storage
from knowcost.score import ask as asking
from knowcost.score import cells, task_files
from knowcost.score import job as score
from knowcost.score.rows import FACTS

OPTIONS = {
    "variants_per_job": 8,
    "threads": 1,
    "tokens_per_batch": 512,
    "batch_size": "auto",
    "device": "cpu",
    "int8_engine": "knowcost",
    "int8_activations": "batch",
}
ROW = {"name": "own", "format": "cloze", "families": "encoder"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A dense archive and a benchmark of three clozes in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    tiny.fetched("bert", tmp_path / "model")
    archive.make_archive("m", "dense", archive.Inputs(tmp_path / "model"), paths.archive_dir("m", "dense"))
    write_benchmark(tmp_path, 3)
    return tmp_path


def write_benchmark(folder, rows):
    lines = [json.dumps({"id": str(i), "cloze": f"w{i} [MASK]", "answer": "w9"}) + "\n" for i in range(rows)]
    (folder / "own.jsonl").write_text("".join(lines))
    prepared.prepare(ROW, folder / "own.jsonl", paths.benchmark("own"))


@pytest.fixture
def asked(monkeypatch):
    """The parts of benchmarks that were asked, in order."""
    calls, ask = [], asking.ask
    monkeypatch.setattr(asking, "ask", lambda *args, **more: calls.append(args[2]) or ask(*args, **more))
    return calls


def run(**changes):
    score.score("m", ["dense"], ["own"], cells.Settings(**{"options": OPTIONS} | changes))
    return cells.read(paths.scores("m", "dense", "own"))


def test_a_cell_is_asked_once_and_again_only_when_something_it_depends_on_changes(study, asked):
    run()
    run()
    assert len(asked) == 1
    run(options=OPTIONS | {"threads": 2, "variants_per_job": 1, "device": "auto", "int8_activations": "sentence"})
    assert len(asked) == 1
    run(options=OPTIONS | {"tokens_per_batch": 64})
    assert len(asked) == 2
    run(options=OPTIONS | {"batch_size": 3})  # of the harness, which is not asked
    run()  # what was kept before is still kept
    assert len(asked) == 2
    write_benchmark(study, 2)
    run()
    assert len(asked) == 3


def test_fewer_facts_are_the_beginning_of_what_is_kept_and_of_more_only_the_new_ones_are_asked(study, asked):
    write_benchmark(study, 9)
    whole, about = run()
    kept = study / paths.kept_dir("m", "dense")
    shutil.rmtree(kept)
    asked.clear()
    first, said = run(limit=6)
    fewer, less = run(limit=4)
    assert fewer.equals(first.slice(0, 4)) and (less["asked"], less["limit"], said["limit"]) == (4, 4, 6)
    assert less["batch_plan"] == f"{said['batch_plan']}; the first 4 of 6"
    again, _ = run(limit=6)
    assert again.equals(first) and asked == [slice(None, 6)]
    every, told = run()
    assert asked == [slice(None, 6), slice(6, None)] and told["parts"] == [6, None]
    assert told["batch_plan"] == f"{about['batch_plan']}; in parts, up to 6, all"
    assert every.drop(["logprob", "top_logprob", "choice_logprobs"]).equals(whole.drop(
        ["logprob", "top_logprob", "choice_logprobs"]))  # fmt: skip
    assert every["logprob"].to_pylist() == pytest.approx(whole["logprob"].to_pylist(), abs=1e-5)
    assert run(limit=20)[0].equals(every) and run(limit=6)[0].equals(first) and len(asked) == 2
    assert len([path for path in kept.iterdir() if path.suffix == ".parquet"]) == 1  # it holds the others


def test_a_renamed_model_is_not_asked_what_was_asked_of_the_same_weights(study, asked):
    def renamed(limit):
        score.score("n", ["dense"], ["own"], cells.Settings(options=OPTIONS, limit=limit))
        return cells.read(paths.scores("n", "dense", "own"))

    write_benchmark(study, 9)
    rows, about = run(limit=6)
    archive.make_archive("n", "dense", archive.Inputs(study / "model"), paths.archive_dir("n", "dense"))
    first, said = renamed(4)
    assert first.equals(rows.slice(0, 4)) and asked == [slice(None, 6)]
    assert (about["model"], said["model"], said["limit"], said["asked"]) == ("m", "n", 4, 4)
    cells.check_place(paths.scores("n", "dense", "own"), said)
    shutil.rmtree("results/m")
    assert renamed(6)[0].equals(rows) and len(asked) == 1, "all of it was taken over"
    renamed(None)
    assert asked == [slice(None, 6), slice(6, None)], "only what nobody was asked"


def test_counts_are_of_the_facts_that_were_asked(study, asked):
    """Of nine facts the answers to the second and the sixth are no token."""
    lines = [{"id": str(i), "cloze": f"w{i} [MASK]", "answer": "no such" if i in (1, 5) else "w9"} for i in range(9)]
    (study / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    prepared.prepare(ROW, study / "own.jsonl", paths.benchmark("own"))
    order = prepared.read(paths.benchmark("own"))[0]["id"].to_pylist()
    for limit in (7, 3, None, 5):
        rows, about = run(limit=limit)
        lost = len({"1", "5"} & set(order[:limit]))
        assert rows["id"].to_pylist() == [name for name in order[:limit] if name not in ("1", "5")]
        assert about["dropped"] == ({"answer_not_one_token": lost} if lost else {}) and about["asked"] == len(rows)
    assert asked == [slice(None, 7), slice(7, None)]


def test_a_beginning_in_which_nothing_could_be_asked_is_no_cell(study):
    """As when it is asked by itself: a cell without rows has no accuracy."""
    lines = [{"id": str(i), "cloze": f"w{i} [MASK]", "answer": "w9"} for i in range(9)]
    (study / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    prepared.prepare(ROW, study / "own.jsonl", paths.benchmark("own"))
    first = prepared.read(paths.benchmark("own"))[0]["id"][0].as_py()
    lines[int(first)]["answer"] = "no such"
    (study / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    prepared.prepare(ROW, study / "own.jsonl", paths.benchmark("own"))
    assert run()[1]["asked"] == 8
    for _ in range(2):
        with pytest.raises(InputError, match=r"none of the benchmark's facts can be asked .*answer_not_one_token': 1"):
            run(limit=1)


def test_the_batch_plan_of_every_part_is_recorded(study, monkeypatch):
    write_benchmark(study, 9)
    plan = run(limit=3)[1]["batch_plan"]
    ask = asking.ask
    monkeypatch.setattr(
        asking, "ask", lambda *args, **more: ((found := ask(*args, **more))[0], found[1] | {"batch_plan": "x"})
    )
    assert run(limit=6)[1]["batch_plan"] == f"{plan}, then x; in parts, up to 3, 6"


def test_answers_that_depend_on_their_batch_are_all_asked_again_and_kept_beside_each_other(study, asked, caplog):
    archive.make_archive("m", "int8@final", archive.Inputs(study / "model"), Path(paths.archive_dir("m", "int8@final")))
    with caplog.at_level("INFO"):
        for limit in (2, None, 2):
            score.score("m", ["int8@final"], ["own"], cells.Settings(OPTIONS, limit=limit))
    assert asked == [slice(None, 2), slice(None, None)]
    assert caplog.text.count("depend on what is asked together") == 1
    by_sentence = OPTIONS | {"int8_activations": "sentence"}
    for limit in (2, None):
        score.score("m", ["int8@final"], ["own"], cells.Settings(by_sentence, limit=limit))
    assert asked[2:] == [slice(None, 2), slice(2, None)]


def test_a_cell_of_the_harness_depends_on_its_files_and_its_version(tmp_path, asked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.fetched("llama", tmp_path / "model")
    archive.make_archive("m", "dense", archive.Inputs(tmp_path / "model"), paths.archive_dir("m", "dense"))
    (tmp_path / "resources/benchmarks").mkdir(parents=True)
    questions.write(tmp_path / paths.benchmark("own"), "boolq", questions.FACTS["boolq"])
    shutil.copytree(task_files.FOLDER, tmp_path / "tasks")
    shutil.copytree(task_files.harness_folder() / "super_glue/boolq", tmp_path / "theirs/super_glue/boolq")
    monkeypatch.setattr(task_files, "FOLDER", tmp_path / "tasks")
    monkeypatch.setattr(task_files, "harness_folder", lambda: tmp_path / "theirs")
    run()
    append(tmp_path / "tasks/piqa.yaml")
    run()
    assert len(asked) == 1
    for changed, times in (("tasks/boolq.yaml", 2), ("theirs/super_glue/boolq/default.yaml", 3)):
        append(tmp_path / changed)
        run()
        assert len(asked) == times
    monkeypatch.setattr(task_files, "harness_version", lambda: "0.0.1")
    run()
    assert len(asked) == 4


def test_a_cell_that_the_harness_is_not_asked_does_not_depend_on_it(study, asked, monkeypatch):
    run()
    monkeypatch.setattr(task_files, "harness_version", lambda: "0.0.1")
    monkeypatch.setattr(task_files, "FOLDER", study)
    run()
    assert len(asked) == 1


def kept_file(study):
    [found] = (study / paths.kept_dir("m", "dense")).glob("own.*.parquet")
    return found


def append(path):
    path.write_text(path.read_text() + "# changed\n")


def test_a_cell_says_what_it_is_and_holds_a_row_per_fact(study):
    table, about = run(limit=2)
    more = [pa.field("place", pa.int32()), pa.field("again", pa.bool_())]
    assert table.schema.remove_metadata() == pa.schema([*FACTS, *more])
    assert table["again"] == table["correct"]  # the dense model is asked twice, and float batches are alike
    assert table["id"].to_pylist() == prepared.read(paths.benchmark("own"))[0]["id"].to_pylist()[:2]
    assert (about["model"], about["variant"], about["benchmark"], about["limit"]) == ("m", "dense", "own", 2)
    assert len(about["key"]) == 64


def test_the_same_cell_has_the_same_bytes(study):
    path = study / paths.scores("m", "dense", "own")
    run()
    before = path.read_bytes()
    shutil.rmtree(path.parent)
    run()
    assert path.read_bytes() == before


@pytest.mark.parametrize("links", [True, False])
def test_what_a_job_asked_before_it_failed_is_not_asked_again(study, asked, monkeypatch, links):
    if not links:  # as on some network file systems

        def no_links(*_):
            raise PermissionError

        monkeypatch.setattr(os, "link", no_links)
    files = [study / paths.scores("m", "dense", name) for name in ("own", "more")]
    with pytest.raises(InputError, match=r"more\.parquet: missing"):  # there is no benchmark of the second name yet
        score.score("m", ["dense"], ["own"], cells.Settings(OPTIONS))
        score.score("m", ["dense"], ["own", "more"], cells.Settings(OPTIONS))
    os.utime(kept_file(study), (1, 1))
    files[0].unlink()  # as Snakemake does after a job failed
    shutil.copy(study / paths.benchmark("own"), study / paths.benchmark("more"))
    seal.seal(paths.benchmark("more"))
    score.score("m", ["dense"], ["own", "more"], cells.Settings(OPTIONS))
    assert len(asked) == 2
    assert [len(cells.read(cell)[0]) for cell in files] == [3, 3]
    assert files[0].stat().st_mtime >= (study / paths.manifest("m", "dense")).stat().st_mtime


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"", lambda data: b"nonsense" * 100])
def test_a_damaged_cell_is_asked_again(study, asked, damage):
    run()
    path = study / paths.scores("m", "dense", "own")
    path.write_bytes(damage(path.read_bytes()))
    assert len(run()[0]) == 3
    assert len(asked) == 2


def test_a_damaged_archive_is_not_asked(study):
    path = study / paths.archive_dir("m", "dense") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(InputError, match="sha256"):
        run()
    assert not (study / paths.scores("m", "dense", "own")).exists()


@pytest.mark.parametrize("name", ["special_tokens_map.json", "int8.model.safetensors", "model.safetensors.index.json"])
def test_an_archive_to_which_something_was_added_is_not_asked(study, asked, name):
    (study / paths.archive_dir("m", "dense") / name).write_text("{}")
    with pytest.raises(InputError, match=f"{name}: is not in .*dense/manifest.json"):
        run()
    assert not asked


def test_another_variants_archive_is_not_asked(study, asked):
    archive.make_archive("m", "int8@final", archive.Inputs(study / "model"), Path(paths.archive_dir("m", "int8@final")))
    shutil.rmtree(paths.archive_dir("m", "dense"))
    Path(paths.archive_dir("m", "int8@final")).rename(paths.archive_dir("m", "dense"))
    with pytest.raises(InputError, match="is of m int8@final, but this is the place of m dense"):
        run()
    assert not asked


@pytest.mark.parametrize("mode", ["sparse", "changed", "recipe"])
def test_an_archive_that_is_not_kept_in_full_is_asked_the_same(study, asked, monkeypatch, mode):
    path = study / paths.scores("m", "dense", "own")
    run()
    before = path.read_bytes()
    (study / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(study / "scratch"))
    (study / "resources/models").mkdir()
    (study / "model").rename(study / paths.model_dir("m"))
    inputs = archive.Inputs(paths.model_dir("m"))
    archive.make_archive("m", "dense", inputs, paths.archive_dir("m", "dense"), storage.Keep(mode))
    run()
    assert len(asked) == 1 and path.read_bytes() == before
    kept_file(study).unlink()
    run()
    assert len(asked) == 2 and path.read_bytes() == before
    assert not list((study / "scratch").iterdir())


def test_a_benchmark_that_cannot_be_asked_at_all_is_an_error(study, monkeypatch):
    empty = pa.Table.from_pylist([], schema=FACTS)
    said = {"dropped": {"answer_not_one_token": 3}, "limit": None}
    monkeypatch.setattr(asking, "ask", lambda *args, **more: (empty, said))
    with pytest.raises(InputError, match="answer_not_one_token"):
        run()


def test_a_benchmark_of_similarity_asks_the_dense_model_along_and_again_when_that_is_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.fetched("llama", tmp_path / "model")
    for slug in ("dense", "rtn-3bit@overall"):
        archive.make_archive("m", slug, archive.Inputs(tmp_path / "model"), paths.archive_dir("m", slug))
    (tmp_path / "own.txt").write_text(" ".join(f"w{i % 100}" for i in range(1100)))
    row = {"name": "own", "format": "similarity", "families": "decoder"}
    prepared.prepare(row, tmp_path / "own.txt", paths.benchmark("own"))
    score.score("m", ["dense", "rtn-3bit@overall"], ["own"], cells.Settings(OPTIONS, limit=1))
    said = {slug: cells.read(paths.scores("m", slug, "own")) for slug in ("dense", "rtn-3bit@overall")}
    assert said["dense"][0]["attention"].to_pylist() == pytest.approx([1, 1])
    assert all(0 < each < 0.999999 for each in said["rtn-3bit@overall"][0]["activation"].to_pylist())
    dense = cells.weights_of(storage.read_manifest(paths.manifest("m", "dense")))
    assert {about["dense"] for _, about in said.values()} == {dense}
    assert said["dense"][1]["weights"] == dense
