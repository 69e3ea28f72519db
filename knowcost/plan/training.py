"""What the training of a recovery takes of memory and operations, from the size of its model. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowcost.models.gpus import BYTES
from knowcost.recover import memory
from knowcost.recover import registry as recoveries
from knowcost.recover.method import PARTS
from knowcost.spec.variants import parse

PADDED = 0.25  # of a window is text, where each text is a window of its own: in the demo a sixth


@dataclass(frozen=True)
class Training:
    """tokens: that are trained on; batch: tokens in a batch; held_out: tokens that are asked PARTS times and once more;
    recomputes: whether blocks may compute twice to save memory; full: the share of a batch that is no padding."""

    tokens: int
    batch: int
    held_out: int = 0
    recomputes: bool = True
    full: float = 1

    @property
    def steps(self) -> float:
        """Batches that are trained on."""
        return self.tokens / (self.full * self.batch)

    def memory_gb(self, parameters: int, dtype: str) -> float:
        """Gigabytes beyond the weights of a model with so many parameters."""
        depth = memory.depth_of(parameters)
        return memory.needed_gb(self.batch, depth, BYTES[dtype], self._computes_twice(parameters, dtype))

    def operations(self, parameters: int, dtype: str, beside_dense: bool) -> float:
        """Floating-point operations: for each parameter and token two forwards and, through frozen weights, two
        backwards; two more where blocks compute twice, two more where the dense model is asked as well. Windows held
        out take forwards alone."""
        each = 4 + 2 * self._computes_twice(parameters, dtype) + 2 * beside_dense
        asked = 2 * (1 + beside_dense) * (PARTS + 1)
        return parameters * (each * self.tokens + asked * self.held_out)

    def _computes_twice(self, parameters: int, dtype: str) -> bool:
        return self.recomputes and memory.checkpointed(self.batch, memory.depth_of(parameters), BYTES[dtype])


def training_of(section: Mapping[str, Any], slug: str) -> Training | None:
    """The Training of a recovered variant under the section `recovery` of a configuration; None where nothing is
    trained."""
    recovery = parse(slug).recovery
    if recovery is None or not (method := recoveries.method_of(recovery)).trained:
        return None
    length = section["length"]
    batch, held_out = section["batch_size"] * length, section["validation"] * length
    return Training(section["tokens"], batch, held_out, method.recomputes, 1 if section["join"] else PADDED)


def beside_dense(slug: str) -> bool:
    """Whether a recovery needs the dense model in memory beside its own."""
    return bool(recoveries.looks_at(parse(slug)))
