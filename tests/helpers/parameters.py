"""Parameters per scope from config.json alone, which shows that the scopes are those of Table 2 of Namburi et al. 2023.

What Table 2 counts, found by reproducing it: the weights of linear layers, and nothing else. No biases, norms or
embeddings, so its "total trainable parameters" is what Overall_GQ quantizes, not the size of the model (Llama-7B: 6,607
against 6,738 million). A final layer that shares the embedding's matrix counts in full. `overall` is more than
attention + feed_forward in encoders: the dense layer of the masked-word head, and ALBERT's projection of its
embeddings, belong to neither. The scopes are those of the `paper` grouping. ALBERT's shared block counts once per depth
at which it is applied, though a checkpoint holds it once.

resources/configs/ has the keys that shape the paper's 13 models, as their authors published them. (Some copies of
WizardLM-7B have a vocabulary of 32,001, which rounds to the same millions.)
"""

from fractions import Fraction
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from knowcost.models.blueprint import AUTO
from knowcost.spec import scopes
from knowcost.spec.architectures import architecture, family_of
from knowcost.spec.families import COMMON_SCOPES
from knowcost.spec.variants import GROUPINGS

BLOCK_SCOPES = ("attention", "feed_forward")  # the layers inside a transformer block, which ALBERT shares among depths


def count(config: dict[str, Any]) -> dict[str, int]:
    """{"overall", "attention", "feed_forward", "final", "total"}: linear weights in each scope of the `paper` grouping.

    config: the contents of a config.json; a key that is absent takes the library's default for its `model_type`.
    total: overall + final. The model is built on torch's meta device, so a 7B takes seconds and no memory.
    Raises InputError when the architecture is not in the table of scopes.
    """
    model_type = config.get("model_type")
    architecture(model_type)  # an unknown one ends here, before transformers sees it
    model = _on_meta(config)
    weights = _linear_weights(model)
    taken = {scope: scopes.layers(model_type, weights, GROUPINGS[0], scope) for scope in COMMON_SCOPES}
    in_block = {name for scope in BLOCK_SCOPES for name in taken[scope]}
    depths = _depths_per_copy(model.config)
    counts = {
        scope: sum(weights[name] * (depths if name in in_block else 1) for name in names)
        for scope, names in taken.items()
    }
    return {scope: int(n) for scope, n in counts.items()} | {"total": int(counts["overall"] + counts["final"])}


def _on_meta(config: dict[str, Any]) -> PreTrainedModel:
    with torch.device("meta"):
        return AUTO[family_of(config["model_type"])].from_config(AutoConfig.for_model(**config))


def _linear_weights(model: torch.nn.Module) -> dict[str, int]:
    """{module name: number of weights} of every nn.Linear."""
    modules = model.named_modules()
    return {name: module.weight.numel() for name, module in modules if isinstance(module, torch.nn.Linear)}


def _depths_per_copy(config: PretrainedConfig) -> Fraction | int:
    """At how many depths the model applies each stored block: 1, but in ALBERT the layers over the groups that share.

    A fraction, because the groups may not divide the layers; they are alike, so sums over all of them are whole.
    """
    groups = getattr(config, "num_hidden_groups", None)
    return Fraction(config.num_hidden_layers, groups) if groups else 1
