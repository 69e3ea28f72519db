"""Memory that a job frees is kept for what it makes next.

Who changes weights block by block makes and frees a megabyte thousands of times. glibc gives most of them back to the
system at once, which clears each again before it hands it out: a third of the CPU of an archive. Its two thresholds
rise by themselves, but not far enough for that; here they stand from the start where they can rise to (mallopt(3),
M_MMAP_THRESHOLD).
"""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST = 32 << 20  # bytes: what is larger comes from the system, and goes back to it
KEPT = 2 * LARGEST  # bytes that are freed and not given back


def keep_freed() -> bool:
    """Have this process keep what it frees, KEPT bytes of it at most. Returns whether its C library does that: others
    than glibc do not, and nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(MMAP_THRESHOLD, LARGEST), mallopt(TRIM_THRESHOLD, KEPT)])
