"""What a recovery costs when the model answers: seconds per batch of 16 texts of 1,024 tokens.

One forward pass (of all tokens, as for scoring) of the model as it is, with LoRA beside its layers and merged into
them, with a prompt, a prefix, and dynamic prompting in both readings; and plain PEFT's own forward pass of the same
adapters. All stand in memory at once, on the same weights (but for the merged ones), and take turns, one batch each a
round, so that a machine that slows down slows all. Says the median of the rounds, and the median of the ratios to the
base of the same round with the least and the largest. Adapters are random: what they say takes no time. Fails if ours
does not answer as PEFT does.

    python perf/latency.py [--model FOLDER | --size 7b] [--device cuda] [--dtype float16] [--rounds 9]

Without a model: a small Llama of random weights; `--size 7b`: one as large as Llama-7B (two copies of the weights and
the activations of a batch: 40 GB in float16). Nothing is written but to a temporary folder.
"""

import argparse
import copy
import platform
import statistics
import tempfile
import time
from pathlib import Path

import peft
import rows
import torch
import transformers

from knowcost.recover import registry
from knowcost.recover.adapters import linears
from knowcost.recover.method import Settings, Work
from knowcost.spec.recoveries import parse

SIZES = {
    "small": {"vocab_size": 2048, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 4,
              "num_attention_heads": 4},
    "7b": {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
           "num_attention_heads": 32},
}  # fmt: skip
SETTINGS = Settings(tokens=0, length=0, batch_size=0, learning_rate=0, weight_decay=0, warmup=0, join=True,
                    validation=0, seed=0, dtype="float32")  # fmt: skip
NEAR = {"float32": 1e-3, "float16": 3e-2, "bfloat16": 2e-1}  # how far answers may be apart, of the largest of them


def base_model(args):
    """The model that all stand on, its weights frozen, on its device."""
    dtype = getattr(torch, args.dtype)
    if args.model:
        made = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype)
    else:
        torch.manual_seed(0)
        config = transformers.LlamaConfig(**SIZES[args.size])
        with torch.device(args.device):
            made = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    return made.to(args.device).eval().requires_grad_(False)


def beside(model):
    """The same model once more, on the same weights."""
    return copy.deepcopy(model, {id(each): each for each in (*model.parameters(), *model.buffers())})


def adapters(model, args, folder):
    """{name: folder} of random adapters as PEFT stores them."""
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    shape = {"task_type": "CAUSAL_LM", "num_layers": config.num_hidden_layers, "num_attention_heads": heads}
    lora = {"target_modules": linears(model), "init_lora_weights": False, "task_type": "CAUSAL_LM"}
    wanted = {f"lora-r{args.rank}": peft.LoraConfig(r=args.rank, lora_alpha=2 * args.rank, **lora)}
    for length in args.prompts:
        prompt = shape | {"num_virtual_tokens": length, "token_dim": config.hidden_size}
        wanted[f"prompt-{length}"] = peft.PromptTuningConfig(**prompt)
    prefix = shape | {"num_virtual_tokens": args.prompts[0], "token_dim": heads * width}
    wanted[f"prefix-{args.prompts[0]}"] = peft.PrefixTuningConfig(**prefix)
    for name, each in wanted.items():
        made = peft.get_peft_model(beside(model), each)
        made.save_pretrained(folder / name, save_embedding_layers=False)
    return {name: folder / name for name in wanted}


def contestants(model, args, folder):
    """{name: model} of all that take turns: the base, and each recovery as we put it back and as PEFT does."""
    stored = adapters(model, args, folder)
    found = {"base": model, "base, eager attention": beside(model)}
    found["base, eager attention"].set_attn_implementation("eager")  # as dynamic prompting computes it
    for name, place in stored.items():
        found[name] = recovered(model, name, place)
        found[f"{name}, plain PEFT"] = peft.PeftModel.from_pretrained(beside(model), place).eval()
    lora = next(iter(stored))
    found[f"{lora}, merged"] = peft.PeftModel.from_pretrained(copy.deepcopy(model), stored[lora]).merge_and_unload()
    for option in ("", "-input"):
        name = f"dynamic_prompt-{'+'.join(map(str, args.prompts))}{option}"
        place, recovery = folder / name, parse(name)
        place.mkdir()
        parts = {length: stored[f"prompt-{length}"] for length in args.prompts}
        work = Work(recovery, "decoder", beside(model), None, None, SETTINGS, folder, None, parts)
        registry.method_of(recovery).make(work, place)
        found[name] = recovered(model, name, place)
    return found


def recovered(model, name, place):
    """A model to which a recovery of ours was applied."""
    made, recovery = beside(model), parse(name)
    registry.method_of(recovery).apply(recovery, made, place)
    return made.eval()


@torch.inference_mode()
def answers(model, ids):
    """The logits of the input's own tokens."""
    return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -ids.shape[1] :]


def check(found, ids):
    """Raise SystemExit unless each recovery answers as plain PEFT does, and another thing than the base."""
    few, dtype = ids[:2, :32], str(found["base"].dtype).removeprefix("torch.")
    base = answers(found["base"], few)
    for name, model in found.items():
        plain = found.get(f"{name.removesuffix(', merged')}, plain PEFT")
        if plain is None:
            continue
        theirs = answers(plain, few)
        apart = float((answers(model, few) - theirs).abs().max() / theirs.abs().max())
        if apart > NEAR[dtype] or torch.equal(theirs, base):
            raise SystemExit(f"{name}: answers are {apart:.2g} of the largest logit away from plain PEFT's")


@torch.inference_mode()
def seconds(model, ids):
    """Of one forward pass of a batch."""
    if ids.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    if ids.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def device_name(device):
    """What the numbers are of."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of a decoder")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=NEAR, default="float32")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--prompts", type=int, nargs=2, default=(50, 100))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    model = base_model(args)
    ids = torch.randint(10, model.config.vocab_size, (args.batch, args.length), device=args.device)
    with tempfile.TemporaryDirectory() as folder:
        found = contestants(model, args, Path(folder))
    check(found, ids)
    taken = {name: [] for name in found}
    for turn in range(args.rounds + 1):
        for name, each in found.items():
            took = seconds(each, ids)
            if turn:  # the first round warms up
                taken[name].append(took)
    count = sum(each.numel() for each in model.parameters())
    print(f"{device_name(args.device)}; {args.model or args.size}, {count:,} parameters, {args.dtype}; torch "
          f"{torch.__version__}; {args.rounds} rounds of {args.batch} x {args.length:,} tokens")  # fmt: skip
    print(f"{'':42} {'seconds':>8} {'of base':>8} {'least':>7} {'most':>7}")
    for name, times in taken.items():
        ratios = [mine / its for mine, its in zip(times, taken["base"], strict=True)]
        print(f"{name:42} {statistics.median(times):8.3f} {statistics.median(ratios):8.3f} {min(ratios):7.3f} "
              f"{max(ratios):7.3f}")  # fmt: skip
        if theirs := taken.get(f"{name}, plain PEFT"):
            least = [statistics.median(each) for each in (times, theirs)]
            rows.say(rows.beside(f"a model with {name}, beside plain PEFT", *least, "s"))


if __name__ == "__main__":
    main()
