"""The demo in small, to the end: a world of 100 facts, three families, every kind of experiment."""

import csv
import json
import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import explained
from helpers.copies import ROOT, copy_workflow
from helpers.flips import check_flips, handed_on, run_of
from helpers.workflow import snakemake

from knowcost.world.relations import RELATIONS

# Of the preset's experiments: fewer levels, of recoveries fewer, and some not at all.
LEVELS = {"prune": [40, 80], "prune_with_data": [70], "prune_by_input_norm": ["2of4"], "few_bits": ["2bit"]}
RECOVERIES = {"recover_few_bits": ["lora-r8"], "relearn_few_bits": ["lora-r8~half", "dynamic_prompt-4+8"]}
SCOPES = ("attention", "overall", "final")
GPTQ, RECOVERED = "gptq-2bit@overall", ("lora-r8", "lora-r8~half", "prompt-4", "prompt-8", "dynamic_prompt-4+8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a run of the demo's preset, fewer levels and people."""
    folder = tmp_path_factory.mktemp("demo")
    copy_workflow(folder)
    teach = folder / "knowcost/world/teach.py"
    text = teach.read_text()
    assert "\nFEWEST_STEPS = 150\n" in text
    teach.write_text(text.replace("FEWEST_STEPS = 150", "FEWEST_STEPS = 50"))  # so few people are known after these
    preset = yaml.safe_load((ROOT / "config/presets/demo.yaml").read_text())
    preset["study"]["experiments"] = [
        small for each in preset["study"]["experiments"] if (small := smaller(each))["scopes"]
    ]
    preset["world"] = {"people": 20, "seed": 1}
    preset["recovery"]["tokens"] = 4000
    rows = (ROOT / preset["benchmarks"]).read_text()
    assert "\t16\t32\n" in rows
    (folder / "small.tsv").write_text(rows.replace("\t16\t32\n", "\t2\t32\n"))
    preset["benchmarks"] = "small.tsv"
    (folder / "small.yaml").write_text(yaml.safe_dump(preset))
    run(folder, "--configfile", "small.yaml", "--cores", "2", "--quiet", "rules", "host")
    return folder


def smaller(experiment):
    """An experiment with fewer levels, scopes and recoveries; without a scope where it is not to be run."""
    name, levels = experiment["name"], experiment.get("levels", [])
    small = experiment | {"scopes": [each for each in experiment["scopes"] if each in SCOPES]}
    if "recover" in experiment:
        small |= {"recover": RECOVERIES[name]} if name in RECOVERIES else {"scopes": []}
    return small | ({"levels": LEVELS.get(name, levels[-1:])} if levels else {})


def run(folder, *options):
    done = snakemake(folder, *options, PYTHONPATH=str(folder), HF_HUB_OFFLINE="1")
    return done.stdout + done.stderr


def table(folder, name):
    with open(folder / f"results/tables/{name}.csv", newline="") as f:
        return list(csv.DictReader(f))


def test_every_cell_has_a_row_and_dense_models_know_their_world(demo):
    rows = table(demo, "scores")
    # dense, 2 scopes x 2 levels, int8 x 2, prune + int8 x 2, final x 2, two that look at data; of the decoder
    # also Wanda and rounding; recovered two and six. Three benchmarks for the encoder, four for the others, which are
    # also asked with the 2 final layers lost; lines, and facts that nobody was told, have tables of their own.
    common = 1 + 4 + 2 + 2 + 2 + 2
    assert len(rows) == common * 3 + (common + 2) * 4 + (common + 2 + 6) * 4 + 2 * (4 + 4)
    assert all(float(row["accuracy"]) >= 0.9 for row in rows if row["variant"] == "dense")


def test_all_families_are_asked_the_same_ranked_facts_and_know_them_unprompted_too(demo):
    dense = [row for row in table(demo, "scores") if row["benchmark"] == "world-ranked" and row["variant"] == "dense"]
    assert len(dense) == 3 and {row["n"] for row in dense} == {"35"}
    assert all(float(row["unprompted"]) >= 0.9 for row in dense)


def test_pruning_most_of_a_model_costs_it_most_of_what_it_knew(demo):
    cloze = {
        row["variant"]: float(row["accuracy"]) for row in table(demo, "scores") if row["benchmark"] == "world-cloze"
    }
    assert cloze["magnitude-80@overall"] < cloze["magnitude-40@overall"] - 0.2
    assert cloze["int8@attention"] > 0.9


def test_recoveries_are_adapters_that_stand_on_what_they_recover(demo):
    for slug in [f"{GPTQ}^{each}" for each in RECOVERED] + ["dense^lora-r8"]:
        folder = demo / "results/world-llama" / slug
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["stands_on"]["variant"] == slug.partition("^")[0]
        assert not (folder / "model.safetensors").exists() and not (folder / ".training").exists()
    adapter = demo / f"results/world-llama/{GPTQ}^lora-r8"
    assert {"adapter_config.json", "adapter_model.safetensors", "training.parquet"} <= {
        path.name for path in adapter.iterdir()
    }


def test_what_was_lost_is_followed_and_the_page_says_forgotten_or_displaced(demo):
    recovered = table(demo, "recovered")
    assert {row["recovery"] for row in recovered} >= {"lora-r8", "dynamic_prompt-4+8"}
    relearned = {row["texts"]: row for row in table(demo, "relearned") if row["recovery"] == "lora-r8"}
    assert {"main", "half", "main or half"} <= set(relearned)
    assert int(relearned["half"]["lost"]) > 0 and int(relearned["half"]["never"]) > 0
    page = (demo / "results/report.html").read_text()
    assert "forgotten" in page and "displaced" in page


def answers(folder, variant):
    """{(id, turn): the row} of what a variant of the decoder wrote."""
    path = folder / f"results/world-llama/{variant}/scores/world-writing.parquet"
    return {(row["id"], row["turn"]): row for row in pq.read_table(path).to_pylist()}


def stated(text, person):
    """{(relation, word)} of a person in sentences with full stops, behind whatever a sentence begins with."""
    found = set()
    for sentence in text.split(".")[:-1]:
        for relation, each in RELATIONS.items():
            for wording in each.statements:
                before, after = wording.lower().rstrip(".").format(s=person, o="|").split("|")
                words = re.fullmatch(rf"(?:.* )?{before}(\w+){after}", sentence.strip())
                found |= {(relation, words[1])} if words else set()
    return found


def points(folder, variant):
    """{(id, turn): true statements less false ones}, what the first turn said apart."""
    facts = [json.loads(line) for line in (folder / "resources/world/facts.jsonl").read_text().splitlines()]
    asked = [json.loads(line) for line in (folder / "resources/world/writing.jsonl").read_text().splitlines()]
    true = {(fact["subject"].lower(), fact["relation"], fact["object"].lower()) for fact in facts}
    people, said = {row["id"]: row["cluster"].lower() for row in asked}, answers(folder, variant)
    made = {}
    for (row, turn), answer in said.items():
        person = people[row]
        new = stated(answer["text"], person) - (stated(said[row, 1]["text"], person) if turn == 2 else set())
        made[row, turn] = sum(1 if (person, *each) in true else -1 for each in new)
    return made


def test_the_dense_decoder_writes_what_is_true_and_the_table_of_texts_counts_every_answer(demo):
    found = points(demo, "dense")
    assert 2 * 4 <= len(found) <= 2 * 6  # two turns, and two people of each sort where there are as many
    assert sum(found.values()) >= 0.8 * 5 * len(found) / 2  # of five facts each
    rows = [row for row in table(demo, "written") if row["part"] == ""]
    for variant in {row["variant"] for row in rows}:
        said = answers(demo, variant).values()
        told = {row["measure"]: row["value"] for row in rows if row["variant"] == variant}
        assert float(told["empty"]) == pytest.approx(100 * sum(not each["text"] for each in said) / len(said), abs=1e-3)
        unfinished = sum(each["ended"] != "ended" for each in said)
        assert float(told["unfinished"]) == pytest.approx(100 * unfinished / len(said), abs=1e-3)
    assert {row["part"] for row in table(demo, "written")} == {"", "often", "sometimes", "rarely"}


def test_judges_follow_what_is_true(demo):
    before, texts = points(demo, "dense"), answers(demo, "dense")
    rows = [row for row in table(demo, "judged") if row["part"] == "" and row["variant"] != "dense"]
    assert len(rows) > 20 and {row["rubric"] for row in rows} == {"mt_bench_pair"}
    for row in rows:
        after, said = points(demo, row["variant"]), answers(demo, row["variant"])
        better = [  # an empty text is not sent to a judge: it loses against any other
            bool(said[each]["text"]) - bool(texts[each]["text"]) or after[each] - before[each] for each in before
        ]
        counts = [sum(each > 0 for each in better), better.count(0), sum(each < 0 for each in better)]
        assert [int(row[name]) for name in ("wins", "ties", "losses")] == counts
    assert sum(int(row["losses"]) for row in rows) > 3 * sum(int(row["wins"]) for row in rows)
    (judge,) = table(demo, "judges")
    assert judge["judge"] == judge["answered_by"] == "world-facts"
    assert judge["flipped"] == judge["unparsed"] == judge["too_long"] == "0"
    assert int(judge["null_tie"]) == int(judge["null_n"]) == len(texts)


def test_the_report_is_one_page_that_needs_nothing_else(demo):
    page = (demo / "results/report.html").read_text()
    assert all(name in page for name in ("world-bert", "world-t5", "world-llama", "magnitude"))
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "What the papers found" in page and "Matching" in page
    figures = list((demo / "results/figures").glob("*.svg"))
    assert "perplexity_decoder" in {figure.stem for figure in figures}
    assert len(figures) >= 9
    assert all(figure.with_suffix(".png").stat().st_size > 5000 for figure in figures)


def test_snakemakes_own_report_has_the_page_every_figure_by_its_title_and_every_table(demo):
    run(demo, "--configfile", "small.yaml", "--report", "own.zip")
    with zipfile.ZipFile(demo / "own.zip") as packed:
        text = packed.read("own/report.html").decode()
        files = {name.rpartition("/")[2] for name in packed.namelist()}
    (demo / "own.zip").unlink()
    drawn = {path.name for path in (demo / "results/figures").glob("*.png")}
    index = json.loads((demo / "results/figures/figures.json").read_text())
    titles = [each["title"] for each in index if each["name"] + ".png" in drawn]
    assert len(titles) > 9 and all(json.dumps(title) in text for title in titles)
    assert {"report.html", "scores.csv", "claims.csv", *drawn} <= files


def test_nothing_is_left_to_do_and_nothing_half_written_lies_about(demo):
    text = run(demo, "--configfile", "small.yaml", "--cores", "2", "-n")
    assert "Nothing to be done" in text
    assert not list(demo.glob("results/**/*.tmp"))


def test_a_flipped_bit_in_any_of_fifty_files_is_named(demo):
    found = handed_on(demo)
    assert {path.suffix for path in found} >= {".arrow", ".csv", ".html", ".jsonl", ".parquet", ".png", ".svg"}
    check_flips(demo, run_of(demo, yaml.safe_load((demo / "small.yaml").read_text())), count=50)


def test_every_column_and_every_key_of_every_file_is_explained(demo):
    """docs/files.md beside what a run writes; beside the schemas: tests/unit/docs/test_files.py."""
    told, itself = explained.names(ROOT / "docs/files.md"), "what a file says of itself"
    scores = set().union(*(names for title, names in told.items() if title.startswith("Scores: ")))
    kinds = told["Prepared benchmarks: columns of all kinds"] | told["Prepared benchmarks: columns of a kind"]
    files = {
        "resources/benchmarks/*.parquet": (kinds, told[f"Prepared benchmarks: {itself}"]),
        "results/*/*/scores/*.parquet": (scores, told[f"Scores: {itself}"]),
        "results/*/*/judgements/*.parquet": (told["Judgements"], told[f"Judgements: {itself}"]),
        "results/*/calibration/*.parquet": (told["Calibration windows"], told[f"Calibration windows: {itself}"]),
        "results/*/*/training.parquet": (told["Training of a recovery"], told[f"Training of a recovery: {itself}"]),
    }
    for pattern, (columns, keys) in files.items():
        found = list(demo.glob(pattern))
        assert found
        for path in found:
            schema = pq.read_schema(path)
            assert set(schema.names) <= columns and json.loads(schema.metadata[b"knowcost"]).keys() <= keys, path
    for name in ("manifest", "source", "study"):
        found = list(demo.glob(f"re*/**/{name}.json"))
        assert found
        for path in found:
            assert json.loads(path.read_text()).keys() <= told[f"`{name}.json`"], path
    for path in demo.glob("resources/calibration/*.arrow"):
        assert set(pa.ipc.open_file(path).schema.names) == told["Calibration texts"]
