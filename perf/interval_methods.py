"""Intervals of a mean of facts that come in clusters, as others make them: what perf/intervals.py compares ours with.

Each takes the clusters' sums (clusters x times) and sizes, and gives the lower and the upper ends of 95% intervals.
"""

import numpy as np
from scipy import stats

ROUNDS = 999


def quantile(df):
    return stats.t.ppf(0.975, df)


def residuals(sums, sizes):
    """The means, and what is left of each cluster's sum."""
    mean = sums.sum(axis=0) / sizes.sum()
    return mean, sums - sizes[:, None] * mean


def cluster_means(sums, sizes):
    """Student's t on the clusters' means, all alike."""
    means = sums / sizes[:, None]
    half = quantile(len(sizes) - 1) * means.std(axis=0, ddof=1) / np.sqrt(len(sizes))
    return means.mean(axis=0) - half, means.mean(axis=0) + half


def jackknife(sums, sizes):
    """CR3 with one degree of freedom less than clusters."""
    mean, left = residuals(sums, sizes)
    count = len(sizes)
    square = ((left / (sizes.sum() - sizes)[:, None]) ** 2).sum(axis=0)
    half = quantile(count - 1) * np.sqrt((count - 1) / count * square)
    return mean - half, mean + half


def bell_mccaffrey(sums, sizes, correlation=0.1):
    """CR2 with the degrees of freedom of Bell and McCaffrey (Imbens and Kolesar 2016) under a correlation within
    clusters."""
    mean, left = residuals(sums, sizes)
    total, count = sizes.sum(), len(sizes)
    weights = 1 / (1 - sizes / total)
    square = (weights[:, None] * (left / total) ** 2).sum(axis=0)
    centred = np.eye(count) - np.outer(sizes, np.ones(count)) / total
    form = centred.T @ (weights[:, None] * centred)
    spread = np.sqrt(sizes * (1 + (sizes - 1) * correlation))
    form = spread[:, None] * form * spread
    half = quantile(np.trace(form) ** 2 / (form**2).sum()) * np.sqrt(square)
    return mean - half, mean + half


def bootstraps(sums, sizes, random):
    """Both of the cluster bootstrap: percentiles, and bootstrap-t."""
    mean, left = residuals(sums, sizes)
    count, correction = len(sizes), np.sqrt(len(sizes) / (len(sizes) - 1))
    times = random.multinomial(count, np.full(count, 1 / count), size=ROUNDS).astype(float)
    weight = (times @ sizes)[:, None]
    means = times @ sums / weight
    square = times @ sums**2 - 2 * means * (times @ (sums * sizes[:, None])) + means**2 * (times @ sizes**2)[:, None]
    errors = np.sqrt(np.maximum(square, 0)) / weight * correction
    ratios = np.nan_to_num(np.divide(means - mean, errors, out=np.zeros_like(means), where=errors > 1e-9))
    low, high = np.percentile(ratios, [2.5, 97.5], axis=0)
    error = np.sqrt((left**2).sum(axis=0)) / sizes.sum() * correction
    return np.percentile(means, [2.5, 97.5], axis=0), (mean - high * error, mean - low * error)
