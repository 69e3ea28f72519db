"""docs/architectures.md, as the tests have it: `make architectures` writes it, tests/unit/docs holds it to this.

A cell of the first table is a test of tests/unit/test_every_architecture.py, which every architecture passes; where
what it passes is not all that the heading says, NOTES has why, and the test looks whether that is so.
"""

import re
import sys
from pathlib import Path

import transformers

from knowcost.models import blueprint
from knowcost.spec import scopes
from knowcost.spec.architectures import architectures

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"
COLUMNS = {
    "door": "let in, loads",
    "magnitude": "magnitude",
    "final": "final layer",
    "int8": "int8, recipe, export",
    "calibration": "Wanda, changed, export",
    "solvers": "SparseGPT, GPTQ",
    "scoring": "scoring",
}
EXPERTS = (
    "torch's own `quantize_dynamic` leaves the fused experts of transformers 5 alone. Here they are the many linear "
    "layers that they are in files, and int8 is what torch computes of the model taken apart like that."
)
LINEAR = (
    "torch's own `quantize_dynamic` leaves {} alone; int8 is what it computes of the same weights in `nn.Linear`."
)  # fmt: skip
NOTES = {
    ("gpt2", "int8"): LINEAR.format("Conv1D"),
    ("falcon", "int8"): LINEAR.format("FalconLinear, a class derived from `nn.Linear`,"),
    **{(kind, "int8"): EXPERTS for kind in ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss")},
    ("mbart", "scoring"): (
        "Not as plain lm-eval asks it. There transformers puts an answer's last token in front of what the decoder "
        "reads, where mBART's training has the code of a language, so that an answer is seen before it is asked for. "
        "Here the decoder starts with `decoder_start_token_id` (or the padding): set that key of config.json to the "
        "code of the language that is asked in."
    ),
    ("umt5", "scoring"): (
        "transformers 5.23 scales umt5's outputs before the final layer whatever `tie_word_embeddings` says, though "
        "for a model whose head is its own it should not. Scores are those of plain transformers 5.23."
    ),
}
# Configurations of the second table. True: the defaults of transformers' class; a pair: the model, and what differs
# from them as MLC has it. Classes whose defaults are not those of the model that they name are left out.
MLC = (
    "<https://github.com/mlc-ai/mlc-llm/blob/f2b1ffe068a84d4703fb695ac9a3615c88713a1a/"
    "python/mlc_llm/model/model_preset.py>"
)
_OF_THEIR_NAME = [
    "bert", "roberta", "distilbert", "albert", "electra", "mpnet", "deberta-v2", "modernbert", "t5", "mt5",
    "umt5", "bart", "pegasus", "m2m_100", "llama", "mistral", "ministral3", "gemma", "cohere", "olmo", "olmo2",
    "smollm3", "stablelm", "phi", "phi3", "gpt2", "gpt_neo", "gptj", "gpt_neox", "falcon", "mixtral",
    "qwen2_moe",
]  # fmt: skip
SIZED = dict.fromkeys(_OF_THEIR_NAME, True) | {
    "qwen2": ("Qwen/Qwen1.5-1.8B-Chat", {
        "hidden_size": 2048, "intermediate_size": 5504, "num_hidden_layers": 24, "num_attention_heads": 16,
        "num_key_value_heads": 16, "tie_word_embeddings": True, "vocab_size": 151936}),
    "gemma2": ("gemma2_2b", {
        "head_dim": 256, "hidden_size": 2304, "intermediate_size": 9216, "num_attention_heads": 8,
        "num_hidden_layers": 26, "num_key_value_heads": 4, "vocab_size": 256000}),
    "gemma3_text": ("gemma3_1b_it", {
        "head_dim": 256, "hidden_size": 1152, "intermediate_size": 6912, "num_attention_heads": 4,
        "num_hidden_layers": 26, "num_key_value_heads": 1, "vocab_size": 262144}),
}  # fmt: skip
SIZES = ("attention", "feed_forward", "overall", "final", "all")


def size(model_type, keys):
    """{scope: weights of its layers, "all": all parameters} of a configuration, on the meta device."""
    model = blueprint.empty(transformers.AutoConfig.for_model(model_type, **keys))
    layers = {name: m.weight.numel() for name, m in model.named_modules() if type(m).__name__.endswith("Linear")}
    found = {s: sum(layers[n] for n in scopes.layers(model_type, layers, "canonical", s)) for s in SIZES[:-1]}
    return found | {"all": sum(parameter.numel() for parameter in model.parameters())}


def configuration(model_type):
    """(what the row says of it, keys that differ from the defaults)."""
    given = SIZED[model_type]
    if given is not True:
        return f"{given[0]} [^mlc]", given[1]
    kind = transformers.CONFIG_MAPPING[model_type]
    (named,) = re.findall(r'checkpoint="([^"]*)"', Path(sys.modules[kind.__module__].__file__).read_text())[:1]
    return f"defaults of {kind.__name__}, which names `{named}`", {}


def page(sizes):
    """The page's text; sizes: {model_type: {scope: parameters}}."""
    notes = list(dict.fromkeys(NOTES.values()))
    head = ["architecture", "family", *COLUMNS.values()]
    rows = []
    for name, block in architectures().items():
        marks = [f"yes [^{notes.index(note) + 1}]" if (note := NOTES.get((name, key))) else "yes" for key in COLUMNS]
        rows.append([f"`{name}`", block.family, *marks])
    counted = [[f"`{n}`", configuration(n)[0], *(f"{sizes[n][s]:,}" for s in SIZES)] for n in SIZED]
    without = ", ".join(f"`{name}`" for name in architectures() if name not in SIZED)
    foot = [f"[^{number}]: {note}" for number, note in enumerate(notes, 1)]
    text = TEXT.format(rows=table(head, rows), sizes=table(["architecture", "configuration", *SIZES], counted),
                       count=len(rows), without=without)  # fmt: skip
    return text + "\n".join([*foot, f"[^mlc]: {MLC}"]) + "\n"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TEXT = """# Architectures

{count} architectures are known: those with a block in `knowcost/spec/architectures.yaml`. A model of another one is
refused when a run is planned, and `knowcost propose FOLDER` prints the block that it would take.

This page is written by `make architectures`; a test holds it to the tables that the tests go by.

## What holds

`tests/unit/test_every_architecture.py` makes a tiny random model of each and takes it through the program. "yes" says
that its test passes:

- **let in, loads**: the checks of fetching find a tensor for every parameter; logits are those of the model in memory.
- **magnitude**: `overall` and `attention` pruned are, to the bit of the logits, what `torch.nn.utils.prune` makes of
  the layers that transformers' classes call attention; plain `from_pretrained` and knowcost load the same.
- **final layer**: pruned unstructured and structured, untied from its embedding, likewise; the embedding stays.
- **int8, recipe, export**: an archive kept as a recipe and exported computes what torch's `quantize_dynamic` computes,
  under knowcost's and torch's engine, to the bit.
- **Wanda, changed, export**: an archive kept as its changed tensors and exported has lost, in every row of every layer,
  those weights whose product with the size of their inputs is smallest, where the inputs are those of a forward pass of
  transformers' model through the blocks pruned so far.
- **SparseGPT, GPTQ**: 2 of 4 weights are left in every group of every layer, on grids of 16 values, and the archive
  loads. That their inputs are right is the test before; `tests/unit/compress/solvers` has the solvers.
- **scoring**: clozes of encoders, answers of encoder-decoders and texts of decoders score as plain transformers does.

{rows}

The attention's output projection counts as attention, whatever its class. Only `bert` and `roberta` have a second
grouping, in which the paper counted it as feed-forward: of architectures that it did not have nothing is to be
reproduced.

In a mixture of experts each expert is a few linear layers of its own, pruned and quantized from its own tokens; the
router (and the gate of a shared expert) belongs to no scope, since it chooses and holds no knowledge.

DeBERTa's projections also read the table of relative positions, once for every pass of a few windows; calibration
counts those rows among their inputs, as a forward pass has them.

## What is left out

- Models that run code of their own, unless the row allows it and a block fits.
- Vision-language models. Their text part, where it is saved by itself, is one of the above (`gemma3_text`,
  `ministral3`).
- DeBERTa with its newer head (`legacy: false`), which computes with the embedding itself and has no final layer;
  ELECTRA's discriminators, which predict no words.
- Models whose weights are quantized: they are asked as versions of their parent (`docs/brought.md`). gpt-oss was
  published so and has no other parent; `config/README.md` has the lines that save it in bfloat16.
- State-space and recurrent models (Mamba, RWKV) and hybrids of both: the methods compared here are not defined for
  them.

## Sizes

Weights of the linear layers in each scope, and all parameters (those that are tied counted once), computed without
weights from the configuration that is named: the defaults of transformers 5.23, or a file in a public repository.
`overall` has what attention and feed-forward have, and the few layers beside them; `final` is the embedding itself
where the two are tied.

{sizes}

No configuration of a real model could be had of {without}: the defaults of their classes are not those of the models
that they name.

"""


if __name__ == "__main__":
    PAGE.write_text(page({name: size(name, configuration(name)[1]) for name in SIZED}), encoding="utf-8")
