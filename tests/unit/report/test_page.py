"""The page: what stands on it, that it needs nothing from outside, and what was run."""

import base64
import hashlib
import json
import re

import pandas as pd
import pytest
from helpers import paged
from helpers.paged import Strict, changed, figure, inputs, page, page_with
from markupsafe import escape

from knowcost.aggregate import tables
from knowcost.aggregate.explore.stored import INDEX
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.common.files import read_json, write_json
from knowcost.draw import links
from knowcost.report import answer
from knowcost.report import page as report
from knowcost.report.run import drawn, methods
from knowcost.report.table import GONE

EVIL = """ </script></title></style><script>x()</script><img src=x onerror=x()> "'><b onclick=x()> ]]> --> \u202egnp"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run's tables, one figure, sources and timings, as the rule passes them."""
    return paged.make(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def plain(run):
    """The run's page, which nothing is told of but what it was made from."""
    return page(run)


def test_page_is_whole_and_needs_nothing_from_outside(plain):
    parsed = Strict(plain)
    assert parsed.links
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in parsed.links)
    assert not re.search(r"@import|url\(|<script[^>]* src|<link", plain)
    assert "One &lt;figure&gt;" in plain
    anchors = {link[1:] for link in parsed.links if link[0] == "#" and not link.startswith(links.START)}
    assert anchors <= set(re.findall(r'id="([\w-]+)"', plain))


def test_what_models_write_is_text_whatever_it_is(plain):
    assert "&lt;script&gt;x()&lt;/script&gt;\\u202egnp\\x1b[31m" in plain and "&lt;b&gt;?&lt;/b&gt;" in plain
    assert "Question &lt;i&gt;" in plain and "No judge was named" in plain


def test_page_opens_with_the_answer(run):
    parsed = Strict(page(run, title="A <study>"))
    lines = answer.answer(run["root"] / paths.TABLES)
    assert len(lines) >= 4
    places = [parsed.text.index(line) for line in lines]
    assert places == sorted(places)
    assert places[-1] < parsed.text.index("Encoder models")
    assert parsed.text.index("A <study>") < places[0]


def test_page_says_what_was_run(run):
    parsed = Strict(page(run, models="config/models.tsv", limit=None))
    assert {"c0ffee" * 6 + "c0ff", "beef" * 16, "ab" * 32} <= set(
        parsed.titles
    )  # shortened on the page, whole in titles
    for words in ("someone/a", "several masks: 3", "models: config/models.tsv", "limit: null", "python", "pandas"):
        assert words in parsed.text
    assert re.search(rf"score 2 42\.5 30\.0 {GONE} {GONE} 512 {GONE}", parsed.text)
    assert "Not the whole benchmarks" not in parsed.text


def test_a_line_for_each_benchmark_of_which_a_limit_cut_something():
    trex = {"benchmark": "trex", "facts": 22881, "drawn": 30, "relations": 28, "relations_drawn": 28, "clusters": 28}
    boolq = {"benchmark": "boolq", "facts": 3270, "drawn": 100, "clusters": 2932, "clusters_drawn": 100}
    boolq |= {"right_choices": "no 38%, yes 62%", "right_choices_drawn": "no 38%, yes 62%"}
    lines = [trex | {"right_choices": ""}, boolq, {"benchmark": "own", "facts": 9, "clusters": 9, "right_choices": ""}]
    assert drawn(pd.DataFrame(lines)) == [
        "trex: 30 of 22,881 facts, of 28 of 28 relations",
        "boolq: 100 of 3,270 facts, in 100 of 2,932 clusters, right is no 38%, yes 62% (of all: no 38%, yes 62%)",
    ]


def test_page_warns_of_a_limit(run, tmp_path):
    limited = tables.read(run["root"] / paths.TABLES)["benchmarks"].assign(limit=25)
    root = changed(run, tmp_path, "benchmarks", limited)
    config = {"score": {"int8_activations": "sentence"}, "study": {"tolerance": 0.05, "margin": 1}}
    report.write(inputs(run | {"root": root}, timings=[], config=config), tmp_path / "report.html")
    assert "activations have one scale per sentence" in (tmp_path / "report.html").read_text()
    parsed = Strict((tmp_path / "report.html").read_text())
    assert "Not the whole benchmarks: this run asked at most 25 facts of each, drawn from all over it" in parsed.text
    assert "Time" not in parsed.text.split("Benchmarks")[-1]  # no timings, no table of them


