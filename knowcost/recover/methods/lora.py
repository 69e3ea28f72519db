"""LoRA (Hu et al. 2021): low-rank updates beside every linear layer of the blocks, trained while these are frozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowcost.recover.method import KL, Made, Method, Work
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class LoRA(Method):
    """PEFT's own, of rank r and scale 2 (alpha = 2 r), without dropout."""

    name = "lora"
    label = "LoRA"
    about = (
        "Small trained matrices are added to every layer of the blocks while the compressed weights stay as they are. "
        "They are PEFT's, and any tool that knows its format loads them."
    )
    takes_rank = True
    options = (KL,)

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import adapters

        return adapters.train_lora(work, out)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import adapters

        adapters.inject(model, folder)
