"""Peak memory and time of going through models block by block that differ only in how many blocks they have.

    python perf/blocks.py [--layers 24 --width 512 --hidden 2048 --samples 16 --length 256]

Llamas of random weights, of two blocks and of many, are written tensor by tensor and compressed by `wanda` and
`sparsegpt`, archives written and verified as in a run, each in a process of its own with one thread. Asserted: the
peak does not grow with the number of blocks, so memory holds one block, the statistics of its inputs and an output
per calibration token, and not the model.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row, say

VOCABULARY = 1000
METHODS = ("wanda-50@overall", "sparsegpt-50@overall")


def make_model(folder, layers, width, hidden, **_):
    """A fetched Llama of random float32 weights."""
    import numpy as np

    from knowcost.common import files, paths, seal
    from knowcost.models import checkpoint, shard_files

    shapes = {f"self_attn.{name}_proj": (width, width) for name in "qkvo"}
    shapes |= {"mlp.gate_proj": (hidden, width), "mlp.up_proj": (hidden, width), "mlp.down_proj": (width, hidden)}
    weights = {"model.embed_tokens": (VOCABULARY, width), "lm_head": (VOCABULARY, width)}
    weights |= {f"model.layers.{i}.{name}": shape for i in range(layers) for name, shape in shapes.items()}
    norms = [f"layers.{i}.{name}_layernorm" for i in range(layers) for name in ("input", "post_attention")]

    def drawn(name, shape):
        generator = np.random.default_rng(len(name))
        return checkpoint.Tensor(
            name, "F32", shape, lambda: iter([generator.normal(size=np.prod(shape), scale=0.02).astype(np.float32)])
        )

    tensors = [drawn(f"{name}.weight", shape) for name, shape in weights.items()]
    ones = np.ones(width, np.float32)
    tensors += [checkpoint.from_array(f"model.{name}.weight", "F32", ones) for name in [*norms, "norm"]]
    folder.mkdir(parents=True)
    shard_files.write_shard(folder / paths.WEIGHTS, tensors)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False}
    config |= {"vocab_size": VOCABULARY, "hidden_size": width, "intermediate_size": hidden}
    config |= {"num_hidden_layers": layers, "num_attention_heads": 8}
    files.write_json(folder / "config.json", config)
    names = {tensor.name: [tensor.name] for tensor in tensors}
    hashes = {path.name: {"sha256": files.sha256(path)} for path in folder.iterdir()}
    seal.write_json(folder / paths.SOURCE, {"source": "bench", "files": hashes, "names": names})


def make_windows(path, model, samples, length, **_):
    import numpy as np
    import pyarrow as pa

    from knowcost.common import parquet
    from knowcost.models import fetched

    about = {"name": "random", "model_files": fetched.digest_of_small(fetched.read_source(model))}
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (samples, length)).tolist()
    schema = pa.schema([("ids", pa.list_(pa.int64()))])
    parquet.write(path, pa.table({"ids": ids}, schema=schema), about)


def run(slug, sizes, folder):
    """{"seconds", "memory": MB at most} of compressing a model of these sizes in this process."""
    import torch

    from knowcost.compress.archive import make as archive

    torch.set_num_threads(1)
    make_model(folder / "model", **sizes)
    make_windows(folder / "windows.parquet", folder / "model", **sizes)
    began = time.perf_counter()
    inputs = archive.Inputs(folder / "model", calibration=folder / "windows.parquet")
    archive.make_archive("bench", slug, inputs, folder / "out")
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(slug, sizes):
    """`run` in a process of its own."""
    command = [sys.executable, __file__, "--slug", slug, *(str(x) for k, v in sizes.items() for x in (f"--{k}", v))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in {"layers": 24, "width": 512, "hidden": 2048, "samples": 16, "length": 256}.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--slug", help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    slug = options.pop("slug")
    if slug:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(slug, options, Path(folder))))
        return
    block = 4 * (4 * options["width"] ** 2 + 3 * options["width"] * options["hidden"]) / 2**20
    activations = 4 * options["samples"] * options["length"] * options["width"] / 2**20
    print(f"blocks of {block:.0f} MB, {activations:.0f} MB of activations, one thread")
    for slug in METHODS:
        two, many = measure(slug, options | {"layers": 2}), measure(slug, options)
        for found, count in ((two, 2), (many, options["layers"])):
            model = f"{count} blocks ({count * block:.0f} MB)"
            print(
                f"  {slug:22} {model:20} {found['memory']:6.0f} MB at most, {found['seconds'] / count:6.2f} s a block"
            )
        added = (options["layers"] - 2) * block  # runs of the same size differ by up to 70 MB
        assert many["memory"] < two["memory"] + max(added / 2, 40), f"{slug}: memory grows with the number of blocks"
        memory = [f"{found['memory']:.0f} MB" for found in (many, two)]
        ratio = f"{two['memory'] / many['memory']:.2f}x"
        say(Row(f"{slug}: {options['layers']} blocks, beside 2", *memory, ratio, "does not grow", True))


if __name__ == "__main__":
    main()
