"""What asking a model takes of tokens, prompts and draws, from how many facts of which benchmark. Imports no torch.

TOKENS says what is read of one fact, on average over a benchmark's file: measured with the tokenizers of SmolLM2
(decoders) and Flan-T5 (encoder-decoders) on 300 facts of each, and with SmolLM2's for T-REx's sentences that encoders
read. A decoder reads a prompt once where its answers are one token each; an encoder-decoder reads it for every answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import ACCURACY, KINDS, WRITING
from knowcost.plan.batching import pass_of
from knowcost.plan.config import Row, Study
from knowcost.plan.design import Cell
from knowcost.score.plan import asked_twice

WINDOW, COMPARED = 2048, 512  # tokens of a window of a text, and of one whose layers are held against the dense model's


@dataclass(frozen=True)
class Fact:
    """What is read of one: the harness's prompts with an answer each, and tokens of a decoder and of an
    encoder-decoder."""

    prompts: int
    decoder: int
    encoder_decoder: int


SENTENCE = Fact(0, 17, 17)  # a cloze that an encoder fills, without the harness
OWN = Fact(5, 80, 100)  # of a format whose files are anybody's

TOKENS = {
    "boolq": Fact(2, 145, 304),
    "piqa": Fact(2, 70, 77),
    "winogrande": Fact(2, 45, 52),
    "arc": Fact(4, 127, 155),
    "sciq": Fact(4, 288, 542),
    "hellaswag": Fact(4, 312, 349),
    "mmlu": Fact(4, 137, 563),
    "mmlu_5shot": Fact(4, 746, 3050),
    "webquestions": Fact(6, 39, 48),
    "triviaqa": Fact(1, 56, 57),  # with 32 tokens of an answer that is written
    "triviaqa_closed": Fact(1, 62, 61),
    "triviaqa_open": Fact(1, WINDOW, WINDOW),
    "freebaseqa": Fact(1, 62, 63),
    "popqa": Fact(1, 62, 63),
    "lambada": Fact(1, 81, 89),
    "lama_trex_ranked": Fact(50, 122, 516),
    "lama_google_re_ranked": Fact(50, 679, 1051),
    "text": Fact(1, WINDOW, WINDOW),
    "c4": Fact(1, WINDOW, WINDOW),
    "lines": Fact(1, 30, 30),
    "similarity": Fact(1, 2 * COMPARED, 2 * COMPARED),  # by both models
    "cnn_dailymail": Fact(1, 1000, 1000),
    "cnn_dailymail_published": Fact(1, 1100, 1100),
}


@dataclass(frozen=True)
class Read:
    """What a scoring job has models read: tokens that pass all parameters, prompts; and in how many cells, of how many
    variants, anything is asked at all."""

    tokens: float = 0
    prompts: int = 0
    cells: int = 0
    variants: int = 0


NOTHING = Read()


def read(study: Study, asked: Mapping[Cell, int]) -> Read:
    """What one job reads where so many facts are asked of each cell. Of an encoder-decoder a token passes either half;
    variants that share a pass read once."""
    tokens: dict[tuple[str, str], float] = {}
    prompts = 0
    cells = {cell: facts for cell, facts in asked.items() if facts}
    for cell, facts in cells.items():
        family = study.models[cell.model]["family"]
        fact = _fact(study.benchmarks[cell.benchmark], family)
        times = facts * (1 + (asked_twice(cell.variant) and _is_repeated(study.benchmarks[cell.benchmark])))
        place = (cell.benchmark, pass_of(family, cell.variant))
        once = times * (fact.encoder_decoder / 2 if family == "encoder_decoder" else fact.decoder)
        tokens[place] = max(once, tokens.get(place, 0))
        prompts += times * fact.prompts
    return Read(sum(tokens.values()), prompts, len(cells), len({cell.variant for cell in cells}))


def _fact(row: Row, family: str) -> Fact:
    """What is read of a fact of a benchmark."""
    return SENTENCE if family == "encoder" else TOKENS.get(row["format"], OWN)


def _is_repeated(row: Row) -> bool:
    """Whether a benchmark is one that some variants are asked twice."""
    return KINDS[kind_of(row["format"])].measure in (ACCURACY, WRITING)
