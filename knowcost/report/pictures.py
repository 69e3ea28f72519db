"""The figures as the page holds them: images, or, where their points are links, as they are.

What stands in the page itself is part of it: it keeps its shapes, texts and links, and nothing that could act or reach
out; and the names within it begin with the figure's, since several stand in one page.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from knowcost.common.files import read_json
from knowcost.draw import AS_IN_PAPER, AS_IN_RECOVERY_PAPER, CLAIMS, FRONT, INDEX, WRITTEN, links
from knowcost.spec.families import LABELS

Figure = Mapping[str, Any]  # an entry of figures.json
KEPT = {"svg", "g", "defs", "clipPath", "path", "rect", "use", "a", "title"}  # what matplotlib makes, and links.named
STYLE = "stroke-linejoin:round;stroke-linecap:butt"  # what matplotlib's style element says of all shapes
_SIZE = re.compile(rb'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"')


@dataclass(frozen=True)
class Placed:
    """The figures by where they stand: the first of the page; on what models write; on the papers' findings; on all
    models; of each family its name, those that stand open, and those that are folded, [(words, figures)]; and those
    drawn as a paper has them, [(words, figures)]."""

    front: Sequence[Figure]
    written: Sequence[Figure]
    claims: Sequence[Figure]
    of_all: Sequence[Figure]
    families: Sequence[Mapping[str, Any]]
    of_papers: Sequence[tuple[str, Sequence[Figure]]]


def figures(folder: Path) -> list[dict[str, Any]]:
    """The entries of figures.json, each with its size in CSS pixels and its SVG file: as a data URI (source), or as it
    is (svg). A sentence in the place of a figure has neither."""
    entries = read_json(folder / INDEX)
    for entry in entries:
        if not entry["picture"]:
            entry |= {"source": "", "svg": ""}
            continue
        svg = (folder / f"{entry['name']}.svg").read_bytes()
        linked = entry["linked"]
        entry["svg"] = inlined(svg, entry["name"], entry["title"]) if linked else ""
        entry["source"] = "" if linked else "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
        size = _SIZE.search(svg)
        entry["width"], entry["height"] = (
            (round(float(points) * 4 / 3) for points in size.groups()) if size else ("", "")
        )
    return entries


def placed(entries: Iterable[Figure]) -> Placed:
    """Where each of `entries` stands."""
    named: dict[str, list[Figure]] = {FRONT: [], WRITTEN: [], CLAIMS: [], "": []}
    for entry in entries:
        named[next(start for start in named if entry["name"].startswith(start))].append(entry)
    own = [entry for entry in named[""] if entry["group"] not in (AS_IN_PAPER, AS_IN_RECOVERY_PAPER)]
    of_papers: dict[str, list[Figure]] = {}
    for entry in named[""]:
        if entry not in own:
            of_papers.setdefault(f"{entry['group']}, {LABELS[entry['family']]} models", []).append(entry)
    of_all = [entry for entry in own if not entry["family"]]
    return Placed(named[FRONT], named[WRITTEN], named[CLAIMS], of_all, _families(own), list(of_papers.items()))


def _families(entries: Iterable[Figure]) -> list[dict[str, Any]]:
    made: dict[str, dict[str, list[Figure]]] = {}
    for entry in entries:
        if entry["family"]:
            made.setdefault(entry["family"], {}).setdefault(entry["group"], []).append(entry)
    return [
        {"name": LABELS[family], "figures": groups.pop("", []), "groups": list(groups.items())}
        for family, groups in made.items()
    ]


def inlined(svg: bytes, name: str, title: str) -> Markup:
    """A figure as an element of the page. svg: the file; name: the figure's, which its ids begin with."""
    root = ElementTree.fromstring(svg)
    _clean(root, f"{name}-")
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"role": "group", "aria-label": title, "style": STYLE}  # an img would hide its links from readers
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: ElementTree.Element, start: str) -> None:
    """Keep of an element and what it holds what KEPT names, without namespaces and the layout of the file."""
    element.tag, element.tail = _plain(element.tag), None
    element.text = element.text if element.tag == "title" else None
    given, element.attrib = element.attrib, {}
    for attribute, value in given.items():
        key, text = _plain(attribute), " ".join(value.split())
        leads = text.startswith(links.START if element.tag == "a" else "#")
        if not key.startswith("on") and (leads or key != "href"):
            element.attrib[key] = _renamed(key, text, element.tag, start)
    for child in list(element):
        if _plain(child.tag) in KEPT:
            _clean(child, start)
        else:
            element.remove(child)


def _renamed(key: str, value: str, tag: str, start: str) -> str:
    """The value of an attribute in which names within the figure begin with `start`; only such are referred to."""
    if key == "id":
        return start + value
    if key == "href" and tag != "a":
        return f"#{start}{value[1:]}"
    return re.sub(r"url\((.)[^)]*", lambda found: f"url(#{start}{found[0][5:]}" if found[1] == "#" else "url(#", value)


def _plain(name: str) -> str:
    """A name of XML without its namespace."""
    return name.rpartition("}")[2]
