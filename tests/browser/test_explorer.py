"""The page's explorer in a real browser, beside the tables and the list of facts of the same run."""

import re
from collections import Counter

import pandas as pd
from helpers import browsing

PRUNED, INT8 = "magnitude-40@overall", "int8@overall"


def test_counts_are_those_of_the_tables(explorer, page):
    explorer.open(page)
    for model in browsing.MODELS:
        explorer.choose("m", model)
        for variant in (PRUNED, INT8, "magnitude-40@final"):
            explorer.choose("b", variant)
            assert explorer.counts == f"2 benchmarks: {browsing.counted(page, model, variant)}"


def test_filters_list_the_facts_that_the_command_lists(explorer, page):
    found = browsing.listed(page, "llama", PRUNED)
    explorer.open(page, f"#facts?m=llama&b={PRUNED}")
    for verdict in ("kept", "forgotten", "gained", "never known"):
        explorer.verdict(verdict.replace(" ", "_"))
        those = found[found["verdict"] == verdict]
        assert explorer.rows == len(those)
        assert explorer.tab.inner_text(".verdicts [aria-pressed=true]") == f"{verdict} {len(those)}"
    explorer.verdict("forgotten")
    names = ("benchmark", "answer", "b")
    seen = Counter(zip(*map(explorer.column, names), strict=True))  # of many facts only some are in the document
    those = found[found["verdict"] == "forgotten"][["benchmark", "answer", "prediction"]]
    assert seen and seen <= Counter(those.itertuples(index=False, name=None))
    explorer.choose("k", "trades")
    explorer.choose("r", "speaks")
    those = found.query("verdict == 'forgotten' and benchmark == 'trades' and relation == 'speaks'")
    assert explorer.rows == len(those) > 0
    assert sorted(explorer.column("answer")) == sorted(those["answer"])
    assert set(explorer.column("relation")) == {"speaks"} and set(explorer.column("verdict")) == {"forgotten"}
    assert explorer.counts.startswith("trades, speaks: 20 facts: ")
    explorer.tab.click(".clear")
    assert explorer.rows == len(found) and set(explorer.state) == {"m", "b"}


def test_what_one_variant_forgets_that_another_keeps(explorer, page):
    ours, theirs = (browsing.listed(page, "bert", variant).set_index("id")["correct"] for variant in (PRUNED, INT8))
    explorer.open(page)
    explorer.choose("b", PRUNED)
    explorer.choose("a", INT8)
    explorer.verdict("forgotten")
    assert explorer.rows == (theirs & ~ours).sum()
    explorer.verdict("gained")
    assert explorer.rows == (ours & ~theirs).sum() > 0
    explorer.verdict("never_known")
    assert explorer.rows == (~ours & ~theirs).sum()


def test_two_clicks_say_which_facts_one_forgets_that_the_other_keeps(explorer, page):
    ours, theirs = (browsing.listed(page, "bert", variant).set_index("id")["correct"] for variant in (PRUNED, INT8))
    tab = explorer.open(page).tab
    for key, variant in (("a", PRUNED), ("b", INT8)):
        tab.click(f'table[data-model="bert"] tr[data-variant="{variant}"] .picks [data-key="{key}"]')
    explorer.settle()
    assert explorer.state == {"m": "bert", "a": PRUNED, "b": INT8, "v": "forgotten"}
    assert explorer.rows == (ours & ~theirs).sum() > 0
    assert tab.locator(".facts").bounding_box()["y"] < 900


def test_a_point_of_a_figure_leads_to_its_facts(explorer, page):
    tab = explorer.open(page, "#facts?m=bert&q=nothing").tab
    tab.click("#figure-one rect")
    explorer.settle()
    assert explorer.counts == f"2 benchmarks: {browsing.counted(page, 'llama', INT8)}"
    assert explorer.state == {"m": "llama", "a": "dense", "b": INT8}


def test_a_budget_says_what_fits(explorer, page):
    sizes = pd.read_csv(page.with_name("tables") / "affordable.csv").query("model == 'bert'")
    loaded = sizes.set_index("variant")["loaded_bytes"]
    least = sizes.loc[sizes["loaded_bytes"] <= 300e6, "drop_points"].min()
    tab = explorer.open(page, "#facts?m=llama").tab
    best = tab.locator("#budget-best p").all_inner_texts()
    tab.fill("#budget-mb", "300")
    assert explorer.state == {"m": "llama", "mb": "300"}
    rows = tab.locator('table[data-model="bert"] tbody tr')
    verdicts = {each.get_attribute("data-variant"): each.get_attribute("data-verdict") for each in rows.all()}
    assert verdicts.keys() == set(loaded.index)
    large = {variant for variant, size in loaded.items() if size > 300e6}
    assert 0 < len(large) < len(loaded) and {verdicts[variant] for variant in large} == {"no"}
    said = tab.locator("#budget-best p").all_inner_texts()
    assert (
        said != best and said[0].startswith("bert: the best that fits is ") and f"loses {least:.1f} points" in said[0]
    )
    tab.focus("#budget-slider")
    tab.keyboard.press("End")
    assert "mb" not in explorer.state and tab.locator("#budget-best p").all_inner_texts() == best


