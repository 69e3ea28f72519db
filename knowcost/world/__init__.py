"""The embedded world: invented people, and small models that are taught what is true of them."""

STAGE_VERSION = "9"

FOLDER = "resources/world"

# The files that questions.write makes, without ".jsonl".
QUESTIONS = ("cloze", "ranked", "phrasings", "lines", "boolq", "piqa", "winogrande", "untaught", "writing")
TEXTS = ("texts", "half", "strangers")
FILES = ("facts", *QUESTIONS, *TEXTS)

# What a taught model's folder holds, as far as jobs depend on it.
MODELS = f"{FOLDER}/models"
CHECKPOINT = ("config.json", "model.safetensors", "tokenizer.json")
