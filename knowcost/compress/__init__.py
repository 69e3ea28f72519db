"""The compress stage: every method that makes a variant, and the job that archives it.

To add a method: one module beside this one with a class derived from base.Compressor, and its line in METHODS.
"""

from knowcost.compress.int8 import Int8
from knowcost.compress.lost import Lost
from knowcost.compress.magnitude import Magnitude
from knowcost.compress.structured import MagnitudeStructured
from knowcost.errors import InputError

STAGE_VERSION = "2"

METHODS = {method.name: method for method in (Magnitude(), MagnitudeStructured(), Int8(), Lost())}


def check_steps(variant):
    """Raise InputError unless every step of a Variant names a known method with a sensible level, quantizing last."""
    for position, step in enumerate(variant.steps):
        method = METHODS.get(step.method)
        if method is None:
            raise InputError(f"variant {variant.slug!r}: no method {step.method!r}; known: {', '.join(METHODS)}")
        if method.takes_level and (step.level is None or not 0 < step.level < 100):
            raise InputError(
                f"variant {variant.slug!r}: {step.method} needs a level from 1 to 99 (percent), not {step.level}"
            )
        if not method.takes_level and step.level is not None:
            raise InputError(f"variant {variant.slug!r}: {step.method} takes no level")
        if method.quantizes and position < len(variant.steps) - 1:
            raise InputError(f"variant {variant.slug!r}: {step.method} must be the last step")
        if method.scopes and step.scope not in method.scopes:
            raise InputError(f"variant {variant.slug!r}: {step.method} acts on {', '.join(method.scopes)} only")
