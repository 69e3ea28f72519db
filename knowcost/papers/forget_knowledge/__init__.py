""" "Do Compressed LLMs Forget Knowledge?" (Hoang et al. 2024): what it printed and claims, and what it shows."""

PAPER = "Do Compressed LLMs Forget Knowledge?"
