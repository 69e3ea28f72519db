"""What the papers printed and claim, as data."""
