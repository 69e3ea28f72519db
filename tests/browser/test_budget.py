"""The page's budget in a real browser, beside the tables' own rule: whatever budget is chosen on the page, it says of
every variant what the page of a study with that budget says."""

from math import nan

import jinja2
import pandas as pd
from helpers import browsing, explored

from knowcost.aggregate.affordable import Budget, judge
from knowcost.aggregate.tables import describe
from knowcost.report import affordable, scripts

DENSE = ("dense", 12e6, 12e6, 0.0, 0.0, 0.0)
MODELS = {  # [(slug, real and loaded bytes, points lost, their interval)]
    "first": [
        DENSE,
        ("int8@overall", 4e6, 4e6, 0.2, -0.4, 0.8),
        ("gptq-4bit@overall", 2.2e6, 2.2e6, 1.5, 0.4, 2.0),
        ("rtn-4bit@overall", 2.2e6, 2.2e6, 1.4, 0.6, 2.2),
        ("gptq-3bit@overall", 1.7e6, 1.7e6, 6.0, 4.5, 7.5),
        ("magnitude-50@overall", 7e6, 12e6, 1.9, 1.1, 2.7),
        ("magnitude-20@overall", 9e6, 12e6, 0.1, nan, nan),
        ("brought-mine", nan, nan, 0.1, -0.1, 0.3),
        (
            "magnitude-30@overall",
            12_345_678_001,
            12_345_678_001,
            0.5,
            0.1,
            2 + 4e-13,
        ),
        ("magnitude-40@overall", 12_345_678_000, 12_345_678_000, 0.5, 1 / 3, 1 / 3),
    ],
    "second": [DENSE, ("gptq-3bit@overall", 1.7e6, 1.7e6, 6.0, 4.5, 7.5)],
}
BUDGETS = [
    (8e6, 2.0),
    (None, 2.0),
    (8e6, 1.0),
    (4e6, 0.8),
    (2.2e6, 100.0),
    (1e6, 2.0),
    (None, 0.0),
    (12_345_678_000, 1 / 3),
]


def section(size, points):
    """What the page of a study with this budget has."""
    rows = []
    for model, variants in MODELS.items():
        for slug, real, loaded, *lost in variants:
            verdict, why = judge(loaded, (lost[1], lost[2]), Budget(size, points))
            row = dict(zip(("drop_points", "drop_low", "drop_high"), lost, strict=True))
            row |= {"model": model, "real_bytes": real, "loaded_bytes": loaded, "bits_per_fact_kept": nan, "format": ""}
            row |= {"verdict": verdict, "why": why, "size_budget": size or nan, "points_budget": points}
            row |= {"worst_benchmark": "", **dict.fromkeys(("worst_points", "worst_low", "worst_high"), nan)}
            rows.append(describe(slug) | row | {"seconds_per_1000_tokens": nan})
    return affordable.section(pd.DataFrame(rows))


def opened(tab, folder, size, points):
    loader = jinja2.FileSystemLoader(scripts.TEMPLATES)
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("affordable.html.j2")
    more = template.render(affordable=section(size, points))
    made = tab()
    made.goto(browsing.alone(folder, *explored.made_up(3, 2), more=more).as_uri())
    return made


def shown(page):
    """Of each model its summary, and every row's variant, verdict, style and why, in their order."""
    return page.locator("details").evaluate_all("""all => all.map((model) => {
        const rows = [...model.querySelectorAll("tbody tr")].map((row) => {
            const { firstChild, lastChild } = row.cells[0];
            return [row.dataset.variant, firstChild.textContent, firstChild.className, lastChild.textContent];
        });
        return [model.querySelector("summary").textContent, ...rows];
    })""")


def expected(size, points):
    return [
        [f"{model.name}: {model.smallest}",
         *([line.variant, line.verdict, f"verdict {line.style}", line.why] for line in model.lines)]
        for model in section(size, points).models
    ]  # fmt: skip


def test_a_budget_on_the_page_says_what_the_tables_say(tab, tmp_path):
    page = opened(tab, tmp_path, 5e6, 3.0)
    assert shown(page) == expected(5e6, 3.0)
    verdicts = set()
    for size, points in BUDGETS:
        page.evaluate("knowcost.state.set", {"mb": size / 1e6 if size else "any", "points": points})
        found = shown(page)
        assert found == expected(size, points)
        verdicts |= {line[1] for model in found for line in model[1:]}
    assert verdicts == {"yes", "no", "cannot tell"}


def test_the_best_that_fits_is_of_known_size_and_loses_least(tab, tmp_path):
    page = opened(tab, tmp_path, 5e6, 1.0)
    assert page.locator("#budget-best p").all_inner_texts() == [
        "first: the best that fits is everything in int8, 4.0 MB loaded; it loses 0.2 points "
        "(\N{MINUS SIGN}0.4 to 0.8); within the budget: yes.",
        "second: the best that fits is everything in 3 bit (GPTQ), 1.7 MB loaded; it loses 6.0 points (4.5 to 7.5); "
        "within the budget: no.",
    ]
    page.fill("#budget-mb", "1")
    nothing = [f"{model}: of nothing that fits is the loss known." for model in MODELS]
    assert page.locator("#budget-best p").all_inner_texts() == nothing
    page.locator("tr[data-variant='gptq-3bit@overall']").last.evaluate("row => { row.dataset.mean = ''; }")
    page.fill("#budget-mb", "2")
    assert page.locator("#budget-best p").last.inner_text() == nothing[1]


def test_what_only_acts_is_not_printed(tab, tmp_path):
    page = opened(tab, tmp_path, 5e6, 1.0)
    assert page.locator(".picks").first.is_visible() and page.locator("#budget-slider").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".picks").first.is_hidden() and page.locator("#budget-slider").is_hidden()
    assert page.locator("#budget-mb").is_visible()


def test_a_configured_budget_loses_no_digit_on_its_way_to_the_page(tab, tmp_path):
    size, points = BUDGETS[-1]
    page = opened(tab, tmp_path, size, points)
    assert shown(page) == expected(size, points)
    assert (page.input_value("#budget-mb"), page.input_value("#budget-points")) == ("12345.678", repr(points))


STINGY = """() => {
    const real = history.replaceState.bind(history);
    let left = 100;
    history.replaceState = (...given) => {
        if (!left--) throw new DOMException("more than 100 times in 10 seconds", "SecurityError");
        real(...given);
    };
}"""


def test_a_slider_that_is_dragged_writes_few_addresses(tab, tmp_path):
    """Of which browsers refuse more than a hundred in a few seconds."""
    page = opened(tab, tmp_path, None, 1.0)
    page.evaluate(STINGY)
    page.locator("#budget-slider").evaluate("""slider => {
        for (let place = 1000; place > 100; place -= 2) {
            slider.value = place;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }
    }""")
    mb = page.input_value("#budget-mb")
    assert float(mb) < 100 and page.evaluate("knowcost.state.get()") == {"mb": mb}
    page.wait_for_function("mb => location.hash === `#facts?mb=${mb}`", arg=mb)


def test_what_was_chosen_before_a_link_is_there_when_one_comes_back(tab, tmp_path):
    page = opened(tab, tmp_path, None, 1.0)
    page.evaluate("knowcost.state.set({ points: 7 }); knowcost.state.set({ v: 'kept' }, true)")
    assert page.evaluate("location.hash") == "#facts?v=kept&points=7"
    page.go_back()
    page.wait_for_function("location.hash === '#facts?points=7'")
    page.wait_for_function('JSON.stringify(knowcost.state.get()) === \'{"points":"7"}\'')
