"""From rows per fact to the tables of a run."""

STAGE_VERSION = "16"

# What the page says of intervals and verdicts, too; the modules that compute them load scipy.
LEVEL = 0.95  # of every interval
ALPHA = 0.05  # below which a corrected p is beyond chance
ROUNDS = 2000  # resamples of a bootstrap
FULL_WEIGHT = 50  # known facts from which on a benchmark weighs in full in a mean
FEWEST_CLUSTERS = 6  # that make a difference for a verdict: six of six on one side is p = 0.03, five of five 0.06
