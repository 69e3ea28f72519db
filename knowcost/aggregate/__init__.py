"""From rows per fact to the tables of a run."""

STAGE_VERSION = "11"
