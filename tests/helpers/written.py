"""Benchmarks whose answers are texts, prepared. For tests only."""

from pathlib import Path

from knowcost.benchmarks import prepared

TURNS = [
    ["w1 w2 w3", "w4"],
    ["w5 w6 w7 w8 w9 w10 w11 w12 w13", "w14 w15"],
    ["w16"],
    ["w20 w21 w22 w23 w24", "w25 w26 w27"],
    ["w30 w31 w32", "w33"],
]
STORIES = [" ".join(f"w{(7 * n + i) % 100}" for i in range(size)) for n, size in enumerate((5, 9, 5, 14))]


def conversation(path, turns=TURNS, **about):
    """A benchmark of conversations; about: of its metadata. Returns its path."""
    rows = [
        {"id": f"q{i}", "relation": ("writing", "maths")[i % 2], "turns": each, "question": each[0]}
        for i, each in enumerate(turns)
    ]
    return write(path, "conversation", rows, about)


def summary(path, stories=STORIES, **about):
    """A benchmark of stories, likewise."""
    rows = [
        {"id": f"s{i}", "relation": ("small", "large")[i % 2], "story": story, "highlights": "w1 w2"}
        for i, story in enumerate(stories)
    ]
    return write(path, "summary", rows, about)


def write(path, kind, rows, about):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    prepared._write(rows, kind, {"name": Path(path).stem, "kind": kind, "rows": len(rows), "dropped": {}} | about, path)
    return path
