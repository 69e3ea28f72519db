"""Figures on the page: where they stand, and what of a file stands in the page itself."""

import re
from html.parser import HTMLParser

from knowcost.report import pictures

SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="75pt" height="150pt" viewBox="0 0 75 150"
     xmlns="http://www.w3.org/2000/svg" version="1.1" onload="x()">
 <metadata><script>x()</script></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="axes_1">
  <defs><path id="m1" d="M 0 0
L 0 3
" style="stroke: #000000"/></defs>
  <a xlink:href="#facts?m=x&amp;a=dense&amp;b=int8%40overall"><title>x: &lt;/title&gt;&lt;script&gt;</title>
   <use xlink:href="#m1" clip-path="url(#p1)" onclick="x()"/></a>
  <a xlink:href="javascript:x()"><path d="M 1 1" style="fill: url(http://e.org/x)"/></a>
  <use xlink:href="http://e.org/y.svg#m1"/>
  <foreignObject><iframe/></foreignObject><script>x()</script><image xlink:href="http://e.org/z.png"/>
  <clipPath id="p1"><rect x="1" y="2" width="3" height="4"/></clipPath>
 </g>
</svg>
"""


class Elements(HTMLParser):
    """[(tag, attributes)] of a text, and what is said between tags."""

    def __init__(self, text):
        super().__init__()
        self.found, self.said = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said.append(data)


def made(name="one", title='A "title" <b>'):
    return Elements(str(pictures.inlined(SVG.encode(), name, title)))


def test_of_an_inlined_figure_shapes_and_links_to_facts_stay_and_nothing_that_acts():
    parsed = made()
    tags = ["svg", "defs", "g", "defs", "path", "a", "title", "use", "a", "path", "use", "clippath", "rect"]
    assert [tag for tag, _ in parsed.found] == tags
    attributes = [attrs for _, attrs in parsed.found]
    assert not any(name.startswith(("on", "xlink", "xmlns")) for each in attributes for name in each)
    links = [attrs.get("href") for tag, attrs in parsed.found if tag == "a"]
    assert links == ["#facts?m=x&a=dense&b=int8%40overall", None]
    assert "x: </title><script>" in "".join(parsed.said)
    assert not re.search("e\\.org|javascript|x\\(\\)", str(attributes) + "".join(parsed.said))


def test_an_inlined_figure_has_a_name_and_scales():
    root = made().found[0][1]
    assert (root["role"], root["aria-label"], root["viewbox"]) == ("group", 'A "title" <b>', "0 0 75 150")
    assert not {"width", "height"} & set(root)


def test_names_within_inlined_figures_are_their_own():
    one, two = made("one"), made("two")
    ids = [attrs["id"] for each in (one, two) for _, attrs in each.found if "id" in attrs]
    assert ids == ["one-axes_1", "one-m1", "one-p1", "two-axes_1", "two-m1", "two-p1"]
    uses = [attrs for tag, attrs in two.found if tag == "use"]
    assert uses[0] == {"href": "#two-m1", "clip-path": "url(#two-p1)"} and uses[1] == {}


def test_figures_have_their_places():
    names = ["claims", "front_x", "one_scale", "written_y", "pruning_decoder", "cost", "front_z", "each"]
    families = {
        "pruning_decoder": ("decoder", ""),
        "cost": ("decoder", "as in the papers"),
        "each": ("decoder", "model by model"),
    }
    entries = [
        dict(zip(("name", "family", "group"), (name, *families.get(name, ("", ""))), strict=True)) for name in names
    ]
    placed = pictures.placed(entries)
    found = [[entry["name"] for entry in part] for part in (placed.front, placed.written, placed.claims, placed.of_all)]
    assert found == [["front_x", "front_z"], ["written_y"], ["claims"], ["one_scale"]]
    (family,) = placed.families
    assert (family["name"], family["figures"]) == ("decoder", [entries[4]])
    assert family["groups"] == [("model by model", [entries[7]])]
    assert placed.of_papers == [("as in the papers, decoder models", [entries[5]])]
