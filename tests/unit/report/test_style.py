"""The page's colours: text is told from its ground, in the light and in the dark, and on paper."""

import re

import pytest

from knowcost.report import scripts

CSS = (scripts.TEMPLATES / "report.css").read_text(encoding="utf-8")
LIGHT, _, REST = CSS.partition("@media (prefers-color-scheme: dark)")
PARTS = {"light": LIGHT, "dark": REST.partition("* {")[0], "print": CSS.partition("@media print")[2]}
GROUNDS = {"ink": ("paper", "tint", "warn"), "soft": ("paper", "tint", "warn"), "accent": ("paper", "tint", "warn"),
           "good": ("paper", "good-tint"), "bad": ("bad-tint",), "same": ("same-tint",)}  # fmt: skip


def colours(part):
    """{name: #rrggbb} of the variables of a part; what it leaves out is as in the light."""
    found = [dict(re.findall(r"--([\w-]+): (#\w+)", text)) for text in (PARTS["light"], PARTS[part])]
    return {name: "#" + "".join(2 * each for each in value[1:]) if len(value) == 4 else value
            for name, value in (found[0] | found[1]).items()}  # fmt: skip


def luminance(colour):
    """As WCAG 2.2 defines it, of #rrggbb."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("part", PARTS)
def test_text_has_a_contrast_of_at_least_four_and_a_half(part):
    assert luminance("#ffffff") == 1 and luminance("#000000") == 0
    mine = colours(part)
    for text, grounds in GROUNDS.items():
        for ground in grounds:
            darker, lighter = sorted(luminance(mine[name]) for name in (text, ground))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (part, text, ground)


def test_texts_have_no_colour_but_the_variables():
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"(?<![\w-])color: (?!var\(|inherit)[^;]+", rules) == []
