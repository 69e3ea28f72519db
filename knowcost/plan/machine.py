"""How fast a job's machine computes and reads its memory. Imports no torch.

CPU: measured on one thread of an AMD EPYC with torch 2.13 in float32, with SmolLM2-135M and Flan-T5-small asked by the
harness (docs/running-at-a-site.md, "What a job asks for"). GPU: taken low, since sites have many kinds: of an H100 a 7B
in half precision got 4.6e14 operations a second (docs/recovery.md: 16 x 1,024 tokens in 0.478 s).
"""

from dataclasses import dataclass

from knowcost.models.gpus import BYTES

GPU_SPEED = {2: 1e14, 4: 2e13}  # floating-point operations a second, by the bytes of a number
CPU_SPEED = 8e10  # of one thread
GPU_BANDWIDTH, CPU_BANDWIDTH = 5e11, 5e9  # bytes read in a second, for one CPU thread


@dataclass(frozen=True)
class Machine:
    """What computes: GPUs, or so many threads, in numbers of a type."""

    gpus: int
    threads: int
    dtype: str = "float32"

    @property
    def speed(self) -> float:
        """Floating-point operations in a second; the parts of a spread model work one after the other."""
        return GPU_SPEED[BYTES[self.dtype]] if self.gpus else CPU_SPEED * self.threads

    @property
    def bandwidth(self) -> float:
        """Bytes of memory read in a second."""
        return GPU_BANDWIDTH if self.gpus else CPU_BANDWIDTH * self.threads
