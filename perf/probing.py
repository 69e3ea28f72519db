"""What the cloze engine saves: the same weights and sentences, by knowcost/score/engines/cloze.py and as published.

The published way (Namburi et al. 2023) pads every sentence to 128 tokens and computes the vocabulary at every position,
here in batches of 32. Each measurement runs in a process of its own, on one thread: CPU seconds of scoring (with
tokenization, without imports and loading), and peak memory. Fails if any prediction differs. The goal is that a
BERT-base is ten times cheaper at 12 tokens.

    python perf/probing.py [--model FOLDER] [--sentences 64]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time

from rows import beside, say

from knowcost.score.places import ALL

LENGTHS = (12, 27)  # tokens, with the special ones: a short template, and a sentence of Google-RE
PADDED, BATCH = 128, 32
FASTER = 10  # at the first of LENGTHS, in a BERT-base


def make_model(folder):
    """Save a BERT-base of random weights with a vocabulary of made-up words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = special + [f"word{i}" for i in range(config.vocab_size - len(special))]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    BertForMaskedLM(config).save_pretrained(folder)


def make_sentences(tokenizer, length, count):
    """`count` sentences of exactly `length` tokens, one of them [MASK], of words that are one token each."""
    chance = random.Random(length)
    words = sorted(w for w in (t.lstrip("\u0120\u2581") for t in tokenizer.get_vocab()) if w.isalnum())
    sentences = []
    while len(sentences) < count:
        chosen = [chance.choice(words) for _ in range(length - 3)]
        chosen.insert(chance.randrange(1, length - 2), "[MASK]")
        sentence = " ".join(chosen)
        if len(tokenizer(sentence.replace("[MASK]", tokenizer.mask_token))["input_ids"]) == length:
            sentences.append(sentence)
    return sentences


def by_probe(model, tokenizer, sentences):
    import pyarrow as pa

    from knowcost.common import files, parquet
    from knowcost.score.engines import cloze as probe
    from knowcost.score.plan import Plan
    from knowcost.score.respondent import Respondent

    word = tokenizer.decode([tokenizer(sentences[0])["input_ids"][1]]).strip()
    table = pa.table(
        {
            "id": [str(i) for i in range(len(sentences))],
            "relation": pa.nulls(len(sentences), pa.string()),
            "cloze": sentences,
            "answer": [word] * len(sentences),
            "candidates": pa.nulls(len(sentences), pa.list_(pa.string())),
        }
    )
    plan = Plan(cloze_tokens=2048, harness_tokens=1024, generated_tokens=4096, prompts=None, one_length=False)
    with files.scratch() as folder:
        parquet.write(folder / "benchmark.parquet", table, {"kind": "cloze"})
        rows, _ = probe.ask(Respondent(model, tokenizer, "encoder"), folder / "benchmark.parquet", ALL, plan)
    return rows["prediction"].to_pylist()


def by_published(model, tokenizer, sentences):
    import torch

    predictions = []
    for start in range(0, len(sentences), BATCH):
        texts = [s.replace("[MASK]", tokenizer.mask_token) for s in sentences[start : start + BATCH]]
        batch = tokenizer(texts, padding="max_length", max_length=PADDED, truncation=True, return_tensors="pt")
        with torch.no_grad():
            logits = model(**batch).logits
        best = logits[batch["input_ids"] == tokenizer.mask_token_id].argmax(-1)
        predictions += [tokenizer.decode([token]).strip() for token in best.tolist()]
    return predictions


def measure(folder, way, length, count):
    """Score in this process; print JSON: CPU seconds, peak memory (MiB) before and after scoring, predictions."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from knowcost.score.engines import cloze  # noqa: F401  # what by_probe imports is not measured

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    sentences = make_sentences(tokenizer, length, count)
    score = {"ours": by_probe, "published": by_published}[way]
    with torch.no_grad():  # reads the weights in and warms up the libraries
        model(**tokenizer(tokenizer.mask_token, return_tensors="pt"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    predictions = score(model, tokenizer, sentences)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "before": before, "peak": peak, "predictions": predictions}))


def compare(folder, length, count):
    """Measure both ways in fresh processes, print them; returns the number of equal predictions."""
    results = {}
    for way in ("published", "ours"):
        arguments = ["--model", folder, "--sentences", str(count), "--measure", way, str(length)]
        done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        r = results[way] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{length:6}  {way:9}  {r['seconds']:7.2f}  {1000 * r['seconds'] / count:11.1f}  {r['peak']:8.0f}  "
            f"{r['peak'] - r['before']:15.0f}",
            flush=True,
        )
    published, ours = results["published"], results["ours"]
    ratio = published["seconds"] / ours["seconds"]
    equal = sum(a == b for a, b in zip(published["predictions"], ours["predictions"], strict=True))
    above = (published["peak"] - published["before"]) / max(ours["peak"] - ours["before"], 1)
    print(
        f"        {ratio:.1f} times less CPU, {published['peak'] / ours['peak']:.1f} times less peak memory "
        f"({above:.0f} times less above that of loading), {equal} of {count} predictions equal "
        f"({len(set(ours['predictions']))} different ones)"
    )
    least = FASTER if length == LENGTHS[0] else None
    say(beside(f"clozes of {length} tokens, beside padding", ours["seconds"], published["seconds"], "s of CPU", least))
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of a masked language model (default: a BERT-base of random weights)")
    parser.add_argument("--sentences", type=int, default=64)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # WAY LENGTH: what the fresh processes are given
    options = parser.parse_args()
    if options.measure:
        measure(options.model, options.measure[0], int(options.measure[1]), options.sentences)
        return
    with tempfile.TemporaryDirectory() as temporary:
        if not options.model:
            make_model(temporary)
        print("tokens  way          CPU s  ms/sentence  peak MiB  above load, MiB")
        outcome = {n: compare(options.model or temporary, n, options.sentences) for n in LENGTHS}
    if any(equal < options.sentences for equal in outcome.values()):
        sys.exit("predictions differ")


if __name__ == "__main__":
    main()
