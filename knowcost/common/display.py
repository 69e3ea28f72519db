"""Text that others wrote (facts, names, answers of servers) made fit for the eyes of people."""

import re
from collections.abc import Sequence

# All control characters but tab and line feed; halves of surrogate pairs, which no encoding holds; separators of lines
# that are none to those who read line by line; and what makes text be shown in another order than it is written in.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are the first four in full width


def visible(text: str) -> str:
    r"""`text` with characters that act on a terminal, or cannot be seen, as escapes such as `\x1b`."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def cell(text: str) -> str:
    """`text` as a cell for a spreadsheet: visible, and behind an apostrophe where it would be taken for a formula."""
    return f"'{visible(text)}" if text.startswith(_FORMULA) else visible(text)


def some(names: Sequence[str]) -> str:
    """The first few of names or places, as a message says them, and how many more there are."""
    rest = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[: 4 if rest else 5]) + rest


def size(count: int) -> str:
    """Bytes in words: "3.2 GB", "12.0 MB", "7 kB", in powers of ten."""
    scale, name = unit(count)
    return f"{count / scale:.{0 if name == 'kB' else 1}f} {name}"


def unit(most: float) -> tuple[float, str]:
    """The unit in which so many bytes, and fewer beside them, are said: its bytes and its name."""
    for scale, name in ((1e9, "GB"), (1e6, "MB")):
        if most >= 0.95 * scale:
            return scale, name
    return 1e3, "kB"
