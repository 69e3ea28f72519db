"""What transformers builds of a config.json whose architecture has no block yet, without weights."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from knowcost.common.errors import InputError, first_line
from knowcost.fetch.config import check_sizes
from knowcost.fetch.door import check_text_alone
from knowcost.models import blueprint
from knowcost.models.anatomy import kinds, on_disk
from knowcost.models.checkpoint import Checkpoint
from knowcost.models.headers import read_config
from knowcost.models.names import tied
from knowcost.spec.patterns import unnumbered

VERSION = f"transformers {transformers.__version__}"
TYPES = transformers.models.auto.configuration_auto.CONFIG_MAPPING


@dataclass
class Built:
    """What `build` made of it.

    model; family; others: two-dimensional weights that only other heads of it or the files have, by their names on
    disk, numbers as #; padding_positions, keeps_tie_key: as in architectures.yaml; remarks: in sentences.
    """

    model: transformers.PreTrainedModel
    family: str
    others: list[str] = field(default_factory=list)
    padding_positions: bool = False
    keeps_tie_key: bool = False
    remarks: list[str] = field(default_factory=list)


def build(folder: Path) -> Built:
    """What transformers builds of a folder's config.json. Raises InputError where that is no model of text with a head
    over its vocabulary, or needs code of its own."""
    path = folder / "config.json"
    config = read_config(folder)
    check_sizes(path, config)
    remarks = list(_about_code(path, config))
    config.pop("quantization_config", None)
    try:
        made = blueprint.described(config)
    except Exception as error:
        raise InputError(f"{path}: {VERSION} does not take it ({first_line(error)}); repair it") from None
    check_text_alone(path, made.to_dict())
    family, sure = _family(path, made)
    if not sure:
        remarks.append(
            f"family: {made.model_type} has other heads too, and `architectures` in config.json does not say which."
        )
    found = Built(_on_meta(path, blueprint.AUTO[family], made), family, remarks=remarks)
    found.others = list(_others(folder, found.model))
    found.keeps_tie_key = _keeps_tie_key(path, found)
    counted = _counts_from_padding(found.model)
    if counted is None:
        remarks.append(
            "padding_positions: whether rows of its table of positions are for padding could not be tried out."
        )
    found.padding_positions = bool(counted)
    return found


def _about_code(path: Path, config: dict[str, Any]) -> Iterator[str]:
    name = config.get("model_type")
    if not isinstance(name, str) or name not in TYPES:
        code = " It brings code of its own (auto_map), which is not run here." if "auto_map" in config else ""
        raise InputError(
            f"{path}: model_type is {name!r}, which {VERSION} does not know.{code} Choose a checkpoint in "
            "transformers' own format (the names of such often end in -hf), or install a transformers that knows it"
        )
    if "auto_map" in config:
        yield f"Its own code (auto_map) was not run: these are the classes of {VERSION} for {name}."


def _family(path: Path, config: transformers.PreTrainedConfig) -> tuple[str, bool]:
    """(the family, whether that is sure) of a configuration."""
    meant = ("encoder_decoder",) if config.is_encoder_decoder else ("encoder", "decoder")
    classes = {name: blueprint.AUTO[name]._model_mapping.get(type(config), None) for name in meant}
    there = [name for name, cls in classes.items() if cls is not None]
    named = [name for name in there if classes[name].__name__ in (config.architectures or ())]
    if not there:
        heads = " or ".join(blueprint.AUTO[name].__name__ for name in meant)
        raise InputError(
            f"{path}: {VERSION} has no {heads} for model_type {config.model_type!r}: no model of it maps text to a "
            "vocabulary, so no knowledge can be asked of it"
        )
    return (named or there)[0], bool(named) or len(there) == 1


def _on_meta(path: Path, auto: Any, config: transformers.PreTrainedConfig) -> transformers.PreTrainedModel:
    try:
        with torch.device("meta"):
            return auto.from_config(config).eval()
    except Exception as error:
        raise InputError(
            f"{path}: {VERSION} cannot build the model that it describes ({first_line(error)}); expected the whole "
            "config.json of a checkpoint"
        ) from None


def _others(folder: Path, model: transformers.PreTrainedModel) -> Iterator[str]:
    """Names on disk, numbers as #, of the matrices that this model has without any head, and with that of pretraining,
    and of those in the folder's files."""
    for auto in (transformers.AutoModel, transformers.AutoModelForPreTraining):
        cls = auto._model_mapping.get(type(model.config), None)
        if cls is None or cls is type(model):
            continue
        other = _on_meta(folder / "config.json", auto, copy.deepcopy(model.config))
        for name, value in kinds(other.state_dict(keep_vars=True)).items():
            yield from (
                unnumbered(stored).removesuffix(".weight")
                for stored, one in on_disk(other, name, value).items()
                if stored.endswith(".weight") and one.dim() == 2
            )
    if any(folder.glob("*.safetensors")):
        yield from dict.fromkeys(unnumbered(name) for name in Checkpoint(folder).modules)


def _keeps_tie_key(path: Path, found: Built) -> bool:
    """Whether a model whose head is untied lacks other embeddings once config.json says tie_word_embeddings: false: an
    encoder's and a decoder's, as BART's kind has them."""
    if not any(len(group) > 2 for group in tied(found.model)):
        return False
    config = blueprint.described(found.model.config.to_dict() | {"tie_word_embeddings": False})
    return not tied(_on_meta(path, blueprint.AUTO[found.family], config))


def _counts_from_padding(model: transformers.PreTrainedModel) -> bool | None:
    """Whether the first positions of texts are behind padding's, as RoBERTa's are; None where that cannot be tried.

    Its embeddings alone are built small, asked for three tokens, and the rows that are looked up are seen.
    """
    rows, padding = getattr(model.config, "max_position_embeddings", None), getattr(model.config, "pad_token_id", None)
    tables = {name: m for name, m in model.named_modules() if isinstance(m, nn.Embedding) and m.num_embeddings == rows}
    words = next(name for name, m in model.named_modules() if m is model.get_input_embeddings())
    owner = words.rpartition(".")[0]
    beside = [name for name in tables if name.rpartition(".")[0] == owner and name != words]
    if padding is None or not beside:
        return False
    config = copy.deepcopy(model.config)
    config.vocab_size = padding + 2
    looked: list[int] = []
    try:
        embeddings = type(model.get_submodule(owner))(config)
        table = embeddings.get_submodule(beside[0].rpartition(".")[2])
        table.register_forward_pre_hook(lambda _, given: looked.append(int(given[0].min())))
        with torch.no_grad():
            embeddings(input_ids=torch.full((1, 3), padding + 1))
    except Exception:  # whatever a class of its own wants
        return None
    return looked[0] == padding + 1 if looked else None
