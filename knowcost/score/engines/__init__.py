"""How models are asked: one engine per way."""
