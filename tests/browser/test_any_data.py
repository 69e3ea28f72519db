"""The explorer alone, with data that mean harm, are many, are damaged, or lie beside the page."""

import re
from urllib.parse import quote

import numpy as np
from helpers import browsing, explored

from knowcost.aggregate.explore import parts

HARM = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<!--<script>",
    "javascript:alert(3)",
    '"><svg onload=alert(4)>',
    "{{ 7 * 7 }}${7 * 7}`\\",
    "<a href='javascript:alert(5)'>x</a>",
    "__proto__",
)
BESIDE = '<p><a id="row" href="#facts?m=model-0&amp;b=magnitude-90%40overall&amp;v=forgotten">a row</a></p>'
LINK = "#facts?m=model-0&amp;a=dense&amp;b=magnitude-10%40overall"
POINT = f'<a xlink:href="{LINK}"><circle id="point" cx="20" cy="20" r="15"/></a>'
FIGURE = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40">{POINT}</svg>'


def harmful():
    """(index, parts) of one benchmark and model, every text and name of which is one of HARM."""
    texts = parts.Texts(HARM, HARM, HARM, HARM)
    words = np.array([*HARM[1:], HARM[0]], object)
    everything, right = np.arange(len(HARM)), np.ones(len(HARM), bool)
    said = [parts.Said(0, right, everything, np.array(HARM, object), np.ones(len(HARM))),
            parts.Said(1, ~right, everything, words, 1 / (2 + everything))]  # fmt: skip
    made = [parts.of_benchmark(texts), parts.of_model(None, np.array(HARM, object), said, parts.PROBABILITY)]
    variants = [{"slug": slug, "words": slug, "bytes": None} for slug in HARM[:2]]
    model = {"name": HARM[0], "family": HARM[1], "variants": variants, "asked": [{"benchmark": 0, "part": 1}]}
    benchmark = {"name": HARM[4], "kind": HARM[3], "facts": len(HARM), "part": 0}
    return {"version": 1, "benchmarks": [benchmark], "models": [model], "left_out": list(HARM)}, made


def test_texts_that_mean_harm_are_text(explorer, tmp_path):
    explorer.open(browsing.alone(tmp_path, *harmful()))
    assert explorer.counts == f"{HARM[4]}: 8 facts: 0 kept, 8 forgotten, 0 gained, 0 never known."
    for column in ("question", "answer", "a", "relation"):
        assert explorer.column(column) == list(HARM)
    assert explorer.column("b") == [*HARM[1:], HARM[0]]
    for place, text in enumerate(HARM):
        explorer.tab.click(f".facts tr[data-place='{place}'] td")
        assert explorer.tab.inner_text(".opened h3") == text and explorer.state["f"] == text
        explorer.tab.keyboard.press("Escape")
    for text in HARM[:4]:
        explorer.choose("r", text)
        explorer.search(text)
        assert explorer.rows >= 1 and text in explorer.column("question")
        explorer.tab.click(".clear")
    assert explorer.tab.locator("#explore :is(img, svg, script, a[href^=javascript])").count() == 0


def test_an_address_that_means_harm_does_none(explorer, tmp_path):
    path = browsing.alone(tmp_path, *explored.made_up(20, 3))
    for key in ("m", "a", "b", "k", "r", "v", "q", "s", "f"):
        for text in (HARM[1], HARM[7]):
            explorer.open(path, f"#facts?{key}={quote(text)}")
            assert explorer.state == {key: text}
            assert explorer.tab.locator("#explore :is(img, svg, script)").count() == 0


def test_what_lies_beside_the_page_is_loaded_from_disk(explorer, tmp_path):
    index, made = explored.made_up(200, 4)
    explorer.open(browsing.alone(tmp_path, index, made, limit=0))
    assert explorer.counts.startswith("bench-0: 200 facts: ") and len(list((tmp_path / "report.facts").iterdir())) == 2
    beside = explorer.counts, explorer.column("question"), explorer.column("b")
    (tmp_path / "whole").mkdir()
    explorer.open(browsing.alone(tmp_path / "whole", index, made))
    assert (explorer.counts, explorer.column("question"), explorer.column("b")) == beside


