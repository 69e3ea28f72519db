"""A pruned final layer as the published code scored it: saved in a way that loses it, and loaded again.

For encoder-decoders and decoders the published study pruned the final layer with torch.nn.utils.prune, did not call
`prune.remove`, saved with `save_pretrained` and let the harness load the folder. The file then holds `weight_orig` and
`weight_mask` but no `weight`, so loading puts something else in its place: the embedding where the model ties its head
to it, else fresh random numbers, as `_init_weights` of transformers 4 draws them (T5: normal with standard deviation
initializer_factor; Llama and OPT: initializer_range). This step does the same on purpose and with a seed, so that both
protocols can be compared: `magnitude-20@final` is right, `magnitude-20@final+lost@final` is as published.
"""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from knowcost.common.errors import BrokenPromise
from knowcost.compress.method import Archived, Compressor, Work
from knowcost.models.checkpoint import BLOCK, NUMPY, Tensor, from_float32, same_bytes
from knowcost.spec.architectures import families_with_fresh_head, fresh_head_deviation
from knowcost.spec.variants import LOST, Step

SEED = 40  # the seed of the published scripts; their numbers cannot be drawn again, their distribution can


class Lost(Compressor):
    name = LOST
    label = "lost as published"
    what = "Losing a pruned final layer when it is loaded again, as the published code did"
    about = (
        "Loses a pruned final layer when it is loaded again, as the published code did. It is the audit's, and in "
        "no average."
    )
    levels: tuple[str, ...] = ()
    scopes = ("final",)
    families = families_with_fresh_head()
    replaces = True

    def prepare(self, step: Step, tensors: dict[str, Tensor], work: Work) -> Tensor:
        """The Tensor that stands where the head was."""
        (head,) = tensors.values()
        if work.base.tied:
            original = work.base.embedding
            return Tensor(head.name, original.dtype, original.shape, original.blocks)
        return _drawn(head, fresh_head_deviation(work.base.config), seed=[SEED, _crc(head)])

    def compress(self, tensor: Tensor, prepared: Tensor) -> list[Tensor]:
        return [prepared]

    def verify(self, step: Step, before: Mapping[str, Tensor], archived: Archived, prepared: Tensor) -> None:
        (name,) = before
        if not same_bytes(archived.tensors[name], prepared):
            raise BrokenPromise(f"{step}: {name} is not what loading would have put there")


def _crc(tensor: Tensor) -> int:
    """A number that depends on every value: each pruned layer is lost to a draw of its own, as when published."""
    number = 0
    for block in tensor.blocks():
        number = zlib.crc32(np.ascontiguousarray(block).data, number)
    return number


def _drawn(head: Tensor, std: float, seed: list[int]) -> Tensor:
    def blocks() -> Iterator[np.ndarray]:
        generator = np.random.default_rng(seed)
        for first in range(0, head.size, BLOCK):
            values = generator.standard_normal(min(BLOCK, head.size - first), dtype=np.float32) * np.float32(std)
            yield from_float32(values, head.dtype).astype(NUMPY[head.dtype], copy=False)

    return Tensor(head.name, head.dtype, head.shape, blocks)
