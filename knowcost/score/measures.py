"""What the rows of a text benchmark measure."""

from math import exp, inf, isnan, log

MOST_NATS = 700.0  # exp of more is no float


def perplexity(logprobs, units):
    """exp of the mean negative log-likelihood per unit (token, word): natural logs and counts of windows of text.

    Infinite where a log-likelihood is not finite, as a destroyed model's may be.
    """
    mean = -sum(logprobs) / sum(units)
    return inf if isnan(mean) or mean > MOST_NATS else exp(mean)


def bits_per_byte(logprobs, sizes):
    """Mean negative log2-likelihood per byte of text, which compares models of different vocabularies."""
    return -sum(logprobs) / sum(sizes) / log(2)
