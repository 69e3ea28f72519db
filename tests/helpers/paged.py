"""A small run and the page that is written of it, and a reader that fails on what is not well formed."""

import re
import shutil
from html.parser import HTMLParser

from helpers import fake_results, wrote
from knowcost.aggregate import tables
from knowcost.aggregate.explore.job import explore
from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal
from knowcost.common.files import read_json, write_json
from knowcost.report import page as report

HOSTILE = {"family": "decoder", "model": "b", "benchmark": "talk", "id": "<i>", "relation": "", "turn": 1,
           "question": "<b>?</b>", "question_length": 8, "variant": "dense", "length": 31, "ended": "ended",
           "text": "<script>x()</script>\u202egnp\x1b[31m"}  # fmt: skip


def figure(name="one", group="", paper=(), **more):
    """An entry of figures.json."""
    return {"name": name, "group": group, "paper": list(paper), "picture": True, "linked": False, **more}


def make(root):
    """A small run's tables, one figure, sources and timings in `root`, as the rule passes them."""
    cells, manifests, benchmarks = fake_results.make(root, {"a": "encoder", "b": "decoder"}, facts=40, levels=(20, 40))
    aggregate(cells, manifests, benchmarks, root / paths.TABLES, fake_results.SETTINGS)
    explore(cells, manifests, benchmarks, root / paths.TABLES, root / paths.EXPLORE)
    made = wrote.frames([wrote.measured("dense", "tokens")], texts=[HOSTILE])
    for name in ("written", "examples"):
        tables.write(made[name], root / paths.TABLES, name)
    tables.finish(root / paths.TABLES, {})
    write_json(
        root / paths.FIGURES / "figures.json",
        [figure(family="encoder", title="One <figure>", caption="What it shows.")],
    )
    (root / paths.FIGURES / "one.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    of_tables(root)
    sources = [root / paths.model_source(name) for name in "ab"]
    for path, name in zip(sources, "ab", strict=True):
        source = {"name": name, "family": "encoder", "source": f"someone/{name}", "commit": "c0ffee" * 6 + "c0ff"}
        source |= {"requested_revision": "main", "files": {"model.safetensors": {"sha256": "beef" * 16, "size": 1}}}
        seal.write_json(path, source)
    timings = [root / paths.timing("score", f"a-0{i}") for i in (1, 2)] + [root / paths.timing("fetch", "gone")]
    for path, seconds, memory in zip(timings[:2], (12.5, 30.0), ("-", "512.0"), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:12\t{memory}\n")
    made = {"manifests": manifests, "benchmarks": benchmarks, "sources": sources, "timings": timings}
    return {"root": root, **made}


def of_tables(root):
    """Have figures and facts say that they are of the tables beside them."""
    for folder in (paths.FIGURES, paths.EXPLORE):
        tables.finish(root / folder, {str(root / paths.TABLES): seal.check_folder(root / paths.TABLES)})


def inputs(run, **more):
    root = run["root"]
    given = {"tables": root / paths.TABLES, "figures": root / paths.FIGURES, "explore": root / paths.EXPLORE}
    given |= {name: run[name] for name in ("manifests", "benchmarks", "sources", "timings")} | {"calibrations": {}}
    return report.Inputs(**given | more)


SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<svg xmlns="http://www.w3.org/2000/svg" width="75pt" height="150.2pt" viewBox="0 0 1 1"><g id="figure_1"/></svg>
"""


def page(run, **config):
    root = run["root"]
    out = root / paths.REPORT
    config |= {"score": {"int8_activations": "batch"}, "study": {"tolerance": 0.05, "margin": 1}}
    report.write(inputs(run, config=config), out)
    return out.read_text()


class Strict(HTMLParser):
    """Fails on tags that do not balance, and collects what the page refers to and says."""

    VOID = ("meta", "img", "br", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.titles, self.words, self.tags, self.attributes = [], [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]
        self.titles += [value for name, value in attrs if name == "title"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["script"]:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def changed(run, root, name, frame):
    """A copy of the run in `root`, with another table, and figures and facts that say that they are of it."""
    shutil.copytree(run["root"] / "results", root / "results", dirs_exist_ok=True)
    tables.write(frame, root / paths.TABLES, name)
    tables.finish(root / paths.TABLES, {})
    of_tables(root)
    return root


def page_with(run, *entries):
    """The page of a run that has these figures, too, each of which looks the same."""
    folder = run["root"] / paths.FIGURES
    before = read_json(folder / "figures.json")
    write_json(folder / "figures.json", [*before, *entries])
    for entry in entries:
        (folder / f"{entry['name']}.svg").write_text(SVG)
    seal.seal_folder(folder)
    html = page(run)
    write_json(folder / "figures.json", before)
    for entry in entries:
        (folder / f"{entry['name']}.svg").unlink()
    seal.seal_folder(folder)
    return html
