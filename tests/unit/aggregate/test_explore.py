"""The explorer's data of made-up runs, read back and held against the list of facts and against the files."""

import numpy as np
import pandas as pd
import pytest
from helpers import explored, fake_results

from knowcost.aggregate import tables
from knowcost.aggregate.explore import job, stored
from knowcost.aggregate.fact_by_fact import VERDICTS, facts
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.common.files import read_json, write_json

PRUNED, OTHER, BROUGHT = "magnitude-40@attention", "int8@overall", "brought-theirs"
NAMES = ["a", "b", "c", "d", "e"]
KEPT, FORGOTTEN, GAINED, NEVER_KNOWN = VERDICTS


def explore(root, made, out=None):
    """Make the folder of facts of a run, which has tables of nothing but what they were made from."""
    digests = {str(path): seal.check(path) for group in made for path in group}
    tables.finish(root / paths.TABLES, digests | {"judgements": "0" * 64})
    job.explore(*made, root / paths.TABLES, out or root / paths.EXPLORE)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an encoder and a decoder, its folder of facts, and the index and parts in it."""
    root = tmp_path_factory.mktemp("run")
    models = {"tiny-bert": "encoder", "tiny-llama": "decoder"}
    made = fake_results.make(root, models, facts=83, levels=(20, 60), limit=71, lost=True)
    explore(root, made)
    return root, made, *stored.read(root / paths.EXPLORE)


def read(index, parts):
    """A row per model, variant, benchmark and fact: what a script that reads index and parts shows."""
    texts = [explored.read(parts[each["part"]])[0] for each in index["benchmarks"]]
    found = [
        rows
        for model in index["models"]
        for each in model["asked"]
        for rows in _of_part(
            model, parts[each["part"]], texts[each["benchmark"]], index["benchmarks"][each["benchmark"]]
        )
    ]
    return pd.DataFrame(found)


def _of_part(model, part, texts, benchmark):
    header, raw = explored.read(part)
    places = range(benchmark["facts"]) if header["facts"] is None else header["facts"]
    right = explored.bits(header, raw, len(places))
    for number, (variant, said) in enumerate(zip(header["variants"], header["said"], strict=True)):
        rows = np.cumsum(said["rows"]).tolist()
        told = dict(zip(rows, zip(said["words"], said["values"], strict=True), strict=True))
        if number == 0:
            dense = right[variant], told
        for row, place in enumerate(places):
            word, value = told.get(row, dense[1][row])
            answer = texts["answers"][place]
            yield {
                "model": model["name"], "variant": model["variants"][variant]["slug"], "benchmark": benchmark["name"],
                "id": texts["ids"][place], "question": texts["questions"][place], "answer": answer,
                "relation": texts["relations"][relation] if (relation := texts["relation"][place]) >= 0 else None,
                "dense_correct": bool(dense[0][row]), "correct": bool(right[variant][row]), "is_told": row in told,
                "prediction": {-1: answer, -2: None}.get(word, header["words"][word] if word >= 0 else None),
                header["measure"] or "nothing": value,
            }  # fmt: skip


def test_every_fact_of_every_variant_is_what_knowcost_facts_lists(run):
    root, (cells, *_), index, parts = run
    shown = read(index, parts)
    assert len(shown) == 71 * len(cells)
    for (model, variant), mine in shown.groupby(["model", "variant"], sort=False):
        listed = facts(model, variant, folder=root)
        mine = mine.set_index(["benchmark", "id"]).loc[list(zip(listed["benchmark"], listed["id"], strict=True))]
        verdicts = np.select(
            [mine["dense_correct"] & mine["correct"], mine["dense_correct"], mine["correct"]],
            [KEPT, FORGOTTEN, GAINED],
            NEVER_KNOWN,
        )
        assert verdicts.tolist() == listed["verdict"].tolist()
        for name in ("question", "answer", "relation"):
            assert mine[name].fillna("").tolist() == listed[name].fillna("").tolist()
        told = mine["is_told"].to_numpy()
        assert told.tolist() == (listed["correct"] != listed["dense_correct"]).tolist() or variant == "dense"
        assert mine["prediction"][told].tolist() == listed["prediction"][told].tolist()
        own, (rank, probability) = (
            mine[["rank", "probability"]][told],
            listed[["rank", "probability"]][told].T.to_numpy(),
        )
        assert own["rank"].isna().tolist() == np.isnan(rank).tolist()
        expected = np.where(np.isnan(rank), probability, rank)
        assert own["rank"].fillna(own["probability"]).to_numpy() == pytest.approx(expected, abs=5e-4)


def test_verdicts_are_those_of_the_scores_files(run):
    root, (cells, *_), index, parts = run
    shown = read(index, parts).groupby(["model", "variant", "benchmark"], sort=False)
    assert {paths.cell_at(cell) for cell in cells} == set(shown.groups)
    for cell in cells:
        rows, (model, _, benchmark) = pd.read_parquet(cell), paths.cell_at(cell)
        dense = pd.read_parquet(root / paths.scores(model, "dense", benchmark))
        mine = shown.get_group(paths.cell_at(cell)).set_index("id").loc[rows["id"]]
        assert mine["correct"].tolist() == rows["correct"].tolist()
        assert mine["dense_correct"].tolist() == dense["correct"].tolist()


def test_the_index_says_what_there_is(run):
    _, _, index, parts = run
    assert [each["name"] for each in index["benchmarks"]] == ["places", "people", "trades", "sense"]
    assert [(each["kind"], each["facts"]) for each in index["benchmarks"]] == [
        ("cloze", 71), ("cloze", 71), ("question", 71), ("piqa", 71),
    ]  # fmt: skip
    bert, llama = index["models"]
    assert (bert["name"], bert["family"], llama["name"], llama["family"]) == (
        "tiny-bert", "encoder", "tiny-llama", "decoder",
    )  # fmt: skip
    assert [each["benchmark"] for each in bert["asked"]] == [0, 1]
    assert [each["benchmark"] for each in llama["asked"]] == [2, 3]
    assert [each["slug"] for each in bert["variants"]] == fake_results.slugs("encoder", (20, 60))
    assert [each["words"] for each in bert["variants"][:2]] == ["dense", "everything pruned by 20%"]
    numbers = [each["part"] for each in (*index["benchmarks"], *bert["asked"], *llama["asked"])]
    assert sorted(numbers) == list(range(len(parts))) and index["left_out"] == []


def test_the_folder_is_sealed_says_what_it_is_of_and_is_the_same_twice(run, tmp_path):
    root, made, *_ = run
    said = tables.made_from(root / paths.EXPLORE)
    assert said == {str(root / paths.TABLES): seal.check_folder(root / paths.TABLES)}
    (tmp_path / "7.gz").write_bytes(b"of another run")
    explore(root, made, tmp_path)
    assert seal.check_folder(tmp_path) == seal.check_folder(root / paths.EXPLORE)
    (tmp_path / "0.gz").write_bytes(b"else")
    with pytest.raises(InputError, match=r"0\.gz is damaged or was changed"):
        stored.read(tmp_path)


def test_another_layout_and_tables_of_other_cells_are_refused(run, tmp_path):
    root, made, *_ = run
    folder = tmp_path / "explore"
    explore(root, made, folder)
    write_json(folder / stored.INDEX, read_json(folder / stored.INDEX) | {"version": 0})
    seal.seal_folder(folder)
    with pytest.raises(InputError, match="made by another version of knowcost; run `snakemake -R explore`"):
        stored.read(folder)
    tables.finish(tmp_path / "tables", {str(path): seal.check(path) for path in made[0][1:]})
    with pytest.raises(InputError, match=r"tables: was made from another .*scores/\w+\.parquet than is here"):
        job.explore(*made, tmp_path / "tables", folder)


def write(root, model, family, answers, manifest=None):
    """The files of one model. answers: {(variant, benchmark): {id: (right, what was said)}}."""
    cells = []
    for (slug, name), said in answers.items():
        kind = BENCHMARKS[name][0]
        path = root / paths.manifest(model, slug)
        if not path.exists():
            seal.write_json(path, fake_results.manifest(model, slug, family, **(manifest or {})))
        rows = [{"id": fact, "answer": fact, "correct": bool(right), "prediction": word, **_number(kind, right)}
                for fact, (right, word) in said.items()]  # fmt: skip
        about = {"model": model, "variant": slug, "benchmark": name, "kind": kind}
        cells.append(fake_results.write_scores(root / paths.scores(model, slug, name), rows, **about))
    return cells


def _number(kind, right):
    if kind == "cloze":
        return {"rank": 1 if right else 7, "logprob": -0.5}
    return {"logprob": float(np.log(0.6 if right else 0.25))} if kind == "lambada" else {}


BENCHMARKS = {
    "blanks": ("cloze", {"cloze": [f"{name} [MASK]" for name in NAMES], "answer": NAMES}),
    "words": ("lambada", {"text": [f"and so to {name}" for name in NAMES]}),
    "open": ("webquestions", {"question": [f"{name}?" for name in NAMES], "answers": [[name] for name in NAMES]}),
    "book": ("text", {"text": ["..."] * 5}),
    "untold": ("lambada", {"text": ["?"] * 5, "stated_in": ["never"] * 5}),
    "blanks@published": ("cloze_published", {"cloze": ["[MASK]"] * 5, "answer": NAMES}),
}


def of(right, wrong="", names=NAMES):
    """{id: (right, what was said)} from a text of ones and noughts."""
    return {name: (each == "1", name if each == "1" else wrong) for name, each in zip(names, right, strict=False)}


@pytest.fixture
def odd(tmp_path):
    """A function of the cells of a run, which gives the explorer's index and rows."""
    files = [
        fake_results.write_benchmark(
            tmp_path / paths.benchmark(name), name, kind, {"id": NAMES, "relation": [None] * 5, **columns}
        )
        for name, (kind, columns) in BENCHMARKS.items()
    ]

    def explored_of(*models):
        cells = [cell for model in models for cell in write(tmp_path, *model)]
        manifests = dict.fromkeys(tmp_path / paths.manifest(*paths.cell_at(cell)[:2]) for cell in cells)
        explore(tmp_path, (cells, list(manifests), files))
        index, parts = stored.read(tmp_path / paths.EXPLORE)
        return index, parts, read(index, parts)

    return explored_of


