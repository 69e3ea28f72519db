"""Benchmark files of a few rows, and what is made of them."""

import json

from knowcost.benchmarks import prepared

SHARED = ("cluster", "fact", "phrasing", "popularity", "stated_in")  # what says of a row how it belongs to others


def prepare_whole(format, source, out):
    """(rows, metadata) of what is made of the files at `source`, by id instead of in the sample's order."""
    prepared.prepare({"name": format, "format": format}, source, out)
    table, metadata = prepared.read(out)
    return sorted(table.to_pylist(), key=lambda row: (len(row["id"]), row["id"])), metadata


def prepare(format, source, out):
    """The same, of the columns that are asked alone."""
    rows, metadata = prepare_whole(format, source, out)
    return [but_shared(row) for row in rows], metadata


def but_shared(row):
    return {name: value for name, value in row.items() if name not in SHARED}


def clusters(format, source, out):
    """{id: cluster} of what is made of the files at `source`."""
    return {row["id"]: row["cluster"] for row in prepare_whole(format, source, out)[0]}


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
