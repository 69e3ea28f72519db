"""LLM-KICK (Jaiswal et al. 2024)."""
