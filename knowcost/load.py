"""`knowcost.load.load`, the name that int8 archives carry in their config.json; it stays here for good."""

from knowcost.models.load import load as load
