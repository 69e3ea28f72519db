"""The figures of a run, drawn from its tables only."""

STAGE_VERSION = "5"
INDEX = "figures.json"  # what was drawn, with captions, for the report