def test_page_says_what_the_paper_found_and_how_it_was_tested(run, plain):
    parsed = Strict(plain)
    claims = tables.read(run["root"] / paths.TABLES)["claims"]
    part = parsed.text.split("What the papers found, and what this run says")[1].split("Tables")[0]
    assert all(sentence in part for sentence in claims["sentence"])
    claims = claims[claims["paper"] == "The Cost of Compression"]
    counts = claims["verdict"].value_counts()
    unsure = claims[claims["verdict"] == "not precise enough"]
    opened, folded = re.split(r"\d+ findings that this run cannot decide", part)
    assert "“The Cost of Compression”" in opened and "“LLM-KICK”" not in opened and "Of “LLM-KICK”" in folded
    assert f"{(claims['verdict'] != 'not run').sum()} verdicts on its findings" in opened
    assert opened.count("✗ fails") == counts["fails"] and f"fails {counts['fails']}" in opened
    assert f"not precise enough {counts['not precise enough']}" in opened
    undecided = folded.split("Of “LLM-KICK”")[0]
    assert undecided.count("(not precise enough; ") == unsure["claim"].nunique()
    for words in (
        "McNemar's exact test",
        "Holm's correction",
    ):
        assert words in parsed.text


def test_findings_that_a_run_cannot_decide_are_one_line(run, tmp_path):
    claims = tables.read(run["root"] / paths.TABLES)["claims"]
    root = changed(run, tmp_path, "claims", claims.assign(verdict="not run", why="no variants of this kind were run"))
    section = page(run | {"root": root}).split('<section id="findings"')[1].split("</section>")[0]
    opened, folded = section.split('<details class="prints">')
    assert "<table" not in section and "<p" not in opened and "<h3" not in opened
    assert f"<summary>{claims['claim'].nunique()} findings that this run cannot decide</summary>" in folded
    assert all(str(escape(sentence)) in folded for sentence in claims["sentence"])


def test_one_s_own_study_comes_first_and_the_papers_last(run):
    names = {"front_x": "", "front_y": "", "all": "", "claims_z": ""}
    figures = [figure(name, family=family, title=f"T {name}", caption=f"C {name}.") for name, family in names.items()]
    html = page_with(run, *figures)
    sections = re.findall(r'<section [^>]*id="([\w-]+)"|<section id="([\w-]+)"', html)
    assert [one or other for one, other in sections] == [
        "answer", "explore", "all", "encoder", "written", "findings", "tables", "methods", "run", "paper",
    ]  # fmt: skip
    text = Strict(html).text
    places = [text.index(f"C {name}.") for name in names]
    assert text.index("The answer") < text.index("right uncompressed") < places[0] < places[1] == min(places[1:])
    assert text.index("1 more picture like this") < places[1] < text.index("Look up the facts") < places[2]
    assert text.index("What the papers found") < places[3] < text.index("All numbers of this run")
    linked = re.search("<nav.*?</nav>", html, re.S)[0]
    assert re.findall('href="#([^"]+)"', linked) == [one or other for one, other in sections]


def test_a_sentence_stands_where_a_picture_would_show_nothing(run):
    """Though a file of that name lies there, it is not read."""
    html = page_with(run, figure("two", family="encoder", title="T <2>", caption="Nothing was lost.", picture=False))
    assert '<p class="undrawn" id="figure-two"><strong>T &lt;2&gt;.</strong> Nothing was lost.</p>' in html
    assert 'alt="T &lt;2&gt;"' not in html


def test_figures_of_a_group_are_folded_and_keep_their_size(run):
    html = page_with(run, figure("two", "by benchmark", family="encoder", title="Two", caption="Two."))
    family = html.split('<section id="encoder"')[1].split("</section>")[0]
    opened, folded = family.split("<details>")
    assert "What it shows." in opened and "By benchmark: 1 figure<" in folded and "Two." in folded
    assert re.search(r'<figure id="figure-two">.*decoding="async" width="100" height="200"', folded, re.S)


def test_numbers_on_the_page_come_from_the_tables(run, plain):
    parsed = Strict(plain)
    row = tables.read(run["root"] / paths.TABLES)["drops"].set_index("variant").loc["magnitude-40@overall"].iloc[0]
    text = parsed.text.split("Points of accuracy lost: encoder models")[2]
    assert re.search(rf"magnitude pruning everything \S+ \S+ to \S+ {row['drop_points']:.1f}", text)


def test_methods_that_were_run_are_explained_and_no_others(plain):
    text = Strict(plain).text
    part = text.split("How it was measured")[-1].split("What was run")[0]
    for words in ("Magnitude pruning. ", "Int8. ", "Activations in int8. ", "costs if the interval lies above zero"):
        assert words in part
    for words in ("Wanda", "GPTQ", "Calibration. "):
        assert words not in part
    told = dict(methods(["dense", "wanda~c4+int8", "gptq", "brought-x"], "sentence"))
    assert list(told) == ["Wanda", "Int8", "GPTQ", "Activations in int8", "Calibration"]
    assert told["Calibration"].startswith("Wanda and GPTQ look at what a model computes on windows of text")


def test_control_characters_of_facts_are_escapes_on_the_page(run, tmp_path):
    whole = tables.read(run["root"] / paths.TABLES)["benchmarks"]
    other = changed(run, tmp_path, "benchmarks", whole.assign(example="law\x1b[2J\u202e\0"))
    html = page(run | {"root": other})
    assert len(whole) and r"law\x1b[2J\u202e\x00" in html
    assert all(char.isprintable() or char in "\n\u00a0" for char in html)