def test_what_is_missing_or_damaged_is_said(tab, tmp_path):
    page = tab()
    path = browsing.alone(tmp_path, *explored.made_up(50, 3, benchmarks=2), limit=0)
    _, *gone = sorted((tmp_path / "report.facts").iterdir())
    kept = gone[-1].read_text()
    gone[-1].unlink()
    page.goto(f"{path.as_uri()}#facts?k=bench-1")
    page.get_by_role("alert").get_by_text(f"report.facts/{gone[-1].name} is missing").wait_for()
    assert page.locator(".found").is_hidden()
    page.log.clear()  # the browser itself says that the file is not there
    gone[-1].write_text(kept)
    browsing.Explorer(page).choose("k", "bench-0")
    assert page.locator(".trouble").is_hidden() and page.inner_text(".explorer .counts").startswith("bench-0: 50 facts")
    browsing.Explorer(page).choose("k", "bench-1")
    assert page.inner_text(".explorer .counts").startswith("bench-1: 50 facts")
    path.write_text(re.sub(r"H4sI", "AAAA", browsing.alone(tmp_path, *explored.made_up(50, 3)).read_text()))
    page.goto("about:blank")
    page.goto(f"{path.as_uri()}#facts?k=bench-0")
    page.get_by_role("alert").get_by_text("of the facts is damaged: it cannot be unpacked.").wait_for()


def test_an_old_browser_is_told(tab, tmp_path):
    page = tab()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(browsing.alone(tmp_path, *explored.made_up(5, 2)).as_uri() + "#facts?m=model-0")
    page.get_by_role("alert").get_by_text("This browser cannot unpack the facts").wait_for()


def test_rows_and_points_lead_to_facts(explorer, tmp_path):
    path = browsing.alone(tmp_path, *explored.made_up(40, 5), more=BESIDE + FIGURE + "<p style='height:200vh'></p>")
    tab = explorer.open(path, "#facts?mb=8&points=2&q=nothing").tab
    assert explorer.rows == 0
    for id_, expected in (("row", {"b": "magnitude-90@overall", "v": "forgotten"}),
                          ("point", {"a": "dense", "b": "magnitude-10@overall"})):  # fmt: skip
        tab.click(f"#{id_}")
        explorer.settle()
        assert explorer.state == {"m": "model-0", "mb": "8", "points": "2"} | expected
        assert tab.input_value('#explore [data-key="b"]') == expected["b"] and explorer.rows > 0
        assert 0 <= tab.locator("#explore").bounding_box()["y"] < 100
    tab.go_back()
    explorer.settle()
    assert explorer.state["b"] == "magnitude-90@overall"


def test_of_many_facts_only_those_that_are_seen_are_in_the_document(explorer, tmp_path):
    tab = explorer.open(browsing.alone(tmp_path, *explored.made_up(5000, 3, models=2)), "#facts?s=question").tab
    assert explorer.rows == 5000 and tab.locator(".facts tr").count() < 60
    for share in (0.5, 1):
        tab.locator(".facts").evaluate("(box, share) => box.scrollTo(0, share * box.scrollHeight)", share)
        tab.locator(f".facts tr[data-place='{4999 if share == 1 else 2500}']").wait_for()
        assert tab.locator(".facts tr").count() < 60
    explorer.choose("m", "model-1")
    assert explorer.tab.locator(".facts").evaluate("box => box.scrollTop") == 0


def test_texts_and_addresses_of_any_length_have_room(explorer, tmp_path):
    index, made = explored.made_up(4, 2, forgotten=1)
    long = "x" * 50_000
    texts = parts.Texts([f"{place}{long}" for place in range(4)], [long] * 4, [long] * 4, [long] * 4)
    path = browsing.alone(tmp_path, index, [parts.of_benchmark(texts), made[1]])
    tab = explorer.open(path, f"#facts?q={long}&f=0{long}").tab
    assert explorer.rows == 4 and all(300 <= len(text) < 1000 for text in explorer.column("question"))
    assert tab.inner_text(".opened h3") == long and tab.locator(".opened").bounding_box()["height"] < 2000
    tab.goto("about:blank")
    assert "There is no fact" in explorer.open(path, f"#facts?f={long}").tab.inner_text(".trouble")
    tab.goto("about:blank")
    assert "There is no model" in explorer.open(path, f"#facts?m={long}").tab.inner_text(".trouble")
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
