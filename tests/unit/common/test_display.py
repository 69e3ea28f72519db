"""What people look at: nothing acts on a terminal, nothing is computed by a spreadsheet."""

import unicodedata

import pytest

from knowcost.common import display

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # Unicode's classes of explicit formatting


def test_control_characters_and_bidi_overrides_are_escaped_and_nothing_else():
    """By the tables of Python's unicodedata, over the whole first plane."""
    for code in range(0x10000):
        char = chr(code)
        acts = unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in BIDI
        shown = display.visible(char)
        if acts and char not in "\t\n":
            assert shown.startswith("\\") and shown.isascii() and shown.isprintable(), hex(code)
        else:
            assert shown == char, hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\0b\x9b31m", r"a\x00b\x9b31m"),
        ("line\r\nnext\tcell", "line\\r\nnext\tcell"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udc80", r"\udc80"),
        ("Größe, 東京, שלום, 🙂", "Größe, 東京, שלום, 🙂"),
    ],
)
def test_escapes_are_those_of_python(text, shown):
    assert display.visible(text) == shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n", "\uff1d"])
def test_a_cell_that_a_spreadsheet_would_compute_is_text(start):
    """The characters that OWASP's page on CSV injection names."""
    assert display.cell(f"{start}1+1") == f"'{start}1+1"


def test_other_cells_stay_as_they_are():
    assert [display.cell(text) for text in ("", "a=b", "40%", "'=1")] == ["", "a=b", "40%", "'=1"]
    assert display.cell("\r=1") == r"'\r=1"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 kB"), (7_400, "7 kB"), (949_999, "950 kB"), (960_000, "1.0 MB"), (12e6, "12.0 MB"), (3.24e9, "3.2 GB")],
)
def test_bytes_in_words(count, words):
    assert display.size(count) == words
