"""Who is asked."""

from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Respondent:
    """A model that is asked, in eval mode, on its device, of any dtype, maybe with int8 modules; and its tokenizer.

    family: the manifest's. It alone decides which engine asks, so that a cell's key and its rows speak of the same one.
    virtual_tokens: how many of its positions a recovery takes, so that what is asked has fewer.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: str
    virtual_tokens: int = 0
