"""Recoveries: what brings back knowledge that a compressed model lost, as small archives that stand on its own."""

STAGE_VERSION = "2"