def test_what_asks_for_no_fact_to_list_is_left_out(odd):
    everything = {("dense", name): of("11010") for name in ("words", "untold", "blanks@published")}
    index, _, shown = odd(("m", "encoder", everything))
    assert [each["name"] for each in index["benchmarks"]] == ["words"]
    assert set(shown["benchmark"]) == {"words"} and index["left_out"] == []


def test_facts_that_no_model_was_asked_have_no_place_and_others_are_those_that_were(odd):
    first = {("dense", "blanks"): of("110"), (PRUNED, "blanks"): of("011")}
    second = {("dense", "blanks"): of("11", names=["b", "d"]), (PRUNED, "blanks"): of("10", "x", names=["b", "d"])}
    index, parts, shown = odd(("m", "encoder", first), ("n", "encoder", second))
    assert explored.read(parts[0])[0]["ids"] == ["a", "b", "c", "d"] and index["benchmarks"][0]["facts"] == 4
    headers = [explored.read(parts[model["asked"][0]["part"]])[0] for model in index["models"]]
    assert [header["facts"] for header in headers] == [[0, 1, 2], [1, 3]]
    lost = shown[shown["dense_correct"] & ~shown["correct"]]
    assert list(zip(lost["model"], lost["id"], strict=True)) == [("m", "a"), ("n", "d")]
    assert lost["question"].tolist() == ["a [MASK]", "d [MASK]"] and lost["rank"].tolist() == [7, 7]


