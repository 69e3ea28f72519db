"""A fetched model as compression sees it."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.models import checkpoint, fetched
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.spec import scopes
from knowcost.spec.architectures import Architecture, architecture


@contextlib.contextmanager
def opened(folder: str | Path) -> Iterator["Base"]:
    """Yield the Base of a folder; a thread reads every byte of it meanwhile (fetched.check_again).

    Leaving waits for that, and raises InputError for a byte that changed, whatever else went wrong within: what was
    made of it is believed, and handed on, only afterwards.
    """
    with ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(fetched.check_again, folder)
        try:
            yield Base(folder, weights=False)
        finally:
            hashing.result()


class Base(Checkpoint):
    """A fetched model, its final layer untied: the head is a tensor of its own even where the file shares it.

    Attributes beside Checkpoint's: head, head_bias (names of the final layer's tensors), embedding (the input
    embedding's Tensor), tied (bool), hashes ({file: sha256} from source.json), source (all of it), fills ({parameter of
    the model: its tensor here}, as the door found it), ignored (tensors that fill nothing). weights: whether these are
    read for their digests now. Raises InputError for a folder that is not, byte for byte, what source.json says was
    fetched.
    """

    def __init__(self, folder: str | Path, weights: bool = True) -> None:
        self.source = fetched.check(folder, weights)
        self.hashes = fetched.digests(self.source)
        super().__init__(folder)
        self.parameters = sum(t.size for t in self.tensors.values() if t.dtype in checkpoint.FLOATS)
        block = architecture(self.model_type)
        names = self._names()
        self.ignored = {name for name, parameters in names.items() if not parameters}
        self.fills = {parameter: name for name, parameters in names.items() for parameter in parameters}
        heads = [f"{name}.weight" for name in block.heads]
        self.head = next((name for name in heads if name in self.tensors), heads[0])
        self.head_bias = f"{self.head.removesuffix('.weight')}.bias"
        self.embedding = self._named_after_itself(block.embedding)
        self._name_head(block)
        self.tied = self._is_tied()
        self.copies: set[str] = set()  # tensors that the file does not hold by themselves
        scopes.check_claimed(self.model_type, self.modules)
        if self.tied:
            self._untie(block)

    @property
    def modules(self) -> list[str]:
        """As of a Checkpoint, without what fills nothing."""
        return [name for name in super().modules if f"{name}.weight" not in self.ignored]

    def _names(self) -> dict[str, list[str]]:
        names = self.source.get("names")
        if not isinstance(names, dict) or names.keys() != self.tensors.keys():
            raise InputError(
                f"{self.folder / paths.SOURCE}: does not say what the tensors of this checkpoint are; delete it and "
                "run Snakemake again to fetch the model anew"
            )
        return names

    def _named_after_itself(self, pattern: str) -> Tensor:
        """The input embedding, which a file may hold under the name of a parameter that is tied to it.

        It takes its own name then, so that a head that is untied has another.
        """
        found = [(parameter, name) for parameter, name in self.fills.items() if _is_weight(pattern, parameter)]
        if len(found) != 1:
            raise InputError(f"{self.folder}: expected one parameter {pattern}.weight, found {found or 'none'}")
        [(own, name)] = found
        if not _is_weight(pattern, name):
            self._rename(name, own)
        return self.tensors[self.fills[own]]

    def _name_head(self, block: Architecture) -> None:
        """Give a head, and its bias, that a file holds under names of its own ("model.lm_head.weight", as who saves a
        module that wraps the model has it) the names of the parameters they are."""
        wanted = (self.head, block.final_bias, self.head_bias)
        for parameter in [name for name in wanted if name in self.fills]:
            name = self.fills[parameter]
            if name not in self.fills and name != self.embedding.name:
                self._rename(name, parameter)

    def _rename(self, name: str, own: str) -> None:
        stored = self.tensors.pop(name)
        self.tensors[own] = Tensor(own, stored.dtype, stored.shape, stored.blocks)
        self.shards = {shard: [own if n == name else n for n in names] for shard, names in self.shards.items()}
        self.fills |= {parameter: own for parameter, tensor in self.fills.items() if tensor == name}

    def _is_tied(self) -> bool:
        """As transformers 5 decides: the head is missing, or equal to the embedding and not declared separate."""
        if self.head not in self.tensors:
            return True
        if self.config.get("tie_word_embeddings") is False:
            return False
        return checkpoint.same_bytes(self.tensors[self.head], self.embedding)

    def _untie(self, block: Architecture) -> None:
        shard = next(shard for shard, names in self.shards.items() if self.embedding.name in names)
        copies = {self.head: self.embedding}
        if block.final_bias and self.head_bias not in self.tensors:
            copies[self.head_bias] = self.tensors[block.final_bias]
        own = {name: [f"{head}.{name.rpartition('.')[2]}" for head in block.heads] for name in copies}  # in the model
        self.copies = copies.keys() - self.tensors.keys()
        for name, original in copies.items():
            if name in self.copies:
                self.shards[shard].append(name)
            self.tensors[name] = Tensor(name, original.dtype, original.shape, original.blocks)
            self.fills |= {parameter: name for parameter in self.fills if parameter in own[name]}


def _is_weight(pattern: str, name: str) -> bool:
    return scopes.matches(f"{pattern}.weight", name)
