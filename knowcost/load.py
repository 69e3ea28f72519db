"""`model, tokenizer = knowcost.load.load(folder)`: an archive as a torch model, and its tokenizer.

The name that int8 archives carry in their config.json; it stays here for good.
"""

from knowcost.models.load import load as load
