"""Archives: a variant of a model as a folder, with a manifest that is written last."""
