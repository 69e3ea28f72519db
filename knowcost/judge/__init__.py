"""Judges: what another model says of the texts that a model wrote, asked over HTTP, a file per reply."""

STAGE_VERSION = "1"
