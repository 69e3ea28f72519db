"""Recoveries' work on tiny models and texts of random words. For tests only."""

import random

import pyarrow as pa
import transformers as tf

from helpers import tiny
from knowcost.common import seal
from knowcost.recover.method import Settings, Work
from knowcost.recover.registry import METHODS
from knowcost.spec.architectures import family_of
from knowcost.spec.recoveries import parse

SETTINGS = {"tokens": 480, "length": 20, "batch_size": 2, "learning_rate": 1e-2, "weight_decay": 0.0, "warmup": 1,
            "join": True, "validation": 2, "seed": 0, "dtype": "float32"}  # fmt: skip


def write_texts(path, texts):
    """An Arrow file as calibration/texts.py leaves it."""
    schema = pa.schema([("text", pa.string())])
    with seal.sealed(path) as temporary, pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        file.write_batch(pa.record_batch([list(texts)], schema=schema))
    return path


def words(texts=12, length=40, seed=0):
    """Texts of so many words of the tiny tokenizer; length: a number, or one for each text."""
    chosen = random.Random(seed)
    lengths = [length] * texts if isinstance(length, int) else length
    return [" ".join(f"w{chosen.randrange(100)}" for _ in range(size)) for size in lengths]


def work(folder, kind, recovery, texts=None, dense_seed=1, **settings):
    """A Work in an empty archive folder/out, whose dense model is another random one."""
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    tiny.save_tokenizer(folder / "tokenizer")
    tokenizer = tf.AutoTokenizer.from_pretrained(folder / "tokenizer")
    model = tiny.model(kind).requires_grad_(False)
    (folder / "out" / ".training").mkdir(parents=True, exist_ok=True)
    return Work(
        parse(recovery),
        family_of(model.config.model_type),
        model,
        tokenizer,
        write_texts(folder / "texts.arrow", texts or words()),
        Settings(**SETTINGS | settings),
        folder / "out" / ".training",
        lambda: tiny.model(kind, dense_seed).requires_grad_(False),
    )


def make(work):
    """Its Made, in the archive's folder."""
    return METHODS[work.recovery.method].make(work, work.state.parent)
