"""How many GPUs a model needs: the plan asks for so many, and loading spreads a model over so many."""

from math import ceil

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
ACTIVATIONS_GB = 4  # on a GPU: 16,384 tokens times a vocabulary of 50,000 in half precision, twice, and one block
GPU_USABLE = 0.9  # the rest is for CUDA itself and for fragments


def weights_gb(parameters: float, dtype: str, quantized: bool = False) -> float:
    """Gigabytes of a model's weights when it computes: quantized archives do so in float32 where they are not int8."""
    return parameters * (4 if quantized else BYTES[dtype]) / 1e9


def gpus_for(weights: float, gpu_memory_gb: float) -> int:
    """How many GPUs of so many gigabytes hold so many of weights: ceil((1.1 W + 4) / (0.9 G)).

    The plan and models/load.py, which spreads a model that needs more than one, ask the same question here.
    """
    return ceil((1.1 * weights + ACTIVATIONS_GB) / (GPU_USABLE * gpu_memory_gb))
