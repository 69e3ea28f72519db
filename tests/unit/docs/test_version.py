"""One version: of the package, of its citation, and the newest of the changelog."""

import datetime
import re

import pytest
import yaml

import knowcost


@pytest.fixture(scope="module")
def released(root):
    """[(version, date)] of the changelog, from the top."""
    return re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", (root / "CHANGELOG.md").read_text(), re.M)


def test_changelog_citation_and_package_agree(root, released):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert released[0] == (knowcost.__version__, citation["date-released"].isoformat())
    assert citation["version"] == knowcost.__version__


def test_changelog_is_in_order(released):
    numbers = [[int(part) for part in version.split(".")] for version, _ in released]
    dates = [datetime.date.fromisoformat(date) for _, date in released]
    assert numbers == sorted(numbers, reverse=True) and len(numbers[0]) == 3
    assert dates == sorted(dates, reverse=True)
