"""What a study consists of, and what its jobs ask for; imports no torch."""
