"""Small valid checkpoints, and hypothesis strategies that change them as damage, other tools and other people do."""

import copy
import functools
import json
import os
import tempfile
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from helpers import mutations, tiny

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
VALUES = [None, True, False, -1, 0, 1, 2, 3, 7, 16, 119, 120, 121, 1.5, 2048.0, 10**9, "", "x", "16", "gelu", [], [1],
          {}, {"x": 1}, float("nan")]  # fmt: skip
TYPES = ["F32", "F16", "BF16", "F64", "F8_E4M3", "I8", "I32", "I64", "U8", "BOOL", "F99", 3, None]
EXTRA = ["classifier.weight", "score.weight", "bert.pooler.dense.weight", "model.norm.bias", "lm_head.bias",
         "model.layers.7.mlp.up_proj.weight", "position_ids", "encoder.layer.0.new.weight"]  # fmt: skip
NEUTRAL = {"return_dict": False, "output_hidden_states": True, "output_attentions": True, "use_cache": None,
           "torchscript": True, "torch_dtype": "float16", "dtype": "x", "attn_implementation": "nope",
           "_attn_implementation": "eager", "gradient_checkpointing": 3}  # fmt: skip


@functools.cache
def checkpoint(kind: str, shards: int = 1) -> dict[str, bytes]:
    """{file name: bytes} of a tiny model with its tokenizer, in one file or in shards with an index."""
    with tempfile.TemporaryDirectory() as folder:
        tiny.fetched(kind, Path(folder))
        held = {p.name: p.read_bytes() for p in Path(folder).iterdir() if not p.name.startswith("source.json")}
        if shards == 1:
            return held
        state = load_file(Path(folder, "model.safetensors"))
    del held["model.safetensors"]
    names = sorted(state)
    parts = {f"model-{i + 1:05}-of-{shards:05}.safetensors": names[i::shards] for i in range(shards)}
    held |= {shard: save({name: state[name] for name in part}, {"format": "pt"}) for shard, part in parts.items()}
    weight_map = {name: shard for shard, part in parts.items() for name in part}
    return held | {"model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": weight_map}).encode()}


def write(folder: Path, held: dict[str, bytes]) -> None:
    """Make the folder hold these files and nothing else."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        os.unlink(path)
    for name, data in held.items():
        (folder / name).write_bytes(data)


class Mutated:
    """A tiny model of a kind, {file name: bytes}, and what was done to it. No dataclass: hypothesis prints those."""

    def __init__(self, kind: str, held: dict[str, bytes], done: list[str]) -> None:
        self.kind, self.held, self.done = kind, held, done

    def __repr__(self) -> str:
        return f"{self.kind}: {'; '.join(self.done)}"


settings = hypothesis.settings(mutations.settings, phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink])


@st.composite
def mutated(draw, kinds):
    """A Mutated of one of these kinds, with one change or two."""
    kind = draw(st.sampled_from(kinds))
    held = dict(checkpoint(kind, draw(st.sampled_from([1, 1, 2]))))
    done = [draw(st.sampled_from(WAYS))(draw, held) for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
    return Mutated(kind, held, done)


def _weights(draw, held):
    return draw(st.sampled_from(sorted(name for name in held if name.endswith(".safetensors")) or ["config.json"]))


def _some(draw, value):
    """A path into nested JSON, at random, as (container, key); None where there is none."""
    found = None
    while isinstance(value, dict | list) and value:
        keys = sorted(value) if isinstance(value, dict) else range(min(len(value), 50))
        found = value, draw(st.sampled_from(list(keys)))
        value = found[0][found[1]]
        if draw(st.booleans()):
            break
    return found


def change_json(name):
    def change(draw, held):
        try:
            value = json.loads(held[name])
        except (KeyError, ValueError):
            return f"{name} is gone"
        place = _some(draw, value)
        if place is None:
            return f"{name} holds nothing"
        container, key = place
        way = draw(st.sampled_from(["remove", "set", "set", "set"]))
        new = draw(st.sampled_from(VALUES))
        if way == "remove":
            del container[key]
        else:
            container[key] = copy.deepcopy(new)
        held[name] = json.dumps(value).encode()
        return f"{name}: {way} {key} {'' if way == 'remove' else new!r}"

    return change


def add_neutral(draw, held):
    """A key that changes how a forward pass answers and not what it computes."""
    key = draw(st.sampled_from(sorted(NEUTRAL)))
    try:
        held["config.json"] = json.dumps(json.loads(held["config.json"]) | {key: NEUTRAL[key]}).encode()
    except (KeyError, ValueError, TypeError):
        return "config.json is gone"
    return f"config.json: neutral {key}"


def change_header(draw, held):
    """A header's entry changed; the data stays."""
    name = _weights(draw, held)
    length = int.from_bytes(held[name][:8], "little")
    try:
        header = json.loads(held[name][8 : 8 + length])
        tensor = draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))
        entry = header[tensor]
        way = draw(st.sampled_from(["name", "twin", "prefix", "shape", "dtype", "offsets", "remove"]))
        if way in ("name", "twin", "prefix"):
            others = sorted(set(header) - {"__metadata__", tensor})
            new = {"name": tensor + "x", "twin": draw(st.sampled_from(others)), "prefix": tensor.partition(".")[2]}[way]
            header = {new if key == tensor else key: value for key, value in header.items()}
        elif way == "shape":
            entry["shape"] = draw(st.sampled_from([entry["shape"][::-1], [*entry["shape"], 1], [], entry["shape"][:-1],
                                                   [n + 1 for n in entry["shape"]], [-1], "x", None]))  # fmt: skip
        elif way == "dtype":
            entry["dtype"] = draw(st.sampled_from(TYPES))
        elif way == "offsets":
            entry["data_offsets"] = draw(st.sampled_from([[0, 8], [8, 0], [0], None, [10**9, 2 * 10**9], [-4, 4]]))
        else:
            del header[tensor]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return f"{name} has no header"
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    held[name] = len(text).to_bytes(8, "little") + text + held[name][8 + length :]
    return f"{name}: {way} of {tensor}"


