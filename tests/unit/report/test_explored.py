"""Which facts the page holds itself, and which lie beside it."""

import base64
import hashlib
import json

from helpers import explored as helper

from knowcost.report.explored import escaped, explored

INDEX = {"version": 1, "benchmarks": [{"part": 0}, {"part": 3}], "models": [], "left_out": []}
PARTS = [b"x" * 300, b"y" * 30, b"z" * 60, b"w" * 90]  # 400, 40, 80 and 120 characters of base64


def test_texts_of_benchmarks_come_first_then_the_small_parts():
    everything = explored(INDEX, PARTS)
    assert (list(everything.parts), everything.beside, everything.megabytes_beside) == ([0, 1, 2, 3], {}, 0)
    assert list(explored(INDEX, PARTS, 640).parts) == [0, 1, 2, 3]
    assert list(explored(INDEX, PARTS, 639).parts) == [0, 1, 3]
    assert list(explored(INDEX, PARTS, 560).parts) == [0, 1, 3]
    assert list(explored(INDEX, PARTS, 519).parts) == [1, 2, 3]
    assert list(explored(INDEX, PARTS, 119).parts) == [1]
    assert list(explored(INDEX, PARTS, 0).parts) == []


def test_what_lies_beside_is_a_script_under_its_hash():
    placed = explored(INDEX, PARTS, 560)
    ((name, script),) = placed.beside.items()
    text = base64.b64encode(PARTS[2]).decode()
    assert script == f'knowcost.part(2, "{text}");\n'
    assert name == f"report.facts/2-{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    assert placed.megabytes_beside == len(script) / 1e6
    listed = json.loads(placed.index)["parts"]
    assert [each["script"] for each in listed] == [None, None, name, None]
    assert [each["size"] for each in listed] == [400, 40, 80, 120]


def test_no_text_ends_the_script_element():
    hostile = {"name": "</script><!--<script>\u2028é&amp;"}
    text = escaped(hostile)
    assert json.loads(text) == hostile
    assert not set("<>&\u2028") & set(text)
    assert text.isascii()


def test_the_elements_of_a_made_up_page_hold_the_parts():
    index, made = helper.made_up(30, 3)
    html, beside = helper.elements(index, made)
    assert not beside
    for place, part in enumerate(made):
        found = html.split(f'id="explore-part-{place}">')[1].split("<")[0]
        assert helper.read(found) == helper.read(part)
