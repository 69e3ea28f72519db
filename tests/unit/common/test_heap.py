"""What a process frees stays with it, by what the system counts of its pages."""

import mmap
import platform
import subprocess
import sys

import pytest

from knowcost.common import heap

# A hundred times eight blocks of a megabyte, filled and freed: how many pages the system had to clear for them.
FAULTS = """
import resource, sys
from knowcost.common import heap
if sys.argv[1] == "keeps":
    assert heap.keep_freed()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    blocks = [bytes(1 << 20) for _ in range(8)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its own counsel")
def test_freed_blocks_are_not_cleared_by_the_system_again():
    said = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("keeps", "does not")
    }
    pages = (8 << 20) // mmap.PAGESIZE
    assert said["keeps"] < 2 * pages  # once, and a few others
    assert said["does not"] > 5 * said["keeps"]


def test_a_library_without_such_thresholds_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda name: object())
    assert heap.keep_freed() is False
