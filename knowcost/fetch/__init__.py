"""Checkpoints and benchmark files brought here; only what can be trusted and used is let in."""

STAGE_VERSION = "3"
