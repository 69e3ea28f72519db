"""Links to facts: what a point of a figure or a row of a table leads to.

They are fragments of the page's own address, so that they need no script, and a finding can be sent as an address. The
page's script reads them (report/templates/state.js).
"""

import re
from html import escape, unescape
from urllib.parse import parse_qs, urlencode

from knowcost.recover.wording import in_words
from knowcost.spec.variants import DENSE

START = "#facts?"
_LINK = re.compile(rf'<a xlink:href="({re.escape(START)}[^"]*)" target="_blank">')  # as matplotlib writes it


def facts(model: str, variant: str, than: str = DENSE, **more: str) -> str:
    """The link to what a variant of a model answers beside another one, "#facts?m=...&a=...&b=...".

    more: other keys of the fragment: k (benchmark), r (relation), v (verdict: kept, forgotten, gained, never_known),
    q (text), s (column to sort by), f (id of a fact), mb and points (the budget).
    """
    return START + urlencode({"m": model, "a": than, "b": variant, **more})


def in_words_of(link: str) -> str:
    """Where a link leads, as its name says: "bert-base: attention in int8"."""
    keys = parse_qs(link.removeprefix(START))
    words = f"{keys['m'][0]}: {in_words(keys['b'][0])}"
    return words + (f", on {keys['k'][0]}" if "k" in keys else "")


def named(svg: str) -> str:
    """An SVG file whose links have names, which a mouse and a screen reader find, and stay in their page."""
    return _LINK.sub(lambda found: f'<a xlink:href="{found[1]}"><title>{_title(found[1])}</title>', svg)


def _title(href: str) -> str:
    return escape(in_words_of(unescape(href)))
