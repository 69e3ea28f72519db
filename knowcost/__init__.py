"""knowcost: what does compressing a language model cost its knowledge?"""

__version__ = "0.2.0"
