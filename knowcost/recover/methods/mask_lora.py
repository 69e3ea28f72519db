"""MaskLoRA (Zimmer et al. 2023, "PERP"): LoRA of the weights that pruning left, merged into them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowcost.recover.method import Made, Method, Work
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class MaskLoRA(Method):
    """W + s (BA) * (W != 0), of rank r and scale s = 2 as LoRA here. PEFT would add it to the zeros too, so the files
    do not carry PEFT's names (recover/masked.py)."""

    name = "mask_lora"
    label = "MaskLoRA"
    about = (
        "Small trained matrices change the weights that pruning left and none that it removed. They are merged into "
        "the weights, so that the model is as sparse as before and computes no more."
    )
    takes_rank = True
    merges = True
    controlled = False

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import masked

        return masked.train(work, out)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import masked

        masked.merge(model, folder)
