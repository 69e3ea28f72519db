"""How work grows with what it is given, counted in calls, so that a busy machine changes nothing. For tests only."""

import gc
import re
import sys


def calls(run):
    """How many functions, of Python's and of C's, are called while run() runs."""
    count = 0

    def see(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    gc.collect()
    gc.disable()  # what others left behind is cleared at any moment, and by functions that would be counted
    sys.setprofile(see)
    try:
        run()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def growth(prepared, size):
    """How many times as many calls the step from 2 x size to 4 x size takes as that from size to 2 x size: 2 is linear,
    4 quadratic, whatever both cost beside. prepared: a function of a size that returns what is to be run."""
    found = []
    for run in [prepared(size * times) for times in (1, 2, 4)]:
        re.purge()  # compiled patterns go one by one where those of other tests fill the cache
        run()  # what is imported or cached once counts for none
        found.append(calls(run))
    one, two, four = found
    return (four - two) / (two - one)
