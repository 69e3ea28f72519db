"""Links to facts: what a point of a figure or a row of a table leads to.

They are fragments of the page's own address, so that they need no script, and a finding can be sent as an address. The
page's script reads them (report/templates/state.js).
"""

from urllib.parse import urlencode

from knowcost.spec.variants import DENSE

START = "#facts?"


def facts(model: str, variant: str, than: str = DENSE, **more: str) -> str:
    """The link to what a variant of a model answers beside another one, "#facts?m=...&a=...&b=...".

    more: other keys of the fragment: k (benchmark), r (relation), v (verdict: kept, forgotten, gained, never_known),
    q (text), s (column to sort by), f (id of a fact), mb and points (the budget).
    """
    return START + urlencode({"m": model, "a": than, "b": variant, **more})
