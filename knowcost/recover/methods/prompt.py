"""Prompt tuning (Lester et al. 2021): trained vectors in front of the input's, while the model is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.recover import virtual
from knowcost.recover.method import KL, Made, Method, Work
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class Prompt(Method):
    """PEFT's own: one vector of the embedding's width for each virtual token, begun at rows of the vocabulary."""

    name = "prompt"
    label = "prompt"
    about = (
        "Trained vectors stand in front of the embedded input while the compressed weights stay as they are. They are "
        "PEFT's prompt tuning, and any tool that knows its format loads them."
    )
    families = ("encoder_decoder", "decoder")
    options = (KL,)

    def check_config(self, config: Mapping[str, Any]) -> None:
        virtual.check_rotary(self.name, config)

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import adapters

        self.check_config(work.model.config.to_dict())
        return adapters.train_prompt(work, out)

    def positions(self, recovery: Recovery, family: str) -> int:
        return sum(recovery.sizes)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import prompted

        self.check_config(model.config.to_dict())
        prompted.put_prompt(model, folder)
