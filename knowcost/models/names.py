"""Which tensors of a checkpoint fill which parameters of a model: the one place that decides, by transformers' tables.

transformers renames what old checkpoints hold (a LayerNorm's gamma and beta), adds or takes away the prefix of the base
model ("bert.", "model.") and lets tied parameters share whichever of their tensors is stored. `resolve` does as
`from_pretrained` does with the same tables (core_model_loading.convert_and_load_state_dict_in_model and
PreTrainedModel.tie_weights), but reads no weights. What these tables put together (experts) stays apart in a model of
`blueprint.empty`, so only renamings are left.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import transformers
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming, rename_source_key

from knowcost.models.checkpoint import natural


@dataclass(frozen=True)
class Names:
    """What `resolve` found.

    sources: {parameter: [tensors of its own]}, more than one where a checkpoint contradicts itself; shared: {parameter
    that has none of its own: the tensor that it shares}; ignored: {tensor that fills nothing: where it would belong};
    missing: [parameters that nothing fills]. Persistent buffers count as parameters.
    """

    sources: dict[str, list[str]]
    shared: dict[str, str]
    ignored: dict[str, str]
    missing: list[str]

    @property
    def tensors(self) -> dict[str, str]:
        """{parameter: the tensor that fills it}, of all that are filled."""
        return {parameter: own[0] for parameter, own in self.sources.items()} | self.shared


def resolve(model: transformers.PreTrainedModel, names: Iterable[str]) -> Names:
    """The Names of a model, on any device, and of the tensors of a checkpoint."""
    renamings = [each for each in get_model_conversion_mapping(model) if isinstance(each, WeightRenaming)]
    wanted = model.state_dict()
    sources: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    for name in sorted(names, key=natural):
        target = rename_source_key(name, renamings, [], model.base_model_prefix, wanted)[0]
        if target not in wanted and name in wanted:  # a name that should not have been changed
            target = rename_source_key(name, [], [], model.base_model_prefix, wanted)[0]
        if target in wanted:
            sources.setdefault(target, []).append(name)
        else:
            ignored[name] = target
    shared = _shared(model, sources)
    optional = model._keys_to_ignore_on_load_missing or ()  # patterns of what starts as it should, as BART's final bias
    missing = [
        parameter
        for parameter in wanted
        if parameter not in sources
        and parameter not in shared
        and not any(re.search(each, parameter) for each in optional)
    ]
    return Names(sources, shared, ignored, missing)


def tied(model: transformers.PreTrainedModel) -> list[list[str]]:
    """The groups of parameters that are one tensor by a model's configuration."""
    groups: dict[str, list[str]] = {}
    for target, source in getattr(model, "all_tied_weights_keys", {}).items():
        groups.setdefault(source, [source]).append(target)
    return list(groups.values())


def _shared(model: transformers.PreTrainedModel, sources: dict[str, list[str]]) -> dict[str, str]:
    """Of every group of tied parameters, those without a tensor: they share the first that has one."""
    shared: dict[str, str] = {}
    for group in tied(model):
        stored = [parameter for parameter in group if parameter in sources]
        if stored:
            shared |= {parameter: sources[stored[0]][0] for parameter in group if parameter not in sources}
    return shared
