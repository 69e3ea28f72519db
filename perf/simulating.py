"""What the simulations share: rows drawn in blocks, and tables in Markdown."""

import numpy as np

BLOCK = 3_000_000  # facts x times that are drawn at once


def singles(n):
    return (1,) * n


def drawn(rows, times, random, models=1):
    """Blocks of what Rows.draw gives."""
    size = max(1, min(times, BLOCK // rows.n))
    for start in range(0, times, size):
        yield rows.draw(random, min(size, times - start), models)


def table(head, lines):
    print("\n| " + " | ".join(head) + " |\n| --- " + "| ---: " * (len(head) - 1) + "|")
    for line in lines:
        print("| " + " | ".join(line) + " |", flush=True)


def percent(flags):
    return f"{100 * np.mean(flags):.1f}"
