"""The figures of a run, drawn from its tables only."""

STAGE_VERSION = "4"
INDEX = "figures.json"  # what was drawn, with captions, for the report
