"""PEFT's adapters: made beside a frozen model, trained, stored in PEFT's own files, and put back.

LoRA stands beside every linear layer of the blocks; in a mixture of experts these are attention's and, where there is
one, the shared expert's: transformers holds the others in parameters of three dimensions, which are left as they are.
Prompts begin as the embeddings of the vocabulary's first rows, as Xu et al.'s do; PEFT's own are drawn from a normal
distribution of variance 1, which no embedding looks like (and of how many layers and heads the model has, which its
configuration asks for, nothing follows). Prefixes begin as PEFT draws them, from that distribution: nobody says another
one. T5's prompt is its encoder's: PEFT would make one for its decoder too, which is never read, unless it is told that
there is one stack.
"""

from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from safetensors.torch import load_file

from knowcost.common import files
from knowcost.common.errors import BrokenPromise, InputError
from knowcost.recover import training
from knowcost.recover.archive import CONFIG, WEIGHTS
from knowcost.recover.method import Made, Work
from knowcost.spec import scopes

TASKS = {"decoder": "CAUSAL_LM", "encoder_decoder": "SEQ_2_SEQ_LM", "encoder": None}  # PEFT has none of masked models


def linears(model: transformers.PreTrainedModel) -> list[str]:
    """The paths of the linear layers inside a model's blocks, in the module's order."""
    modules = dict(model.named_modules())
    blocks = [path for _, path in scopes.blocks(model.config.model_type, modules)]
    kinds = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    found = [path for path, module in modules.items() if isinstance(module, kinds)]
    return [path for path in found if any(path.startswith(f"{block}.") for block in blocks)]


def train_lora(work: Work, out: Path) -> Made:
    """Train PEFT's LoRA beside every linear layer of the blocks, and store it in `out`. Raises as training.train."""
    [rank] = work.recovery.sizes
    made = _beside(work, lora(work.model, rank, TASKS[work.family]))
    about = training.train(made, work, out)
    count = store(made, work, out)
    return Made(count, count, about)


def lora(model: transformers.PreTrainedModel, rank: int, task: str | None = None) -> peft.LoraConfig:
    """PEFT's configuration of LoRA of this rank beside every linear layer of a model's blocks, its scale 2."""
    return peft.LoraConfig(task_type=task, r=rank, lora_alpha=2 * rank, target_modules=linears(model))


def train_prompt(work: Work, out: Path) -> Made:
    """Train PEFT's prompt tuning, and store it in `out`. Raises as training.train."""
    [length] = work.recovery.sizes
    cached = 2 * length * sum(heads * width for heads, width in cache_of(work.model))
    made = prompt_beside(work)
    about = training.train(made, work, out, virtual=length)
    return Made(store(made, work, out), cached, about)


def prompt_beside(work: Work) -> Any:
    """A recovery's model behind a fresh prompt of its first size."""
    length = work.recovery.sizes[0]
    width = work.model.get_input_embeddings().weight.shape[1]  # not always that of the blocks, which PEFT takes
    config = peft.PromptTuningConfig(
        task_type=TASKS[work.family], num_virtual_tokens=length, num_transformer_submodules=1, token_dim=width,
        num_layers=1, num_attention_heads=1,
    )  # fmt: skip
    made = _beside(work, config)
    table = made.prompt_encoder["default"].embedding.weight
    first = torch.arange(length, device=table.device) % made.word_embeddings.weight.shape[0]
    with torch.no_grad():
        table.copy_(made.word_embeddings(first))
    return made


def train_prefix(work: Work, out: Path) -> Made:
    """Train PEFT's prefix tuning, and store it in `out`. Raises as training.train, and InputError for a model whose
    layers differ in their keys."""
    [length] = work.recovery.sizes
    shapes = cache_of(work.model)
    if len(set(shapes)) > 1:
        raise InputError(f"recovery {str(work.recovery)!r}: PEFT's prefixes need layers with keys of one shape")
    heads, width = shapes[0]
    config = peft.PrefixTuningConfig(
        task_type=TASKS[work.family], num_virtual_tokens=length, num_layers=len(shapes), num_attention_heads=heads,
        token_dim=heads * width,
    )  # fmt: skip
    made = _beside(work, config)
    about = training.train(made, work, out, virtual=length, uncached=False)
    count = store(made, work, out)
    return Made(count, count, about)


def _beside(work: Work, config: peft.PeftConfig) -> Any:
    """A fresh adapter beside a recovery's model."""
    torch.manual_seed(work.settings.seed)
    return peft.get_peft_model(work.model, config)


@torch.no_grad()
def cache_of(model: transformers.PreTrainedModel) -> list[tuple[int, int]]:
    """(heads, width of each) of the keys that each layer of a decoder holds of one token."""
    ids = torch.zeros(1, 1, dtype=torch.int64, device=model.device)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})
    found = model(**inputs, use_cache=True).past_key_values
    layers = getattr(found, "self_attention_cache", found).layers
    return [(layer.keys.shape[1], layer.keys.shape[3]) for layer in layers]


def store(model: peft.PeftModel, work: Work, out: Path) -> int:
    """Store a trained adapter in PEFT's format, the same bytes each time, and return how many numbers it has.

    Raises BrokenPromise where it does not change what the model says.
    """
    _check_changes(model, work, out)
    model.save_pretrained(out, save_embedding_layers=False)
    (out / "README.md").unlink(missing_ok=True)
    make_neutral(out)
    return sum(tensor.numel() for tensor in load_file(out / WEIGHTS).values())


def make_neutral(out: Path) -> None:
    """Write PEFT's configuration in `out` again: the same bytes for the same adapter, wherever its base lay."""
    config = files.read_json(out / CONFIG) | {"base_model_name_or_path": None}
    for key, value in config.items():
        if isinstance(value, list):  # PEFT writes sets, in whatever order
            config[key] = sorted(value)
    files.write_json(out / CONFIG, config)


@torch.no_grad()
def _check_changes(model: peft.PeftModel, work: Work, out: Path) -> None:
    ids = torch.arange(2, device=work.model.device).unsqueeze(0)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if work.model.config.is_encoder_decoder else {})
    said = model(**inputs).logits[:, -2:]
    with model.disable_adapter():
        before = model(**inputs).logits
    if torch.equal(said, before):
        raise BrokenPromise(f"{out}: nothing was learnt, the adapter does not change what the model says")


def inject(model: transformers.PreTrainedModel, folder: Path) -> None:
    """Put a stored LoRA into a model's layers. The model stays the one that it was."""
    peft.PeftModel.from_pretrained(model, folder)
    model.eval()
