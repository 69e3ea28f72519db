"""Pages for a real browser: that of a small made-up run, and the explorer alone with whatever data."""

import functools
import shutil
from string import Template

import jinja2
import pandas as pd

from helpers import explored, fake_results
from knowcost.aggregate import fact_by_fact, tables
from knowcost.aggregate.explore.job import explore
from knowcost.aggregate.job import aggregate
from knowcost.common import paths, seal
from knowcost.common.files import write_json
from knowcost.report import page, scripts
from knowcost.report.explored import LIMIT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONFIG = {"score": {"int8_activations": "batch"}, "study": {"tolerance": 0.05, "margin": 1}}
MODELS = {"bert": "encoder", "llama": "decoder"}  # two benchmarks each
LINKED = {"m": "llama", "b": "int8@overall"}  # what a point of the run's figure leads to
FIGURE = {
    "name": "one",
    "family": "decoder",
    "group": "",
    "title": "One",
    "caption": "One.",
    "paper": [],
    "linked": True,
    "picture": True,
}
POINT = (
    '<a xlink:href="#facts?m=llama&amp;a=dense&amp;b=int8%40overall"><rect x="20" y="20" width="30" height="30"/></a>'
)
SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="75pt" height="75pt"
 viewBox="0 0 75 75">{POINT}</svg>"""
ALONE = Template("""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>alone</title><style>$style</style></head>
<body><main><h1>Alone</h1>$explorer$more</main>$data<script>$script</script></body></html>""")


def chromium():
    """Where Chromium or Chrome is, by NAMES; None where none is installed: playwright may have one of its own."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def study(root):
    """A run's page in root, with its tables beside it. Returns the page's path."""
    cells, manifests, benchmarks = fake_results.make(root, MODELS, facts=60, levels=(20, 40))
    aggregate(cells, manifests, benchmarks, root / paths.TABLES, fake_results.SETTINGS)
    explore(cells, manifests, benchmarks, root / paths.TABLES, root / paths.EXPLORE)
    write_json(root / paths.FIGURES / "figures.json", [FIGURE])
    (root / paths.FIGURES / "one.svg").write_text(SVG)
    tables.finish(root / paths.FIGURES, {str(root / paths.TABLES): seal.check_folder(root / paths.TABLES)})
    given = {"sources": [], "timings": [], "calibrations": {}, "config": CONFIG}
    folders = {name: root / f"results/{name}" for name in ("tables", "figures", "explore")}
    page.write(page.Inputs(**folders, manifests=manifests, benchmarks=benchmarks, **given), root / paths.REPORT)
    return root / paths.REPORT


@functools.cache
def listed(page, model, variant):
    """What `knowcost facts` lists of the run that a page is of."""
    return fact_by_fact.facts(model, variant, folder=page.parents[1])


def counted(page, model, variant):
    """The counts of the table `facts`, as the explorer says them, over all benchmarks."""
    found = pd.read_csv(page.with_name("tables") / "facts.csv").query("model == @model and variant == @variant")
    kept, forgotten, gained, never, n = found[["kept", "forgotten", "gained", "never_known", "n"]].sum()
    return f"{n} facts: {kept} kept, {forgotten} forgotten, {gained} gained, {never} never known."


def alone(folder, index, parts, limit=LIMIT, more=""):
    """A page that has the explorer alone, under the policy of the run's page, and what lies beside it. limit: bytes of
    base64 in the page; more: HTML. Returns its path."""
    loader = jinja2.FileSystemLoader(scripts.TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    data, beside = explored.elements(index, parts, limit)
    script = scripts.script()
    path = folder / "page.html"
    path.write_text(
        ALONE.substitute(
            policy=scripts.policy(script),
            style="".join((scripts.TEMPLATES / name).read_text() for name in ("report.css", "explore.css")),
            explorer=environment.get_template("explore.html.j2").render(),
            more=more,
            data=data,
            script=script,
        )
    )
    for name, text in beside.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return path


class Explorer:
    """The explorer of a page in a browser, as a reader sees it."""

    def __init__(self, tab):
        self.tab = tab

    def open(self, path, fragment=""):
        """Go to a page, and wait until its facts are there."""
        self.tab.goto(path.as_uri() + fragment)
        self.tab.locator("#explore").scroll_into_view_if_needed()
        self.tab.locator(".explorer[aria-busy=false]").wait_for()
        return self

    @property
    def counts(self):
        return self.tab.inner_text(".explorer .counts")

    def choose(self, key, value):
        """Choose in a list, which is named by its key in the page's address."""
        self.tab.select_option(f'#explore [data-key="{key}"]', value)
        self.settle()

    def search(self, text):
        self.tab.fill('#explore [data-key="q"]', text)
        self.tab.wait_for_timeout(200)  # it waits for the end of the typing
        self.settle()

    def verdict(self, key):
        self.tab.click(f'[data-verdict="{key}"]')
        self.settle()

    def sort(self, column):
        self.tab.click(f'th[data-column="{column}"] button')
        self.settle()

    def settle(self):
        """Wait until what was asked last is shown."""
        self.tab.locator(".explorer[aria-busy=false]").wait_for()

    def column(self, name):
        """The texts of a column, of the rows that are in the document."""
        return self.tab.locator(f'.facts td[data-column="{name}"]').all_inner_texts()

    @property
    def rows(self):
        """How many facts are listed, whether or not they are in the document."""
        return int(self.tab.get_attribute(".facts", "aria-rowcount")) - 1

    @property
    def state(self):
        return self.tab.evaluate("knowcost.state.get()")
