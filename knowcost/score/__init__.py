"""Models asked: one row per fact, in cells that are kept by what they depend on."""

STAGE_VERSION = "10"
