"""Safetensors files whose header does not say where each value lies are refused by name when they are fetched.

The headers are written by hand here: 8 bytes of length, JSON, the data.
"""

import json

import pytest
from helpers.fetching import checkpoint, refused, row, write

WEIGHTS = "model.safetensors"


def taken_apart(data):
    """(header, values) of a safetensors file, by the format's description; tensors in the order of their data."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return dict(sorted(header.items(), key=lambda item: item[1]["data_offsets"])), data[8 + length :]


def put_together(text, values):
    return len(text).to_bytes(8, "little") + text + values


def overlapping(header, values):
    for entry in list(header.values())[1:]:
        entry["data_offsets"] = [offset - 4 for offset in entry["data_offsets"]]
    return put_together(json.dumps(header).encode(), values[:-4])


def gap(header, values):
    for entry in list(header.values())[1:]:
        entry["data_offsets"] = [offset + 4 for offset in entry["data_offsets"]]
    return put_together(json.dumps(header).encode(), values + bytes(4))


def negative_offset(header, values):
    first = next(iter(header.values()))
    first["data_offsets"] = [offset - first["data_offsets"][1] for offset in first["data_offsets"]]
    return put_together(json.dumps(header).encode(), values)


def negative_shape(header, values):
    matrix = next(entry for entry in header.values() if len(entry["shape"]) == 2)
    matrix["shape"] = [-size for size in matrix["shape"]]
    return put_together(json.dumps(header).encode(), values)


def narrower(header, values):
    next(entry for entry in header.values() if entry["dtype"] == "F32")["dtype"] = "I16"
    return put_together(json.dumps(header).encode(), values)


def relabelled(header, values):
    next(entry for name, entry in header.items() if "word_embeddings" in name)["dtype"] = "I32"
    return put_together(json.dumps(header).encode(), values)


def twice(header, values):
    name, entry = next(iter(header.items()))
    text = json.dumps(header).encode()
    return put_together(text[:-1] + f", {json.dumps(name)}: {json.dumps(entry)}}}".encode(), values)


def behind(header, values):
    return put_together(json.dumps(header).encode(), values + b"x")


def test_a_header_written_by_hand_is_fetched(tmp_path, get):
    contents = checkpoint()
    header, values = taken_apart(contents[WEIGHTS])
    contents[WEIGHTS] = put_together(json.dumps(header).encode(), values)
    get(row(write(tmp_path / "origin", contents)))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (overlapping, "invalid offset"), (gap, "invalid offset"), (negative_offset, "expected usize"),
        (negative_shape, "expected usize"), (narrower, "invalid shape, data type, or offset"),
        (relabelled, "quantized already"), (twice, "twice"), (behind, "not fully covered"),
    ],
)  # fmt: skip
def test_one_that_is_wrong_is_refused(tmp_path, get, spoil, why):
    contents = checkpoint()
    contents[WEIGHTS] = spoil(*taken_apart(contents[WEIGHTS]))
    refused(get, row(write(tmp_path / "origin", contents)), WEIGHTS, why)
