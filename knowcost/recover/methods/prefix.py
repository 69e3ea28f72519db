"""Prefix tuning (Li and Liang 2021): trained keys and values in front of every layer's, while the model is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.recover import virtual
from knowcost.recover.method import KL, Made, Method, Work
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class Prefix(Method):
    """PEFT's own, without a projection: a key and a value for each virtual token in every layer."""

    name = "prefix"
    label = "prefix"
    about = (
        "Trained keys and values stand in front of those of every layer while the compressed weights stay as they are. "
        "They are PEFT's prefix tuning, and any tool that knows its format loads them."
    )
    families = ("decoder",)  # PEFT gives all layers of an encoder-decoder one prefix, half of which is never read
    options = (KL,)
    recomputes = False  # a block that computes twice would write its keys into the prefix twice

    def check_config(self, config: Mapping[str, Any]) -> None:
        virtual.check_rotary(self.name, config)

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import adapters

        self.check_config(work.model.config.to_dict())
        return adapters.train_prefix(work, out)

    def positions(self, recovery: Recovery, family: str) -> int:
        return sum(recovery.sizes)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import prompted

        self.check_config(model.config.to_dict())
        prompted.put_prefix(model, folder)
