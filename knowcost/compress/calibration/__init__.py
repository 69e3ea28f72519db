"""Calibration data, and the walk through a model's blocks over them."""

STAGE_VERSION = "2"