def test_what_cannot_be_held_against_the_dense_model_is_named(odd):
    theirs = {("dense", "blanks"): of("11010"), (BROUGHT, "blanks"): of("1101"), (BROUGHT, "words"): of("11111")}
    lonely = {(PRUNED, "blanks"): of("11010")}
    index, _, shown = odd(("m", "encoder", theirs), ("n", "encoder", lonely))
    assert index["left_out"] == [
        "m, words: the dense model was not asked",
        "n, blanks: the dense model was not asked",
        "m brought-theirs, blanks: was not asked the dense model's facts",
    ]
    assert [model["name"] for model in index["models"]] == ["m"]
    assert list(shown["variant"].unique()) == ["dense"]


def test_another_variant_of_other_facts_is_refused(odd):
    with pytest.raises(InputError, match="these are not the facts of"):
        odd(("m", "encoder", {("dense", "blanks"): of("11010"), (PRUNED, "blanks"): of("1101")}))


def test_brought_and_recovered_variants_are_there_with_their_words_and_bytes(odd):
    recovered = f"{PRUNED}^lora-r2"
    answers = {(slug, "words"): of("10111") for slug in (PRUNED, BROUGHT, "dense", recovered)}
    index, _, shown = odd(("m", "decoder", answers, {"bytes": {"real": 77, "disk": 80}}))
    assert index["models"][0]["variants"] == [
        {"slug": "dense", "words": "dense", "bytes": 77},
        {"slug": PRUNED, "words": "attention pruned by 40%", "bytes": 77},
        {"slug": BROUGHT, "words": "theirs", "bytes": 77},
        {"slug": recovered, "words": "attention pruned by 40%, recovered by LoRA r2", "bytes": 77},
    ]
    assert len(shown) == 20 and shown["correct"].mean() == 0.8


def test_a_variant_that_was_not_asked_a_benchmark_is_not_in_its_part(odd):
    answers = {("dense", "words"): of("11111"), (OTHER, "words"): of("11110"),
               ("dense", "open"): of("11100", "no"), (PRUNED, "open"): of("00111", "what else")}  # fmt: skip
    index, parts, _ = odd(("m", "decoder", answers))
    headers = [explored.read(parts[each["part"]])[0] for each in index["models"][0]["asked"]]
    slugs = [each["slug"] for each in index["models"][0]["variants"]]
    assert slugs == ["dense", OTHER, PRUNED]
    assert [header["variants"] for header in headers] == [[0, 1], [0, 2]]
    assert [header["measure"] for header in headers] == ["probability", None]
    assert headers[0]["said"][1] == {"rows": [4], "words": [-2], "values": [0.25]}
    assert headers[1]["words"] == ["no", "what else"]
    assert headers[1]["said"][0]["words"] == [-1, -1, -1, 0, 0]
    assert headers[1]["said"][1] == {"rows": [0, 1, 2, 1], "words": [1, 1, -1, -1], "values": [None] * 4}


def test_a_run_without_facts_has_an_empty_index(odd):
    index, parts, _ = odd(("m", "encoder", {("dense", "untold"): of("11111")}))
    assert (index["benchmarks"], index["models"], parts) == ([], [], [])
