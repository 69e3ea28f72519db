"""The scoring jobs of a study: which variants of a model are asked together. Imports no torch: every job parses it."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.compress import registry
from knowcost.plan import design
from knowcost.plan.config import Study
from knowcost.plan.design import Cell
from knowcost.spec.variants import Variant, parse

SHARED = 16  # bits of the hash of what lies beneath the final layer: names of jobs stay short


@dataclass(frozen=True)
class Batch:
    """The variants of one model that one scoring job takes, so that it imports torch once for all of them.

    part: `float` or `int8`, what its variants compute in, or `recovered`, and where there are too many for one job the
    first bits of their hashes: `float-011`; of a version that was compressed elsewhere its slug.
    """

    model: str
    part: str
    variants: tuple[str, ...]
    benchmarks: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.model}-{self.part}"

    @property
    def rule(self) -> str:
        """The name of its rule."""
        return f"score_{self.name}"

    @property
    def row(self) -> str:
        """The row of the model table that says how it is asked."""
        return parse(self.variants[0]).brought or self.model

    @property
    def cells(self) -> list[Cell]:
        return [Cell(self.model, variant, benchmark) for variant in self.variants for benchmark in self.benchmarks]


def batches(study: Study) -> list[Batch]:
    """The scoring jobs, each with at most score.variants_per_job variants of one model; of an encoder's that differ in
    the final layer alone, and so share one pass of the rest, all count as one.

    Snakemake runs a job again when its name or its variants are others, so neither may depend on what else stands in
    the lists of the configuration, or in which order. Variants in int8, which need more memory, and recovered ones,
    which need what they stand on, are parted from the others; what is too many for one job is halved by the first bit
    of the variants' hashes, each half by the second, and so on. A variant that is added changes the batch that it falls
    into, or splits it, and no other one. The price: jobs are about two thirds full. Hashes begin with that of what lies
    beneath the final layer, so variants that differ in that layer alone, the dense model among them, are in one job (of
    other models than encoders as long as they fit), and follow each other there. A version that was
    compressed elsewhere has a job to itself: its size is another, it computes in what its own row says, and a package
    that it takes may be missing.
    """
    size = study.config["score"]["variants_per_job"]
    made = design.variants_by_family(study)
    parted = {family: _parted(slugs, size, family) for family, slugs in made.items()}
    asked = {family: tuple(sorted(design.benchmarks(study, family))) for family in made}
    ours = [
        Batch(model, part, slugs, asked[row["family"]])
        for model, row in study.models.items()
        for part, slugs in parted[row["family"]].items()
    ]
    slugs = {name: Variant(brought=name).slug for name in study.brought}
    return ours + [
        Batch(row["parent"], slugs[name], (slugs[name],), asked[row["family"]]) for name, row in study.brought.items()
    ]


def _parted(slugs: Sequence[str], size: int, family: str) -> dict[str, tuple[str, ...]]:
    """{Batch.part: its variants}."""
    parts: dict[str, list[str]] = {}
    for slug in slugs:
        parts.setdefault(_part(slug), []).append(slug)
    return {
        f"{kind}-{bits}" if bits else kind: tuple(sorted(few, key=lambda slug: (_beneath(slug), slug)))
        for kind, found in parts.items()
        for bits, few in _halved(found, size, functools.partial(pass_of, family))
    }


def pass_of(family: str, slug: str) -> str:
    """The slug of the variant whose pass over what is asked is a variant's too, if both are in one job: of an encoder's
    the one without steps on the final layer (knowcost/score/states.py), else its own."""
    shares = family == "encoder" and _part(slug) == "float"
    return _beneath(slug) if shares else slug


def _part(slug: str) -> str:
    if parse(slug).recovery:
        return "recovered"
    return "int8" if registry.is_dynamic(slug) else "float"


def _halved(
    slugs: Sequence[str], size: int, counted: Callable[[str], str], bits: str = ""
) -> Iterator[tuple[str, Sequence[str]]]:
    """(first bits that their hashes share, slugs) of groups of at most `size`, those that are `counted` as the same
    being one; no empty ones."""
    if len({counted(slug) for slug in slugs}) <= size:
        if slugs:
            yield bits, slugs
        return
    for bit in "01":
        yield from _halved([slug for slug in slugs if _bits(slug)[len(bits)] == bit], size, counted, bits + bit)


@functools.cache  # every halving asks for one of them
def _bits(slug: str) -> str:
    return _hashed(_beneath(slug))[:SHARED] + _hashed(slug)


def _hashed(text: str) -> str:
    """The 256 bits of a text's hash."""
    return f"{int.from_bytes(hashlib.sha256(text.encode()).digest(), 'big'):0256b}"


def _beneath(slug: str) -> str:
    """The slug of what lies beneath a variant's final layer: `dense` of `magnitude-40@final`."""
    return parse(slug).beneath_final.slug


def looked_at(study: Study, batch: Batch) -> list[str]:
    """The variants whose archives a scoring job reads: its own, and the dense model's where a benchmark holds them
    against it."""
    kinds = [kind_of(study.benchmarks[name]["format"]) for name in batch.benchmarks]
    dense = [Variant().slug] if any(KINDS[kind].beside_dense for kind in kinds) else []
    return list(dict.fromkeys([*batch.variants, *dense]))
