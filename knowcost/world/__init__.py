"""The embedded world: invented people, and small models that are taught what is true of them."""

STAGE_VERSION = "1"
