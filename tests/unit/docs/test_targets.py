"""docs/targets.md beside the rules: every rule that says what it is in `--list-target-rules` is a target there."""

import re


def test_every_target_of_the_rules_is_told_and_no_other(root):
    files = [root / "Snakefile", *(root / "workflow/rules").glob("*.smk")]
    rules = {name for path in files for name in re.findall(r'^ *rule (\w+):\n +"""', path.read_text(), re.M)}
    by_name = (root / "docs/targets.md").read_text().split("\n## ")[1]
    told = set(re.findall(r"^\| `(\w+)` \|", by_name, re.M))
    assert rules == told and {"all", "score", "tables"} <= told
