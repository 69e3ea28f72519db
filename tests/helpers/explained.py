"""What the pages of the documentation explain, name by name, in their tables."""

import re


def names(page):
    """{title of a section: the names in the first column of its tables}."""
    found = {}
    for section in page.read_text().split("\n## ")[1:]:
        firsts = re.findall(r"^\| (`[^|]+) \| \S", section, re.M)
        found[section.split("\n")[0]] = {name for first in firsts for name in re.findall(r"`(\w+)`", first)}
    return found
