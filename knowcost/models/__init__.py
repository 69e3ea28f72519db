"""Checkpoints as files, as tensors and as torch modules."""