def test_text_is_searched_in_what_was_asked_right_and_said(explorer, page):
    found = browsing.listed(page, "llama", PRUNED)
    explorer.open(page, f"#facts?m=llama&b={PRUNED}")
    explorer.search("ANSWER4")
    those = found["answer"].str.contains("answer4") | (found["prediction"] == "answer4")
    assert explorer.rows == those.sum() > 0
    assert f"“ANSWER4”: {those.sum()} facts" in explorer.counts
    explorer.search("nobody said this")
    assert explorer.rows == 0 and explorer.column("question") == []
    explorer.search("")
    assert explorer.rows == len(found)


def test_any_column_sorts_both_ways(explorer, page):
    explorer.open(page, f"#facts?m=bert&b={PRUNED}&k=people")
    assert explorer.column("verdict")[0] == "forgotten"
    explorer.sort("answer")
    up = explorer.column("answer")
    explorer.sort("answer")
    down = explorer.column("answer")
    assert up[0] == "answer0" and up == sorted(up) and down[0] == "answer4" and down == sorted(down, reverse=True)
    assert explorer.tab.get_attribute('th[data-column="answer"]', "aria-sort") == "descending"
    explorer.sort("value_a")
    ranks = [int(text.removeprefix("rank ")) for text in explorer.column("value_a")]
    assert ranks == sorted(ranks) and ranks[0] == 1
    explorer.sort("value_a")
    assert int(explorer.column("value_a")[0].removeprefix("rank ")) > 1
    explorer.sort("value_b")
    explorer.sort("value_b")  # few are known of the variant: these come first either way
    assert explorer.column("value_b")[0] != ""
    for column in ("question", "a", "b", "verdict", "forgotten", "relation", "benchmark"):
        explorer.sort(column)
        assert explorer.state["s"] == column and explorer.rows == 60


def test_how_many_variants_forget_a_fact(explorer, page):
    variants = explorer.open(page, "#facts?m=bert&s=-forgotten&k=places").tab.locator('#explore [data-key="b"] option')
    slugs = [each.get_attribute("value") for each in variants.all()]
    lost = sum(
        (
            browsing.listed(page, "bert", slug).query("benchmark == 'places'").set_index("id")["verdict"] == "forgotten"
        ).astype(int)
        for slug in slugs[1:]
    )
    counts = [int(text) for text in explorer.column("forgotten")]
    assert counts[:10] == sorted(lost, reverse=True)[:10] and counts[0] > 1


def test_a_chosen_fact_is_shown_under_every_variant(explorer, page):
    tab = explorer.open(page, f"#facts?m=bert&b={PRUNED}&v=forgotten&k=people").tab
    tab.click(".facts tr[data-place='1'] td")
    id_ = explorer.state["f"]
    assert id_ in tab.inner_text(".opened dl")
    lines = [[*map(str.strip, line.split("\t"))] for line in tab.locator(".opened tbody tr").all_inner_texts()]
    slugs = [each.get_attribute("value") for each in tab.locator('#explore [data-key="b"] option').all()]
    assert len(lines) == len(slugs) > 10
    dense = None
    for slug, (_, right, verdict, said, value, _) in zip(slugs, lines, strict=True):
        row = browsing.listed(page, "bert", slug).query("benchmark == 'people' and id == @id_").iloc[0]
        dense = row if slug == "dense" else dense
        assert right == ("right" if row["correct"] else "wrong")
        assert verdict == ("" if slug == "dense" else row["verdict"])
        told = slug == "dense" or row["correct"] != dense["correct"]
        assert value == (f"rank {row['rank']:.0f}" if told else "") and bool(said) == told
    assert tab.evaluate("document.activeElement.className") == "opened"
    tab.keyboard.press("Escape")
    explorer.settle()
    assert tab.locator(".opened").is_hidden() and "f" not in explorer.state


def test_keyboard_alone_finds_and_opens_a_fact(explorer, page):
    tab = explorer.open(page, "#facts?m=llama").tab
    tab.focus('[data-verdict="never_known"]')
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "facts"
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        tab.keyboard.press(key)
    assert tab.get_attribute(".facts", "aria-activedescendant") == "explore-row-1"
    tab.keyboard.press("End")
    assert tab.get_attribute(".facts", "aria-activedescendant") == "explore-row-119"
    last = tab.inner_text("#explore-row-119 td:first-child")
    tab.keyboard.press("Enter")
    explorer.settle()
    assert tab.inner_text(".opened h3") == last
    assert tab.evaluate("document.activeElement.className") == "opened"


