"""What a job means for a machine: how large its model is, what is done to it and asked. Imports no torch."""

from collections.abc import Collection
from dataclasses import dataclass

from knowcost.compress import registry
from knowcost.compress.methods.layerwise import Layerwise
from knowcost.models.gpus import weights_gb
from knowcost.plan import reading, writing
from knowcost.plan.reading import Read
from knowcost.plan.sizes import Size
from knowcost.plan.training import Training
from knowcost.plan.writing import Written


@dataclass(frozen=True)
class Work:
    """What a job means for a machine.

    stage: of the workflow's rule; size: of its model, None where it has none; dtype: what it computes in; methods: the
    names of its variants' methods; variants, cells: how many it has (of tables, figures, report: the study's);
    gpu_memory_gb: of one GPU, None where it takes none; rebuilt: whether archives are not kept in full; archives_gb: of
    all archives, where those are read; windows: tokens of calibration data; training: of a recovery, None where nothing
    is trained; beside_dense: whether the dense model is in memory too; read, written: what a scoring job reads and has
    written.
    """

    stage: str
    size: Size | None = None
    dtype: str = "float32"
    methods: Collection[str] = ()
    variants: int = 1
    cells: int = 1
    gpu_memory_gb: float | None = None
    rebuilt: bool = False
    archives_gb: float = 0
    windows: int = 0
    training: Training | None = None
    beside_dense: bool = False
    read: Read = reading.NOTHING
    written: Written = writing.NOTHING

    @property
    def calibrated(self) -> list[str]:
        """The methods that run its model over calibration data, of a job that compresses."""
        found = [name for name in self.methods if registry.METHODS[name].needs_data]
        return found if self.stage == "compress" else []

    @property
    def hessians(self) -> int:
        """How many of its methods solve a layer with the second moments of its inputs."""
        methods = (registry.METHODS[name] for name in self.methods)
        return sum(isinstance(method, Layerwise) and method.hessian for method in methods)

    @property
    def solves(self) -> bool:
        """Whether a method computes with torch, of a job that compresses."""
        return self.stage == "compress" and any(registry.METHODS[name].solves for name in self.methods)

    @property
    def dynamic(self) -> bool:
        return any(registry.METHODS[name].dynamic for name in self.methods)

    @property
    def weights_gb(self) -> float:
        if self.size is None:
            return 0
        return self.size.stored_gb if self.size.packed else weights_gb(self.size.parameters, self.dtype, self.dynamic)
