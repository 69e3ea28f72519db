"""What lies beneath the final layer of an encoder is computed once for those of a job's variants that share it, and
what they are asked is encoded once.

A pass of an encoder over a benchmark ends in the hidden states at the masks. Variants that differ in the final layer
alone have equal ones, so the first of them makes the pass, and for the others nothing but the head computes. (The layer
between the states and the final one, BERT's transform, belongs to the head here.)
"""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowcost.common import seal
from knowcost.spec import scopes
from knowcost.spec.variants import parse

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

MOST = 1 << 29  # bytes that are kept: the states of 170,000 clozes with a BERT-base
MOST_FACTS = 100_000  # that are kept encoded, in about a kilobyte each

Facts = tuple[list[tuple[int, dict[str, Any]]], int]  # the place and the row of each, and how many a benchmark has


def beneath(manifest: Mapping[str, Any]) -> str | None:
    """The digest of all that lies beneath a variant's final layer: where it is the same, so are the hidden states.

    None for a variant that was recovered or compressed elsewhere: its manifest alone does not say what it computes.
    """
    if parse(manifest["variant"]).recovery or "tensors" not in manifest:
        return None
    model_type = manifest["architecture"]
    changed = {name: each for name, each in manifest["tensors"].items() if not scopes.in_final(model_type, name)}
    return seal.of_values([manifest["base"]["files"], changed])


class States:
    """The hidden states at the masks that a job's passes ended in, and facts as its models read them.

    States are those of one digest at a time: a job asks variants that share it after each other (plan/batching.py), so
    what another one left behind cannot come again. Facts are those of one tokenizer at a time. What goes beyond MOST or
    MOST_FACTS is not kept, and is made anew.
    """

    def __init__(self) -> None:
        self._beneath: str | None = None
        self._passes: dict[Hashable, list[torch.Tensor]] = {}
        self._tokenizer: object = None
        self._facts: dict[Hashable, Facts] = {}

    def of(self, beneath: str | None) -> "States | None":
        """These for a variant with this digest (`beneath`); None for one that has none."""
        if beneath != self._beneath:
            self._passes.clear()
        self._beneath = beneath
        return None if beneath is None else self

    def kept(self, asked: Hashable) -> "list[torch.Tensor] | None":
        """A pass's states, a tensor (facts, 1, hidden) on the CPU for each batch; None if there was none. asked: all
        that its batches follow from."""
        return self._passes.get(asked)

    def keep(self, asked: Hashable, states: "Sequence[torch.Tensor]") -> None:
        """Keep those of a pass that was made."""
        every = [*self._passes.values(), states]
        if sum(each.nbytes for batches in every for each in batches) > MOST:
            log.info("the states of a pass are not kept: with those before they take more than %d MB", MOST >> 20)
            return
        self._passes[asked] = list(states)

    def facts(self, tokenizer: object, asked: Hashable, encoded: Callable[[], Facts]) -> Facts:
        """Facts as a tokenizer has them, which `encoded` makes; not to be changed. asked: all else that they follow
        from."""
        if tokenizer is not self._tokenizer:
            self._tokenizer = tokenizer
            self._facts.clear()
        if asked in self._facts:
            return self._facts[asked]
        made = encoded()
        if sum(len(facts) for facts, _ in [*self._facts.values(), made]) <= MOST_FACTS:
            self._facts[asked] = made
        return made
