"""How fast the page's explorer is: a page of made-up facts in a real browser, from disk.

    PYTHONPATH=tests python perf/page.py [--facts 50000] [--variants 100] [--changed 0.2] [--work FOLDER]

It takes Chromium (or Chrome, or playwright's own) and prints, of one model on one benchmark: the page's size, the time
to its first paint and until its facts are there, how long each kind of filter, order and search takes until it is
shown, frames while the table is scrolled from end to end, and what the tab's heap holds.
"""

import argparse
import tempfile
from pathlib import Path

from helpers import browsing, explored
from playwright.sync_api import sync_playwright

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# Each state is set, and waited for until the browser has painted what follows from it.
SHOWN = """async (changes) => {
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const box = document.querySelector(".explorer");
  const start = performance.now();
  knowcost.state.set(changes);
  while (box.ariaBusy === "true") await Promise.resolve();
  await painted();
  if (!document.querySelector(".trouble").hidden) throw new Error(document.querySelector(".trouble").textContent);
  return performance.now() - start;
}"""
READY = """() => new Promise((resolve) => {
  const box = document.querySelector(".explorer");
  const look = () => box.ariaBusy === "false" ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
SCROLLED = """() => new Promise((resolve) => {
  const box = document.querySelector(".facts");
  const times = [];
  const step = (time) => {
    times.push(time);
    box.scrollTop = (times.length / 120) * box.scrollHeight;
    if (times.length < 120) requestAnimationFrame(step);
    else resolve(times.slice(1).map((each, i) => each - times[i]));
  };
  requestAnimationFrame(step);
})"""
ASKED = {
    "a verdict": {"v": "forgotten"},
    "a relation": {"r": "relation 7"},
    "no relation": {"r": None, "v": None},
    "a text": {"q": "number 12"},
    "no text": {"q": None},
    "sorted by question": {"s": "question"},
    "sorted by what B said": {"s": "b"},
    "sorted by probability": {"s": "-value_b"},
    "sorted by how many forget it": {"s": "-forgotten"},
    "the same, other facts": {"v": "kept"},
    "a fact under all variants": {"f": "b0-77"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=50_000)
    parser.add_argument("--variants", type=int, default=100)
    parser.add_argument("--changed", type=float, default=0.2, help="share of facts that a variant answers otherwise")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    index, made = explored.made_up(given.facts, given.variants, forgotten=given.changed)
    path = browsing.alone(work, index, made, limit=10**9)
    print(f"{given.facts:,} facts x {given.variants} variants: {path.stat().st_size / 1e6:.1f} MB")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browsing.chromium(), args=["--no-sandbox"])
        print(f"{browser.browser_type.name} {browser.version}")
        slugs = [variant["slug"] for variant in index["models"][0]["variants"]]
        asked = {"another variant B": {"b": slugs[-1]}, "another variant A": {"a": slugs[1]}} | ASKED
        measure(browser.new_page(viewport={"width": 1280, "height": 900}), path.as_uri(), asked)
        browser.close()


def measure(tab, url, asked):
    tab.goto(url)
    tab.locator(".explorer[aria-busy=false]").wait_for(timeout=120_000)
    print(f"first paint {tab.evaluate(FIRST_PAINT):.0f} ms")
    tab.goto("about:blank")
    tab.goto(f"{url}#facts?v=forgotten")
    print(f"forgotten facts are there {tab.evaluate(READY):.0f} ms after the page was asked for")
    tab.evaluate("knowcost.state.set({v: null})")
    for words, changes in asked.items():
        print(f"{words}: {tab.evaluate(SHOWN, changes):.0f} ms")
    frames = sorted(tab.evaluate(SCROLLED))
    print(f"scrolled: a frame takes {frames[len(frames) // 2]:.0f} ms, the slowest {frames[-1]:.0f} ms")
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")
    print(f"heap {used['usedSize'] / 1e6:.0f} MB, and {used.get('backingStorageSize', 0) / 1e6:.0f} MB in arrays")


if __name__ == "__main__":
    main()
