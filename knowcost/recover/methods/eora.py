"""EoRA (Liu et al. 2024): the best low-rank update by calibration data, worked out and not trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowcost.recover.method import Made, Method, Work
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class EoRA(Method):
    """PEFT's LoRA format, of rank r and scale 1 (alpha = r); how it is worked out stands in recover/compensation.py."""

    name = "eora"
    label = "EoRA"
    about = (
        "Beside every layer stand two small matrices, whose product is the part of what compression took from its "
        "weights that matters most on calibration texts. They are worked out without training, and stored as PEFT's "
        "LoRA."
    )
    takes_rank = True
    trained = False
    calibrated = True
    controlled = False

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import compensation

        return compensation.make(work, out)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import adapters

        adapters.inject(model, folder)