def change_tensors(draw, held):
    """Tensors removed, renamed, retyped, reshaped or added, in a file that is well formed."""
    from safetensors.torch import load

    name = _weights(draw, held)
    try:
        state = load(held[name])
        tensor = draw(st.sampled_from(sorted(state)))
    except Exception:  # changed before, by another way
        return f"{name} cannot be read"
    way = draw(
        st.sampled_from(["remove", "rename", "double", "half", "float8", "integers", "extra", "row", "old", "nan"])
    )
    value = state[tensor]
    if way in ("remove", "rename", "old"):
        del state[tensor]
    match way:
        case "rename":
            state[draw(st.sampled_from(["x." + tensor, tensor.partition(".")[2] or "x", tensor + "_scale"]))] = value
        case "old":
            state[tensor.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")] = value
        case "double" | "half":
            state[tensor] = value.double() if way == "double" else value.half()
        case "float8" | "integers":
            import torch

            state[tensor] = value.to(torch.float8_e4m3fn if way == "float8" else torch.int8)
        case "extra":
            state[draw(st.sampled_from(EXTRA))] = value.clone()
        case "row":
            state[tensor] = value[:-1].clone() if len(value) > 1 else value
        case "nan":
            state[tensor] = value * float(draw(st.sampled_from(["nan", "inf", "0", "2"])))
    held[name] = save(state, {"format": "pt"})
    return f"{name}: {way} {tensor}"


def change_file(draw, held):
    """A file cut, emptied, doubled, lost, replaced or with a byte of another value."""
    name = draw(st.sampled_from(sorted(held)))
    data = held[name]
    way = draw(st.sampled_from(["cut", "empty", "double", "lose", "pointer", "byte", "latin", "mark"]))
    at = draw(st.integers(0, max(0, min(len(data), 4000) - 1)))
    if way == "lose":
        del held[name]
    else:
        held[name] = {
            "cut": data[:at], "empty": b"", "double": data + data, "pointer": POINTER,
            "byte": data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :],
            "latin": data[:at] + b"\xe9" + data[at:], "mark": b"\xef\xbb\xbf" + data,
        }[way]  # fmt: skip
    return f"{name}: {way} at {at}"


JSONS = ("config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "generation_config.json")
WAYS = [*(change_json(name) for name in JSONS), change_json("config.json"), change_json("config.json"), add_neutral,
        change_json("model.safetensors.index.json"), change_header, change_header, change_tensors, change_tensors,
        change_file]  # fmt: skip
