"""One file for each method of recovery."""
