"""The report: one self-contained page, and the answer in a few sentences."""

STAGE_VERSION = "13"
