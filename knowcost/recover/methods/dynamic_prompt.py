"""Inference-time dynamic prompting (Hoang et al. 2024): of several trained prompts, the one that the context attends to
most."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowcost.common.errors import InputError
from knowcost.recover import virtual
from knowcost.recover.method import KL, Made, Method, Work
from knowcost.spec.architectures import architecture
from knowcost.spec.recoveries import Recovery

if TYPE_CHECKING:
    import transformers


class DynamicPrompt(Method):
    """Prompts of prompt tuning, each trained alone. By default every layer chooses for itself, as the paper's formula
    has it; with the option `input`, one choice holds for all layers."""

    name = "dynamic_prompt"
    label = "dynamic prompt"
    about = (
        "Several prompts, trained one by one, stand side by side in front of the input, and the one that the context "
        "attends to most is kept. Nothing more is trained, and answers that are scored have no say in the choice."
    )
    many = True
    families = ("decoder",)
    options = ("input", KL)
    trained = False
    part = "prompt"

    def positions(self, recovery: Recovery, family: str) -> int:
        return max(recovery.sizes)

    def check_config(self, config: Mapping[str, Any]) -> None:
        kind = config.get("model_type")
        if architecture(kind).own_attention:
            raise InputError(
                f"{self.name}: the attention of {kind!r} is not reached by transformers' attention interface, in which "
                "prompts are chosen; leave this recovery out for this model, or take prompt"
            )
        virtual.check_rotary(self.name, config)

    def make(self, work: Work, out: Path) -> Made:
        from knowcost.recover import dynamic_archive

        self.check_config(work.model.config.to_dict())
        return dynamic_archive.make(work, out)

    def apply(self, recovery: Recovery, model: transformers.PreTrainedModel, folder: Path) -> None:
        from knowcost.recover import dynamic_archive

        self.check_config(model.config.to_dict())
        dynamic_archive.apply(recovery, model, folder)
