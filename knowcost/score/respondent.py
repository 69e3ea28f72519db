"""Who is asked."""

from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from knowcost.score.states import States
from knowcost.spec.architectures import positions


@dataclass(frozen=True)
class Respondent:
    """A model that is asked, in eval mode, on its device, of any dtype, maybe with int8 modules; and its tokenizer.

    family: the manifest's. It alone decides which engine asks, so that a cell's key and its rows speak of the same one.
    virtual_tokens: how many of its positions a recovery takes, so that what is asked has fewer. load_dense: what gives
    the dense model, for kinds that hold others against it; without it a model is held against itself. states: what
    others with the same weights beneath their final layer have computed; None where that is not known.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: str
    virtual_tokens: int = 0
    load_dense: Callable[[], PreTrainedModel] | None = None
    states: States | None = None

    def dense(self) -> PreTrainedModel:
        """The dense model."""
        return self.load_dense() if self.load_dense else self.model

    @property
    def room(self) -> int | None:
        """How many tokens a text may have beside the virtual ones; None where the model's config names no bound."""
        most = positions(self.model.config)
        return None if most is None else most - self.virtual_tokens
