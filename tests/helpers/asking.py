"""Models as they are asked. For tests only."""

from knowcost.score.respondent import Respondent
from knowcost.spec.architectures import family_of


def respondent(model, tokenizer):
    """A model of the family that its architecture is of."""
    return Respondent(model, tokenizer, family_of(model.config.model_type))
