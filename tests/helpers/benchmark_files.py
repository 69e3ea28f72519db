"""Benchmark files of a few rows, and what is made of them."""

import json

from knowcost.benchmarks import prepared


def prepare(format, source, out):
    prepared.prepare({"name": format, "format": format}, source, out)
    table, metadata = prepared.read(out)
    return table.to_pylist(), metadata


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
