"""Which linear layers a (grouping, scope) takes: the only place in the project that matches layer names.

The table is architectures.yaml. Names may be those of tensors in a checkpoint (without ".weight") or of modules in a
built model: patterns match the end of a name, so prefixes such as "bert." or "model." do not matter.
"""

import functools
import re
from pathlib import Path

import yaml

from knowcost.common.errors import InputError
from knowcost.spec.variants import GROUPINGS, SCOPES

TABLE = Path(__file__).with_name("architectures.yaml")
_EXTRA = ("self_attention", "cross_attention", "encoder_attention", "decoder_attention")


@functools.cache
def architectures():
    """The table: {architecture: {family, embedding, final, layers, other}}."""
    return yaml.safe_load(TABLE.read_text())


def architecture(model_type):
    """The table's block for config.json's `model_type`. Raises InputError when there is none."""
    try:
        return architectures()[model_type]
    except KeyError:
        raise InputError(
            f"architecture {model_type!r} is not known; known: {', '.join(architectures())}. "
            f"Add a block for it to knowcost/{TABLE.name}."
        ) from None


def family_of(model_type):
    """encoder, encoder_decoder or decoder. Raises InputError for an unknown architecture."""
    return architecture(model_type)["family"]


def scopes_of(family):
    """The scopes a family has, in the order of variants.SCOPES."""
    return [scope for scope in SCOPES if family == "encoder_decoder" or scope not in _EXTRA]


def grouping_matters(family, scope):
    """Whether some architecture of the family draws this scope differently under the groupings."""
    drawn = [
        (_scopes(tags, grouping), scope)
        for block in architectures().values()
        if block["family"] == family
        for tags in block["layers"].values()
        if isinstance(tags, dict)
        for grouping in GROUPINGS
    ]
    return any(scope in scopes for scopes, scope in drawn)


@functools.cache
def _regex(pattern):
    escaped = re.escape(pattern).replace(r"\#", r"\d+")
    escaped = re.sub(r"\\\{(.*?)\\\}", lambda m: "(?:" + m[1].replace(",", "|") + ")", escaped)
    return re.compile(rf"(?:^|.*\.){escaped}")


def matches(pattern, name):
    """Whether a module name ends in a pattern (whole dotted parts only)."""
    return _regex(pattern).fullmatch(name) is not None


def _scopes(tags, grouping):
    return tags[grouping] if isinstance(tags, dict) else tags


def layers(model_type, names, grouping, scope, quantizing=False):
    """The module names that a method acts on, in the order given.

    model_type: config.json's; names: module names (iterable of str); quantizing: `overall` then takes the final layer
    too, as the paper does (section 2.4). Raises InputError when nothing is left: that scope does not exist here.
    """
    block = architecture(model_type)
    if scope == "final":
        taken = [name for name in names if matches(block["final"], name)]
    else:
        wanted = [p for p, tags in block["layers"].items() if scope == "overall" or scope in _scopes(tags, grouping)]
        if scope == "overall" and quantizing:
            wanted.append(block["final"])
        taken = [name for name in names if any(matches(pattern, name) for pattern in wanted)]
    if not taken:
        raise InputError(f"scope {scope!r} has no linear layer in architecture {model_type!r}")
    return taken


def blocks(model_type, names):
    """[(stack, name)] of the modules that are applied one after another, in that order; stack: 0, 1 for a decoder's."""
    patterns = architecture(model_type)["blocks"]
    return [(stack, name) for stack, pattern in enumerate(patterns) for name in names if matches(pattern, name)]


def check_claimed(model_type, names):
    """Raise InputError unless every name (of a two-dimensional weight) is claimed by the architecture's block."""
    names = list(names)
    block = architectures().get(model_type)
    claims = [*block["layers"], block["final"], block["embedding"], *block["other"]] if block else []
    unclaimed = [name for name in names if not any(matches(pattern, name) for pattern in claims)]
    if unclaimed:
        raise InputError(
            f"architecture {model_type!r}: no scope claims these layers:\n  "
            + "\n  ".join(_abridged(unclaimed))
            + f"\nAdd them to knowcost/{TABLE.name}, under `layers` or `other` of {model_type!r}."
        )


def _abridged(names):
    """Names with layer numbers folded to #, each once: a 40-layer model is read in ten lines."""
    return sorted({re.sub(r"(?<=\.)\d+(?=\.|$)", "#", name) for name in names})
