"""Random layers and inputs for the tests of the solvers."""

import torch

from knowcost.compress.solvers import InputStatistics


def layer(rows=24, columns=48, seed=0):
    """(weight, inputs (4, 64, columns)): inputs are correlated and of very different size."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    rank = -(-columns // 3)
    mix = torch.randn(rank, columns, generator=generator)
    inputs = torch.randn(4, 64, rank, generator=generator) @ mix + torch.randn(4, 64, columns, generator=generator)
    return weight, inputs * torch.logspace(-1, 0.5, columns)[torch.randperm(columns, generator=generator)]


def seen(inputs, hessian=True):
    statistics = InputStatistics(inputs.shape[-1], "cpu", hessian)
    for sample in inputs:
        statistics.add(sample[None])
    return statistics


def error(weight, other, inputs):
    """||X W^T - X W'^T||."""
    return (inputs.flatten(0, -2) @ (weight - other).T).norm().item()


def damped(inputs, damping=0.01):
    """The Hessian in float64, by definition, with its damping."""
    x = inputs.flatten(0, -2).double()
    hessian = 2 / len(inputs) * x.T @ x
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian))
