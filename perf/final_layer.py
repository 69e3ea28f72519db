"""What the probe saves where variants differ in the final layer alone: 18 of them, asked as one job asks them.

Three ways, the same weights and sentences (of 12 tokens): `together`, the encoder's states kept for all of them
(knowcost/score/states.py); `alone`, each by the same engine; `plain`, each as transformers' fill-mask would be asked in
batches of 32, padded to 128 tokens, the vocabulary at every position. CPU seconds, with tokenization, without loading.
One variant is asked the plain way, and counts 18 times. The variants lost 10 to 90 percent of their final layer's
weights, or rows. Fails if an answer of `together` is not that of `alone` to the last bit, if a prediction is not the
plain one, or if the encoder made more than 1.5 passes.

    python perf/final_layer.py [--model FOLDER] [--sentences 16] [--threads 1]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import torch
from probing import by_published, make_model, make_sentences
from rows import beside, say
from transformers import AutoModelForMaskedLM, AutoTokenizer

from knowcost.common import files, parquet
from knowcost.score.engines import cloze
from knowcost.score.places import ALL
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.states import States

LEVELS, MOST_PASSES, LENGTH = range(10, 100, 10), 1.5, 12
PLAN = Plan(cloze_tokens=2048, harness_tokens=1024, generated_tokens=4096, prompts=None, one_length=False)


class Variants:
    """18 of a model, whose final layer is pruned in place, untied from its embedding."""

    def __init__(self, model):
        self.head = model.get_output_embeddings()
        self.dense = self.head.weight.detach()
        single, rows = self.dense.abs(), self.dense.abs().sum(1, keepdim=True)
        self.cuts = [(size, cut) for size in (single, rows) for cut in _cuts(size)]

    def __iter__(self):
        try:
            for size, cut in self.cuts:
                self.head.weight = torch.nn.Parameter(torch.where(size <= cut, 0, self.dense), requires_grad=False)
                yield
        finally:
            self.head.weight = torch.nn.Parameter(self.dense, requires_grad=False)


def _cuts(size):
    """The largest of what each level removes."""
    ordered = size.flatten().sort().values
    return [ordered[size.numel() * percent // 100 - 1] for percent in LEVELS]


def write_benchmark(tokenizer, sentences, folder):
    count = len(sentences)
    word = tokenizer.decode([tokenizer(sentences[0])["input_ids"][1]]).strip()
    columns = {
        "id": [str(i) for i in range(count)],
        "relation": pa.nulls(count, pa.string()),
        "cloze": sentences,
        "answer": [word] * count,
        "candidates": pa.nulls(count, pa.list_(pa.string())),
    }
    parquet.write(folder / "benchmark.parquet", pa.table(columns), {"kind": "cloze"})
    return folder / "benchmark.parquet"


def asked(model, tokenizer, benchmark, states, variants):
    """(CPU seconds, tables, passes of the encoder over the sentences) of all variants."""
    seconds, tables, computed = 0.0, [], []
    hook = model.get_input_embeddings().register_forward_hook(lambda module, given, out: computed.append(len(given[0])))
    for _ in variants:
        start = time.process_time()
        tables.append(cloze.ask(Respondent(model, tokenizer, "encoder", states=states), benchmark, ALL, PLAN)[0])
        seconds += time.process_time() - start
    hook.remove()
    return seconds, tables, sum(computed) / len(tables[0])


def plain(model, tokenizer, sentences, variants):
    """(CPU seconds of all variants, of which one is asked, the first; its predictions)."""
    for _ in variants:
        start = time.process_time()
        predictions = by_published(model, tokenizer, sentences)
        return len(variants.cuts) * (time.process_time() - start), predictions


def compare(folder, count):
    """Print all ways. Returns what is wrong, if anything."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    sentences = make_sentences(tokenizer, LENGTH, count)
    variants = Variants(model)
    with files.scratch() as scratch, torch.inference_mode():
        benchmark = write_benchmark(tokenizer, sentences, scratch)
        cloze.ask(Respondent(model, tokenizer, "encoder"), benchmark, slice(2), PLAN)  # warms up
        together, ours, passes = asked(model, tokenizer, benchmark, States().of("the same"), variants)
        alone, theirs, _ = asked(model, tokenizer, benchmark, None, variants)
        published, predictions = plain(model, tokenizer, sentences, variants)
    print(f"{len(variants.cuts)} variants of the final layer, {count} sentences of {LENGTH} tokens, CPU seconds")
    print(f"together  {together:7.2f}  in {passes:g} passes of the encoder")
    print(f"alone     {alone:7.2f}  {alone / together:.1f} times as much")
    print(f"plain     {published:7.2f}  {published / together:.1f} times as much")
    what = f"{len(variants.cuts)} variants of the final layer, CPU, {torch.get_num_threads()} threads"
    say(beside(f"{what}: each alone", together, alone, "s"), beside(f"{what}: padded to 128", together, published, "s"))
    wrong = ["answers differ"] if ours != theirs else []
    wrong += ["predictions differ"] if ours[0]["prediction"].to_pylist() != predictions else []
    return wrong + [f"{passes:g} passes, {MOST_PASSES} are allowed"] * (passes > MOST_PASSES)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a masked language model (default: a random BERT-base)")
    parser.add_argument("--sentences", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        if not options.model:
            make_model(temporary)
        wrong = compare(options.model or temporary, options.sentences)
    if wrong:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
