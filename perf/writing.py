"""What generating costs: our loop (knowcost/score/engines/decoding.py) beside transformers' `generate` in batches of as
many tokens.

Prompts of 8 to 64 random tokens, the longest first, and answers of at most 40 tokens that end early: after as many as
their own first tokens say, half as many on average. CPU seconds on one thread and on all, and seconds; both say the
same in float32, but for ties between tokens that rounding decides. Fails where more than one answer in twenty differs.

    python perf/writing.py [--decoder FOLDER] [--encoder-decoder FOLDER] [--prompts 24] [--tokens 1024]

Without folders: random weights, in the shapes of SmolLM2-135M with a third of its layers and of flan-t5-small.
`--caches` prints instead what a token costs with each kind of cache.
"""

import argparse
import os
import random
import time

import torch
import transformers
from rows import beside, say
from transformers import DynamicCache, StaticCache, StoppingCriteria

from knowcost.score.engines import decoding, held

NEW, LENGTHS = 40, range(8, 65)
VOCABULARY = 1000  # prompts are of these tokens


def models(args):
    """(name, model) in float32."""
    torch.manual_seed(0)
    if args.decoder:
        model = transformers.AutoModelForCausalLM.from_pretrained(args.decoder, dtype=torch.float32)
        yield args.decoder.rstrip("/").rpartition("/")[2], model
    else:
        shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 10, "num_attention_heads": 9}
        config = transformers.LlamaConfig(vocab_size=49152, num_key_value_heads=3, **shape)
        yield "Llama of 64 M", transformers.LlamaForCausalLM(config)
    if args.encoder_decoder:
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(args.encoder_decoder, dtype=torch.float32)
        yield args.encoder_decoder.rstrip("/").rpartition("/")[2], model
    else:
        shape = {"d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 8, "num_heads": 6}
        config = transformers.T5Config(**shape, decoder_start_token_id=0, feed_forward_proj="gated-gelu")
        yield "T5 of 77 M", transformers.T5ForConditionalGeneration(config)


def over(said):
    """Whether an answer so far has ended: geometric lengths, of which its first three tokens say one."""
    return len(said) >= 3 and len(said) >= 3 + random.Random(sum(said[:3])).expovariate(3 / NEW)


class Over(StoppingCriteria):
    """The same for `generate`."""

    def __init__(self, start):
        self.start = start

    def __call__(self, input_ids, scores, **kwargs):
        return torch.tensor([over(row) for row in input_ids[:, self.start :].tolist()])


def by_generate(model, prompts, tokens):
    """What transformers says, in batches of at most so many tokens of prompts of about one length."""
    decoder, found = not model.config.is_encoder_decoder, {}
    waiting = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    while waiting:
        width = len(prompts[waiting[0]])
        size = max(1, tokens // (width + NEW))
        batch, waiting = waiting[:size], waiting[size:]
        rows = [[0] * (width - len(prompts[i])) for i in batch]
        seen = [[0] * len(row) + [1] * len(prompts[i]) for i, row in zip(batch, rows, strict=True)]
        rows = [row + prompts[i] for i, row in zip(batch, rows, strict=True)]
        if not decoder:
            rows, seen = [prompts[i] + [0] * (width - len(prompts[i])) for i in batch], [row[::-1] for row in seen]
        start = width if decoder else 1
        made = model.generate(
            input_ids=torch.tensor(rows),
            attention_mask=torch.tensor(seen),
            max_new_tokens=NEW,
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=[Over(start)],
        )
        for i, row in zip(batch, made[:, start:].tolist(), strict=True):
            found[i] = row[: next((n for n in range(1, NEW) if over(row[:n])), NEW)]
    return found


def by_ours(model, prompts, tokens):
    how = decoding.How(NEW, over, lambda longest: tokens // longest)
    return {said.text: said.tokens for said in decoding.decode(model, prompts, how)}


def timed(ask, *given):
    """(answers, CPU seconds, seconds)"""
    cpu, wall = time.process_time(), time.perf_counter()
    found = ask(*given)
    return found, time.process_time() - cpu, time.perf_counter() - wall


def compare(name, model, args):
    chance = random.Random(0)
    prompts = [[chance.randrange(10, VOCABULARY) for _ in range(chance.choice(LENGTHS))] for _ in range(args.prompts)]
    start = model.generation_config.decoder_start_token_id
    model.generation_config = transformers.GenerationConfig(decoder_start_token_id=start)
    if not decoding.suits(model):
        raise SystemExit(f"{name}: takes `generate`")
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        theirs, cpu, wall = timed(by_generate, model, prompts, args.tokens)
        ours, our_cpu, our_wall = timed(by_ours, model, prompts, args.tokens)
        same = sum(ours[i] == theirs[i] for i in ours)
        mean = sum(map(len, theirs.values())) / len(theirs)
        print(
            f"{name}, {threads} threads, {len(prompts)} answers of {mean:.0f} tokens: generate {cpu:.1f} CPU s, "
            f"ours {our_cpu:.1f}, {our_cpu / cpu:.2f} of it; seconds {our_wall / wall:.2f}; same {same}"
        )
        what = f"{name}: {len(prompts)} answers, {threads} thread{'s' if threads > 1 else ''}"
        say(beside(what, our_cpu, cpu, "CPU s"))
        if same < 0.95 * len(prompts):
            raise SystemExit("answers differ")


@torch.inference_mode()
def caches(model, texts, width, steps=16):
    """CPU seconds of a token for each kind of cache, on one thread, after prompts of one length."""
    torch.set_num_threads(1)
    ids = torch.randint(10, VOCABULARY, (texts, width))
    kinds = {
        "DynamicCache": DynamicCache(config=model.config),
        "StaticCache": StaticCache(config=model.config, max_cache_len=width + steps),
        "ours": held.begun(model, width + steps),
    }
    for cache in kinds.values():
        model(input_ids=ids, past_key_values=cache, use_cache=True)
    took = dict.fromkeys(kinds, 0.0)
    for _ in range(steps):  # they take turns, so that a machine that slows down slows all
        for kind, cache in kinds.items():
            start = time.process_time()
            model(input_ids=ids[:, :1], past_key_values=cache, use_cache=True)
            took[kind] += (time.process_time() - start) / steps
    base = took["DynamicCache"]
    print(
        f"{texts} texts of {width} tokens:",
        *(f"{kind} {each:.3f} s ({each / base:.2f})" for kind, each in took.items()),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--decoder")
    parser.add_argument("--encoder-decoder")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--caches", action="store_true")
    args = parser.parse_args()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for name, model in models(args):
        model = model.eval()
        if args.caches:
            for texts, width in ((1, 64), (16, 64), (16, 224)):
                caches(model, texts, width)
            return
        compare(name, model, args)


if __name__ == "__main__":
    main()
