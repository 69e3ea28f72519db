"""The maths of the methods that look at data: one layer's weight and the statistics of its inputs, in torch.

Nothing here knows of models, files or names of layers. Weights are float32 (out, in) on any device, with the
statistics on the same one; they are never changed in place. What a pattern promises: knowcost/compress/patterns.py.

Importing this package imports torch, so modules that Snakemake plans with must not.
"""

from knowcost.compress.solvers.grids import Quantized, round_to_nearest
from knowcost.compress.solvers.inputs import InputStatistics
from knowcost.compress.solvers.masks import magnitude_layer, wanda
from knowcost.compress.solvers.packing import packed_tensors
from knowcost.compress.solvers.sweep import gptq, sparsegpt

__all__ = [
    "InputStatistics",
    "Quantized",
    "gptq",
    "magnitude_layer",
    "packed_tensors",
    "round_to_nearest",
    "sparsegpt",
    "wanda",
]
