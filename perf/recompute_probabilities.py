"""The table `probabilities` once more, by docs/statistics.md and with nothing of knowcost."""

import numpy as np
from by_hand import decision, differing, interval

LEAST = 1e-6  # a smaller probability counts as this in logarithms
BINS = 15


class Said:
    """What the rows of a cell say: the probabilities of the classes, of the right answer and of the one given."""

    def __init__(self, frame):
        self.right = frame["correct"].to_numpy(bool)
        classes = [None if each is None else np.exp(each.astype(float)) for each in frame["choice_logprobs"]]
        self.classes = [None if each is None else each / each.sum() for each in classes]
        sums = np.array([1.0 if each is None else each.sum() for each in classes])
        self.probability = np.minimum(np.exp(frame["logprob"].to_numpy(float)) / sums, 1)
        self.sure = np.exp(frame["top_logprob"].to_numpy(float))
        squares = np.array([np.nan if each is None else (each**2).sum() for each in self.classes])
        self.brier = squares - 2 * self.probability + 1
        self.prediction = frame["prediction"]

    def miscalibrated(self):
        """Per fact what it adds to the calibration error: right - sure, with the sign of its bin's sum."""
        gap = self.right - self.sure
        bins = np.ceil(self.sure * BINS)
        signs = {number: np.sign(gap[bins == number].sum()) for number in np.unique(bins)}
        return gap * [signs[number] for number in bins]


def nats(probability):
    return np.log(np.maximum(probability, LEAST))


def divergence(dense, variant):
    """Per fact the sum of p (ln p - ln q) over its classes; nan without classes."""
    pairs = zip(dense.classes, variant.classes, strict=True)
    given = [None if p is None or q is None else (p * (nats(p) - nats(q))).sum() for p, q in pairs]
    return np.array([np.nan if each is None else max(each, 0) for each in given])


def probabilities(cells, slug):
    """The columns of a variant's row."""
    dense, variant = Said(cells.frames["dense"]), Said(cells.frames[slug])
    own = {"probability": variant.probability, "brier": variant.brier}
    made = {name: each[~np.isnan(each)].mean() for name, each in own.items() if not np.isnan(each).all()}
    changes = {
        "probability_points probability": (100 * (dense.probability - variant.probability), 100),
        "log_change log": (nats(dense.probability) - nats(variant.probability), -np.log(LEAST)),
        "kl_mean kl": (divergence(dense, variant), -np.log(LEAST)),
        "brier_change brier": (variant.brier - dense.brier, 2),
    }
    if not np.isnan([dense.sure, variant.sure]).any():
        made["ece"] = variant.miscalibrated().mean()
        changes["ece_change ece"] = variant.miscalibrated() - dense.miscalibrated(), 1
    for names, (values, flip) in changes.items():
        name, beginning = names.split()
        if not np.isnan(values).all():
            made[name], low, high = interval([cells.part(values, flip=flip)])
            made |= {f"{beginning}_low": max(low, 0) if beginning == "kl" else low, f"{beginning}_high": high}
    if "probability_low" in made:
        ends = made["probability_points"], made["probability_low"], made["probability_high"]
        changed = differing([cells.part(changes["probability_points probability"][0])])
        made["probability_decision"] = decision(*ends, changed)
    return made
