"""Files, errors, logs, paths and rows: what every stage needs."""
