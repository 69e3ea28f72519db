"""Who is asked."""

from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Respondent:
    """A model that is asked, in eval mode, on its device, of any dtype, maybe with int8 modules; and its tokenizer.

    family: the manifest's. It alone decides which engine asks, so that a cell's key and its rows speak of the same one.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: str
