"""docs/command-line.md beside the parser."""

import argparse
import re

from helpers import explained

from knowcost.__main__ import parser


def commands():
    """{command: its arguments, as people write them}."""
    [found] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return {
        name: {(action.option_strings or [action.metavar])[-1] for action in each._actions} - {"--help"}
        for name, each in found.choices.items()
    }


def test_every_command_and_option_is_documented_and_no_other(root):
    page = root / "docs/command-line.md"
    sections = re.findall(r"^## `knowcost (\w+)`\n(.*?)(?=^## |\Z)", page.read_text(), re.M | re.S)
    told = {name: set(re.findall(r"^\| `(\S+)` \|", text, re.M)) for name, text in sections}
    assert told == commands()
    assert len(explained.names(page)) == len(told)


def test_every_example_is_one_that_the_parser_takes(root):
    text = "".join(re.findall(r"^```bash\n(.*?)^```$", (root / "docs/command-line.md").read_text(), re.M | re.S))
    lines = [line.split(" > ")[0].split()[1:] for line in text.splitlines()]
    assert lines
    for line in lines:
        assert parser().parse_args(line).command == line[0]
