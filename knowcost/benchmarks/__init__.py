"""Benchmarks: official files in, one parquet of facts out."""

STAGE_VERSION = "5"
