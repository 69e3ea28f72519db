"""PEFT's adapters: made beside a frozen model, stored in PEFT's own files, and put back."""

import logging
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file

from knowcost.common.errors import BrokenPromise
from knowcost.recover import training
from knowcost.recover.method import Made, Work
from knowcost.spec import scopes

log = logging.getLogger(__name__)

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # PEFT's names


def linears(model: transformers.PreTrainedModel) -> list[str]:
    """The paths of the linear layers inside a model's blocks, in the module's order."""
    modules = dict(model.named_modules())
    blocks = [path for _, path in scopes.blocks(model.config.model_type, modules)]
    kinds = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    found = [path for path, module in modules.items() if isinstance(module, kinds)]
    return [path for path in found if any(path.startswith(f"{block}.") for block in blocks)]


def train_lora(work: Work, out: Path) -> Made:
    """Train PEFT's LoRA beside every linear layer of the blocks, and store it in `out`."""
    [rank] = work.recovery.sizes
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linears(work.model))
    torch.manual_seed(work.settings.seed)
    model = peft.get_peft_model(work.model, config)
    return _trained(model, work, out)


def train_prompt(work: Work, out: Path) -> Made:
    """Train PEFT's prompt tuning, and store it in `out`."""
    [length] = work.recovery.sizes
    task = {"decoder": "CAUSAL_LM", "encoder_decoder": "SEQ_2_SEQ_LM"}[work.family]
    config = peft.PromptTuningConfig(task_type=task, num_virtual_tokens=length)
    torch.manual_seed(work.settings.seed)
    return _trained(peft.get_peft_model(work.model, config), work, out)


def train_prefix(work: Work, out: Path) -> Made:
    """Train PEFT's prefix tuning, and store it in `out`."""
    [length] = work.recovery.sizes
    task = {"decoder": "CAUSAL_LM", "encoder_decoder": "SEQ_2_SEQ_LM"}[work.family]
    config = peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=length)
    torch.manual_seed(work.settings.seed)
    return _trained(peft.get_peft_model(work.model, config), work, out)


def _trained(model: peft.PeftModel, work: Work, out: Path) -> Made:
    """Train an adapter, store it in PEFT's format, and check that it changes what the model says."""
    about = training.train(model, work, out)
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    stored = load_file(out / WEIGHTS)
    if not any(tensor.any() for tensor in stored.values()):
        raise BrokenPromise(f"{out}: nothing was learnt, every number of the adapter is zero")
    count = sum(tensor.numel() for tensor in stored.values())
    return Made(count, count, about)


def inject(model: transformers.PreTrainedModel, folder: Path) -> None:
    """Put a stored LoRA into a model's layers. The model stays the one that it was."""
    peft.PeftModel.from_pretrained(model, folder)
    model.eval()
