"""How often intervals of a preference hold the truth: ours, and the percentile bootstrap of questions.

    PYTHONPATH=. python perf/judged_intervals.py

A judge sees how much better an answer is than the dense model's, with noise of its own at every look; differences below
half a standard deviation are ties, and so is what both orders disagree on. Prints the table of docs/statistics.md.
"""

import numpy as np

from knowcost.aggregate.clustered import mean

RUNS, ROUNDS, LARGE = 1000, 500, 400_000
DESIGNS = {  # (questions, turns, how much worse the answers are, how much questions differ)
    "80 questions of two turns, 13 points worse": (80, 2, 0.5, 1.0),
    "80 questions of two turns, no difference": (80, 2, 0.0, 1.0),
    "90 stories, 8 points worse": (90, 1, 0.3, 1.0),
    "30 stories": (30, 1, 0.3, 1.0),
    "10 questions of two turns (a category)": (10, 2, 0.3, 1.0),
    "80 questions, nearly all ties": (80, 1, 0.05, 0.1),
}


def points(random, questions, turns, worse, differ):
    """Preferences, questions x turns: 50, 0 or -50."""
    better = random.normal(-worse, differ, (questions, 1)) + random.normal(0, differ / 2, (questions, turns))
    looks = better[..., None] + 0.5 * differ * random.normal(size=(questions, turns, 2))
    return 50.0 * ((looks > 0.5).all(axis=-1).astype(int) - (looks < -0.5).all(axis=-1))


def bootstrap(random, runs):
    """The ends of the percentile interval of each run; runs: runs x questions, the sums over turns."""
    n = runs.shape[1]
    times = random.multinomial(n, np.full(n, 1 / n), size=ROUNDS) / n
    return np.percentile(times @ runs.T, [2.5, 97.5], axis=0)


def main():
    random = np.random.default_rng(0)
    print("| judged | true preference | ours holds, width | bootstrap holds, width |\n| --- | ---: | ---: | ---: |")
    for name, (n, turns, worse, differ) in DESIGNS.items():
        truth = points(random, LARGE, turns, worse, differ).mean()
        runs = points(random, RUNS * n, turns, worse, differ).reshape(RUNS, n, turns)
        found = mean(runs.reshape(RUNS, n * turns).T, np.repeat(np.arange(n), turns), flip=50)
        cells = []
        for low, high in ((found.low, found.high), bootstrap(random, runs.mean(axis=2))):
            held = ((low <= truth) & (truth <= high)).mean()
            cells.append(f"{100 * held:.1f}, {(high - low).mean():.1f}")
        print(f"| {name} | {truth:.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
