""" "The Cost of Compression" (Namburi et al. 2023)."""
