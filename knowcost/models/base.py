"""A fetched model as compression sees it."""

from pathlib import Path

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.models import checkpoint
from knowcost.models.checkpoint import Checkpoint, Tensor
from knowcost.spec import scopes
from knowcost.spec.architectures import Architecture, architecture


class Base(Checkpoint):
    """A fetched model, its final layer untied: the head is a tensor of its own even where the file shares it.

    Attributes beside Checkpoint's: tied (bool), hashes ({file: sha256} from source.json), source (all of it). Raises
    InputError when a file was written after source.json and is no longer what that says.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.source = files.read_json(self.folder / paths.SOURCE)
        self.hashes = {name: entry["sha256"] for name, entry in sorted(self.source["files"].items())}
        self._check_bytes()
        self.parameters = sum(t.size for t in self.tensors.values() if t.dtype in checkpoint.FLOATS)
        block = architecture(self.model_type)
        self.head = f"{block.final}.weight"
        self.embedding = self._one(block.embedding)
        self.tied = self._is_tied()
        self.copies: set[str] = set()  # tensors that the file does not hold by themselves
        scopes.check_claimed(self.model_type, self.modules)
        if self.tied:
            self._untie(block)

    def _check_bytes(self) -> None:
        """Nothing is made of a checkpoint that is not, byte for byte, what was fetched."""
        for name, expected in self.hashes.items():
            if (found := files.digest(self.folder / name)) != expected:
                raise InputError(
                    f"{self.folder / name}: sha256 is {found}, but it was {expected} when it was fetched; "
                    f"delete {self.folder / paths.SOURCE} and run Snakemake again to fetch it anew"
                )

    def _one(self, pattern: str) -> Tensor:
        found = [name for name in self.names if scopes.matches(f"{pattern}.weight", name)]
        if len(found) != 1:
            raise InputError(f"{self.folder}: expected one tensor {pattern}.weight, found {found or 'none'}")
        return self.tensors[found[0]]

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
        if block.final_bias and f"{block.final}.bias" not in self.tensors:
            copies[f"{block.final}.bias"] = self.tensors[block.final_bias]
        self.copies = copies.keys() - self.tensors.keys()
        for name, original in copies.items():
            if name in self.copies:
                self.shards[shard].append(name)
            self.tensors[name] = Tensor(name, original.dtype, original.shape, original.blocks)
