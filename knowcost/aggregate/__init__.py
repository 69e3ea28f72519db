"""From rows per fact to the tables of a run."""

STAGE_VERSION = "11"

# What the page says of intervals and verdicts, too; the modules that compute them load scipy.
ROUNDS = 2000  # resamples of a bootstrap
FEWEST_RELATIONS = 10  # from which on whole relations are drawn
FEWEST_FACTS = (
    6  # that make a difference for a verdict: six of six on one side is p = 0.03 two-sided, five of five 0.06
)