def test_figures_and_facts_of_other_tables_are_refused(run, tmp_path):
    root = changed(run, tmp_path, "noise", tables.read(run["root"] / paths.TABLES)["noise"])
    for folder, how in ((paths.EXPLORE, "made beside"), (paths.FIGURES, "drawn from")):
        tables.finish(root / folder, {str(root / paths.TABLES): "0" * 64})
        with pytest.raises(InputError, match=rf"{folder}: was {how} other tables than .*tables; delete"):
            page(run | {"root": root})


def test_facts_that_are_too_many_lie_beside_the_page_and_nothing_of_before_does(run, monkeypatch):
    folder = run["root"] / paths.REPORT_FACTS
    plain, nothing = page(run), {"made_from.json", seal.SUMS}
    assert {path.name for path in folder.iterdir()} == nothing and "This page has a folder" not in plain
    assert tables.made_from(folder) == {
        str(run["root"] / paths.REPORT): seal.check(run["root"] / paths.REPORT),
        str(run["root"] / paths.EXPLORE): seal.check_folder(run["root"] / paths.EXPLORE),
    }
    monkeypatch.setattr(report.explored, "LIMIT", 0)
    html = page(run)
    index = json.loads(re.search(r'<script type="application/json" id="explore-index">(.*)</script>', html)[1])
    named = [each["script"].removeprefix("report.facts/") for each in index["parts"]]
    assert named and {path.name for path in folder.iterdir()} == nothing | set(named)
    megabytes = sum((folder / name).stat().st_size for name in named) / 1e6
    assert f"<strong>This page has a folder:</strong> {megabytes:.1f} MB of answers" in html
    assert 'id="explore-part-' not in html and 'id="explore-part-0"' in plain
    seal.check_folder(folder)
    monkeypatch.undo()
    assert page(run) == plain and {path.name for path in folder.iterdir()} == nothing


def test_what_is_not_among_the_facts_is_named(run, tmp_path):
    root = changed(run, tmp_path, "noise", tables.read(run["root"] / paths.TABLES)["noise"])
    index = root / paths.EXPLORE / INDEX
    write_json(index, read_json(index) | {"left_out": ["<b>, talk: the dense model was not asked"]})
    paged.of_tables(root)
    assert "looked up:</strong> &lt;b&gt;, talk: the dense model was not asked." in page(run | {"root": root})


def renamed(frame):
    """A table whose models, benchmarks and texts hold markup."""
    texts = [name for name in ("model", "benchmark", "example", "example_answer", "sentence", "why") if name in frame]
    return frame.assign(**{name: [f"{text}{EVIL}" if text else text for text in frame[name]] for name in texts})


def test_names_titles_captions_and_texts_make_no_element(run, plain, tmp_path):
    given = tables.read(run["root"] / paths.TABLES)
    root = changed(run, tmp_path, "claims", renamed(given["claims"]))
    for name in given.keys() - {"claims"}:
        tables.write(renamed(given[name]), root / paths.TABLES, name)
    tables.finish(root / paths.TABLES, {})
    words = {"title": EVIL, "caption": EVIL, "linked": True}
    write_json(root / paths.FIGURES / "figures.json", [figure(family="encoder", **words)])
    paged.of_tables(root)
    html = page(run | {"root": root}, title=EVIL)
    hostile, benign = Strict(html), Strict(plain)
    swapped = [tag for tag in hostile.tags if tag != "svg"]
    assert swapped.count("div") == benign.tags.count("div") + 1  # around the figure, which is inlined here
    assert {tag: swapped.count(tag) for tag in swapped if tag != "div"} == {
        tag: benign.tags.count(tag) for tag in benign.tags if tag not in ("div", "img")
    }
    assert hostile.text.count("<script>x()</script>") > 100 and "\u202e" not in html
    assert not [name for name in hostile.attributes if name.startswith("on")]
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', html)
    (ours,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    assert policy.replace("&#39;", "'").split("; ")[1] == f"script-src 'sha256-{digest}' 'strict-dynamic'"


def test_command_prints_the_answer(run, monkeypatch, capsys):
    monkeypatch.chdir(run["root"])
    answer.main()
    assert capsys.readouterr().out.startswith("- a (encoder) answers ")


def test_the_recovery_paper_s_index_stands_beside_the_other(run, plain, monkeypatch):
    assert "Forget Knowledge?”, " not in plain
    rows = [report.paper.Entry("Table 1", "What <it> shows", [("recovery-a", "a")], "not run: b"),
            report.paper.Entry("Figure 2", "Lengths", [], "missing: it takes prompts")]  # fmt: skip
    found = report.paper.Index(rows, 1, 1)
    monkeypatch.setattr(report.forget_knowledge, "contents", lambda data, figures: found)
    text = page(run)
    assert "Forget Knowledge?”, 1 are in this report and\n1 are missing." in text
    assert '<td class="wrap">What &lt;it&gt; shows</td>' in text and '<a href="#recovery-a">a</a>' in text
    assert "<td>Figure 2</td>" in text and "missing: it takes prompts" in text
