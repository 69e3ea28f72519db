"""What seals cost: the same work with sha256 and with a digest that looks at nothing, in turns.

    python perf/seal.py [--times 3] [--questions 1000] [--work FOLDER]

Two pieces of work: pruning a checkpoint of Llama-7B's shapes, one layer deep (0.9 GB, hashed before it is read, and
again while the archive is written), from the fetched folder to the manifest; and asking a small dense model so many
yes/no questions, from the archive to the cell.
"""

import argparse
import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

from rows import beside, say
from seven_b import PRUNED, make_model

SHAPE = {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 6}


class Blind:
    """As a digest of hashlib's, but it looks at nothing."""

    def update(self, data):
        pass

    def hexdigest(self):
        return "0" * 64


@contextlib.contextmanager
def blind():
    """No byte is hashed within, and no digest compared with one of before."""
    from knowcost.common import files, seal
    from knowcost.models import fetched

    with (
        mock.patch.object(fetched, "check_again", lambda folder: fetched.check(folder, weights=False)),
        mock.patch.object(files, "quick_digest", Blind),
        mock.patch.object(seal, "_compare", lambda *_: None),
        mock.patch.object(hashlib, "sha256", lambda data=b"": Blind()),
        mock.patch.object(hashlib, "file_digest", lambda file, name: Blind()),
    ):
        yield


def prepare_compressing(work):
    """A function that prunes the checkpoint into a folder."""
    from knowcost.compress.archive import make as archive

    (work / "model").mkdir()
    make_model(work / "model", layers=1)
    archive.make_thresholds(work / "model", [("paper", "overall", [50])], work / "thresholds.json")
    inputs = archive.Inputs(work / "model", work / "thresholds.json")
    return lambda out: archive.make_archive("bench", PRUNED, inputs, out)


def prepare_asking(work, questions):
    """A function that asks a small model the questions."""
    import torch
    import transformers

    from knowcost.benchmarks import prepared
    from knowcost.common import paths
    from knowcost.compress.archive import make as archive
    from knowcost.fetch.model import fetch_model
    from knowcost.score import job
    from knowcost.score.cells import Settings

    os.chdir(work)
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=8000, **SHAPE))
    model.save_pretrained(work / "origin")
    save_tokenizer(work / "origin")
    row = {"name": "small", "family": "decoder", "source": str(work / "origin")}
    fetch_model(row, paths.model_dir("small"), lock_path=paths.revision_lock("small"))
    archived = Path(paths.archive_dir("small", "dense"))
    archive.make_archive("small", "dense", archive.Inputs(Path(paths.model_dir("small"))), archived)
    passage = " ".join(f"w{i % 7000}" for i in range(100))
    rows = [{"question": f"is w{i} a word", "passage": passage, "answer": i % 2 == 0} for i in range(questions)]
    (work / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepared.prepare({"name": "asked", "format": "boolq"}, work / "asked.jsonl", paths.benchmark("asked"))
    options = {"tokens_per_batch": 2048, "batch_size": "auto", "device": "cpu"}
    options |= {"int8_engine": "knowcost", "int8_activations": "batch"}

    def ask(out):
        for path in (archived / paths.SCORES).rglob("*.parquet*"):
            path.unlink()
        job.score("small", ["dense"], ["asked"], Settings(options))

    return ask


def save_tokenizer(folder):
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "</s>", "<unk>", *(f"w{i}" for i in range(7900))]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    made.save_pretrained(folder)


def compare(name, work, out, times):
    """Print the seconds of both ways, the least of all turns, and by how much hashing makes them more."""
    seconds = {"sealed": [], "blind": []}
    work(out / "warm")
    for turn in range(times):
        for way, within in (("sealed", contextlib.nullcontext), ("blind", blind)):
            with within():
                began, used = time.perf_counter(), time.process_time()
                work(out / f"{way}-{turn}")
                seconds[way].append((time.perf_counter() - began, time.process_time() - used))
    for clock, place in (("passed", 0), ("of CPU", 1)):
        sealed, without = (min(turn[place] for turn in seconds[way]) for way in ("sealed", "blind"))
        more = 100 * (sealed / without - 1)
        print(f"{name}: {sealed:.2f} s {clock}, {without:.2f} s without hashing, {more:.1f}% more")
        if clock == "of CPU":
            say(beside(f"{name}, beside no hashing", sealed, without, "s of CPU"))


def main():
    from knowcost.common import heap

    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    heap.keep_freed()  # as every job does
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        work = Path(folder).resolve()
        compare("pruning 7B's shapes, one layer", prepare_compressing(work), work / "archives", arguments.times)
        asking = prepare_asking(work, arguments.questions)
        compare(f"asking {arguments.questions} questions", asking, work, arguments.times)


if __name__ == "__main__":
    main()