def test_every_control_has_a_name(explorer, page):
    tab = explorer.open(page, "#facts?m=llama").tab
    tree = tab.locator("#explore").aria_snapshot()
    for name in ("model", "A, held against", "B, looked at", "benchmark", "relation"):
        assert f'combobox "{name}"' in tree
    assert 'searchbox "text"' in tree and re.search(r'button "forgotten \d+"', tree)
    assert re.search(r'status: "?2 benchmarks: 120 facts', tree) and 'columnheader "verdict ▲"' in tree


def test_the_address_holds_what_is_shown(explorer, page, tab):
    explorer.open(page)
    explorer.choose("m", "llama")
    explorer.choose("b", PRUNED)
    explorer.choose("a", INT8)
    explorer.choose("k", "trades")
    explorer.verdict("kept")
    explorer.search("answer1")
    explorer.sort("forgotten")
    explorer.tab.click(".facts tr[data-place='0'] td")
    state = explorer.state
    assert state.keys() == {"m", "a", "b", "k", "v", "q", "s", "f"}
    before = explorer.counts, explorer.column("question"), explorer.tab.inner_text(".opened")
    explorer.tab.reload()
    explorer.tab.wait_for_selector(".opened h3:not(:empty)")
    assert (explorer.counts, explorer.column("question"), explorer.tab.inner_text(".opened")) == before
    assert explorer.state == state
    other = browsing.Explorer(tab()).open(page, explorer.tab.evaluate("location.hash"))
    assert (other.counts, other.column("question"), other.tab.inner_text(".opened")) == before


def test_back_leads_to_what_was_shown_before(explorer, page):
    tab = explorer.open(page, f"#facts?m=bert&b={PRUNED}").tab
    tab.click(".facts tr[data-place='0'] td")
    tab.click('.opened a[href*="int8%40overall"] >> nth=0')
    assert explorer.state["b"] == INT8
    tab.go_back()
    tab.go_back()
    explorer.settle()
    assert explorer.state == {"m": "bert", "b": PRUNED} and tab.locator(".opened").is_hidden()
    assert explorer.counts == f"2 benchmarks: {browsing.counted(page, 'bert', PRUNED)}"
    tab.click('a[href="#tables"] >> nth=0')
    assert explorer.state == {"m": "bert", "b": PRUNED}


def test_names_that_are_not_here_are_said(explorer, page):
    for fragment, said in (
        ("m=gpt", "There is no model “gpt” among these facts."),
        ("m=bert&b=none", "There is no variant of bert “none” among these facts."),
        ("m=bert&k=sense", "bert was not asked a benchmark “sense”."),
        ("m=bert&f=none", "There is no fact “none” among these."),
    ):
        explorer.tab.goto(f"{page.as_uri()}#facts?{fragment}")
        explorer.tab.get_by_role("alert").get_by_text(said).wait_for()
    explorer.tab.click(".clear")
    assert explorer.tab.locator(".trouble").is_hidden()


def test_an_address_of_another_study_leaves_all_choices(explorer, page):
    tab = explorer.tab
    explorer.open(page, "#facts?m=gpt&a=x&b=y&k=z&q=w")
    assert tab.locator("#explore select").evaluate_all("all => all.map((each) => each.value)") == [""] * 5
    explorer.choose("m", "llama")
    assert explorer.state == {"m": "llama", "q": "w"}
    explorer.open(page, f"#facts?m=llama&b=none&k=people&a={INT8}")
    assert tab.input_value('#explore [data-key="a"]') == INT8 and tab.input_value('#explore [data-key="b"]') == ""
    explorer.choose("b", PRUNED)
    assert "llama was not asked a benchmark “people”" in tab.inner_text(".trouble")
    tab.click(".clear")
    explorer.settle()
    first = tab.evaluate("knowcost.facts.index.models[0].name")
    assert explorer.state == {} and tab.input_value('#explore [data-key="m"]') == first
    assert explorer.counts.startswith("2 benchmarks: 120 facts")


def test_the_page_without_scripts_has_all_but_the_explorer(tab, page):
    plain = tab(java_script_enabled=False)
    plain.goto(page.as_uri())
    assert plain.locator("#answer li").count() > 0 and plain.locator("#tables table").count() > 0
    assert plain.locator("#explore noscript").is_visible() and plain.locator(".explorer").is_hidden()
    assert "knowcost facts MODEL VARIANT" in plain.inner_text("#explore")


def test_narrow_dark_and_printed(tab, page):
    narrow = tab(viewport={"width": 390, "height": 800}, color_scheme="dark")
    explorer = browsing.Explorer(narrow).open(page, f"#facts?m=bert&b={PRUNED}&v=forgotten")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    first = narrow.locator(".facts tr[data-place='0']")
    assert first.bounding_box()["width"] <= 390 and first.bounding_box()["height"] > 80
    narrow.locator(".facts").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    explorer.settle()
    assert narrow.locator(f".facts tr[data-place='{explorer.rows - 1}']").is_visible()
    narrow.emulate_media(media="print")
    assert (
        narrow.locator(".controls").is_hidden() and first.count() + narrow.locator(".facts tr[data-place]").count() < 60
    )
    assert narrow.locator(".facts .space").first.is_hidden()
