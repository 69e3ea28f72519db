"""Variants of models: methods, the calibration data they look at, and the archives that hold what they made."""

STAGE_VERSION = "7"
