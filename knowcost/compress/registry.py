"""Every method that makes a variant, by its name in slugs.

To add a method: one module in methods/ with a class derived from method.Compressor, and its place in METHODS.
"""

from collections.abc import Iterable

from knowcost.common.errors import InputError
from knowcost.compress.method import Compressor
from knowcost.compress.methods.gptq import GPTQ
from knowcost.compress.methods.int8 import Int8
from knowcost.compress.methods.lost_head import Lost
from knowcost.compress.methods.magnitude import Magnitude
from knowcost.compress.methods.magnitude_layer import MagnitudeLayer
from knowcost.compress.methods.magnitude_rows import MagnitudeStructured
from knowcost.compress.methods.rtn import RoundToNearest
from knowcost.compress.methods.sparsegpt import SparseGPT
from knowcost.compress.methods.wanda import Wanda
from knowcost.spec import levels, scopes
from knowcost.spec.variants import LOST, Variant, method_and_data, parse, parted, treatments, unstepped

_ALL = (Magnitude, MagnitudeStructured, MagnitudeLayer, Wanda, SparseGPT, GPTQ, RoundToNearest, Int8, Lost)
METHODS: dict[str, Compressor] = {method.name: method() for method in _ALL}
CHOSEN = [name for name in METHODS if name != LOST]  # what experiments may name; the protocol `published` adds that one


def methods_of(word: str) -> list[Compressor]:
    """The methods of a Variant.method, in order: [Wanda, Int8] of "wanda~wikitext2+int8~wikitext2"; none of "dense" and
    of what was compressed elsewhere. However it was recovered is no matter here."""
    word, _ = parted(word)
    return [] if unstepped(word) else [METHODS[method_and_data(part)[0]] for part in treatments(word)]


def name_of(word: str) -> str:
    """The words of figures and report for a Variant.method: "SparseGPT, then GPTQ (wikitext2)"; "dense"; the name that
    the model table has for what was compressed elsewhere."""
    if words := unstepped(word):
        return words
    data = dict.fromkeys(data for part in treatments(word) if (data := method_and_data(part)[1]))
    labels = ", then ".join(method.label for method in methods_of(word))
    return labels + (f" ({', '.join(data)})" if data else "")


def weights(method: str, grouping: str, scope: str, model_type: str | None, modules: Iterable[str]) -> list[str]:
    """The names of the weights that a method acts on, of a model's `modules` (names of two-dimensional weights)."""
    taken = scopes.layers(model_type, modules, grouping, scope, METHODS[method].takes_head)
    return [f"{module}.weight" for module in taken]


def check_level(name: str, level: levels.Level | None) -> None:
    """Raise InputError unless a level (spec/levels.py; None for none) is of a kind that the method takes."""
    wanted = METHODS[name].levels
    if wanted and (level is None or levels.kind(level) not in wanted):
        kinds = ", or ".join(levels.KINDS[kind] for kind in wanted)
        raise InputError(f"{name} needs a level {kinds}, not {level}")
    if not wanted and level is not None:
        raise InputError(f"{name} takes no level")


def check_steps(variant: Variant) -> None:
    """Raise InputError unless every step names a known method with a sensible level, quantizing last."""
    for position, step in enumerate(variant.steps):
        method = METHODS.get(step.method)
        if method is None:
            raise InputError(f"variant {variant.slug!r}: no method {step.method!r}; known: {', '.join(METHODS)}")
        try:
            check_level(step.method, step.level)
        except InputError as error:
            raise InputError(f"variant {variant.slug!r}: {error}") from None
        if method.needs_thresholds and any(METHODS[earlier.method].solves for earlier in variant.steps[:position]):
            raise InputError(
                f"variant {variant.slug!r}: {step.method} cuts at thresholds of the original weights, so it must come "
                "before the methods that change them"
            )
        if step.calibration and not method.needs_data:
            raise InputError(f"variant {variant.slug!r}: {step.method} looks at no calibration data")
        if step.calibration != variant.calibration and method.needs_data:
            raise InputError(f"variant {variant.slug!r}: all its steps must look at the same calibration data")
        if method.quantizes and position < len(variant.steps) - 1:
            raise InputError(f"variant {variant.slug!r}: {step.method} must be the last step")
        if method.scopes and step.scope not in method.scopes:
            raise InputError(f"variant {variant.slug!r}: {step.method} acts on {', '.join(method.scopes)} only")


def is_dynamic(slug: str) -> bool:
    """Whether a variant quantizes activations too, as they come: dynamic int8."""
    return any(METHODS[step.method].dynamic for step in parse(slug).steps)
