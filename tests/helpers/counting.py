"""How work grows with what it is given, counted in calls, so that a busy machine changes nothing. For tests only."""

import gc
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
    runs = [prepared(size * times) for times in (1, 2, 4)]
    for run in runs:
        run()  # what is imported or cached once counts for none
    one, two, four = map(calls, runs)
    return (four - two) / (two - one)
