"""The figures of a run, drawn from its tables only."""

STAGE_VERSION = "3"
