"""One loader per public format of benchmark files: `(source: Path) -> Loaded`."""
