"""The kinds of benchmarks: what each holds, who can be asked it, and what a right answer is. One entry per kind.

A kind that lm-evaluation-harness asks has a task file of its name in knowcost/score/tasks/, and `choices` if one of
several given answers is right, else `answers`. No stage goes by a kind's name (a paper's claims do): what sets a kind
apart is a field of Kind. Light at import: Snakemake parses this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knowcost.common.errors import InputError
from knowcost.spec.families import FAMILIES, GENERATIVE

Row = Mapping[str, Any]  # a fact: the columns of COMMON and the kind's

# What every prepared benchmark says of a row. cluster: facts that share it are no independent draws. fact: the id of
# the fact that the row asks; several rows may, each in another phrasing. popularity: how often the fact is met, >= 0.
# stated_in: the name of the recovery texts that tell the fact, or NEVER.
COMMON = {
    "id": "string",
    "relation": "string?",
    "cluster": "string",
    "fact": "string",
    "phrasing": "string?",
    "popularity": "double?",
    "stated_in": "string?",
}

NEVER = "never"  # a fact that no model was ever told: the control of relearning

MASK = "[MASK]"  # what a cloze has in place of its answer, whatever a tokenizer's own mask token is
LETTERS = "ABCDE"

# The request of LLM-KICK (Jaiswal et al. 2024, in-context summarization), quoted: it is what the paper measures.
SUMMARISE = (
    "Summarize the given story in less than 150 words while preserving high coherence, consistency, fluency, and "
    "relevance."
)

# Engines (knowcost/score/engines/, a module each) and measures (knowcost/score/measures.py).
HARNESS = "lm_eval"
ACCURACY, PERPLEXITY, SIMILARITY, WRITING = "accuracy", "perplexity", "similarity", "writing"


@dataclass(frozen=True)
class Kind:
    """columns: {name: type} after those of COMMON; a type with "?" may hold null.

    families: who can be asked. engine: who asks; encoder_engine: who asks models that fill a blank and cannot go on
    with a text, if not the same. measure: what the rows then say. shown: the column that a table shows of a fact.
    choices: from a row, what the choices say in the harness's order, and which is right. answers: from a row, the
    answers that count as right, the one to show first. ranked: the right choice's rank counts too, and whether the
    model itself goes on with it. majority: what the baseline always gives: the most frequent place among the choices
    ("place"), the relation's most frequent answer ("answer"), any choice, where their order says nothing ("any"), or
    None. metric: the harness's, that says whether a fact is right. document: from a row, what the harness's template
    reads beside the columns. running: the rows make one running text. disciplines: the relations are subjects of
    disciplines.yaml. beside_dense: who is asked is held against the dense model, which is asked along with it.
    messages: from a row, what a user says to the model turn by turn, each after the model's answer to what was said
    before; such a kind's answers are texts. shortened: the column that is cut at its end where a message does not fit
    the model's window. new_tokens: the most that an answer may have, unless the benchmark's row says otherwise. sized:
    the relation of a row is its size class, by the words of the column `shortened`. reference: from a row, a text that
    a good answer to its first message is like.
    """

    columns: dict[str, str]
    families: tuple[str, ...] = GENERATIVE
    engine: str = HARNESS
    encoder_engine: str | None = None
    measure: str = ACCURACY
    shown: str = "question"
    choices: Callable[[Row], tuple[list[str], int]] | None = None
    answers: Callable[[Row], list[str]] | None = None
    ranked: bool = False
    majority: str | None = None
    metric: str = "acc"
    document: Callable[[Row], dict[str, Any]] = lambda row: {}
    running: bool = False
    disciplines: bool = False
    beside_dense: bool = False
    messages: Callable[[Row], list[str]] | None = None
    shortened: str | None = None
    new_tokens: int | None = None
    sized: bool = False
    reference: Callable[[Row], str] | None = None

    def engine_for(self, family: str) -> str:
        """The engine that asks the models of a family."""
        return self.engine if family in GENERATIVE or self.encoder_engine is None else self.encoder_engine

    @property
    def writes(self) -> bool:
        """Whether answers are texts."""
        return self.measure == WRITING

    def said(self, row: Row) -> list[str]:
        """What a user says turn by turn, of a row; nothing in a kind whose answers are no texts."""
        return self.messages(row) if self.messages else []


def no_completion(row: Row) -> str | None:
    """Why a cloze cannot be asked as a completion; None where it can."""
    if row.get("candidates") is None:
        return "without `candidates` to choose from"
    return None if row["cloze"].split(MASK)[0].strip() else "with nothing before the blank"


def completions(row: Row) -> dict[str, Any]:
    """A cloze as {"prompt": what stands before the blank, "completions": [candidate and what follows]}.

    What follows is left out unless it holds a word: a full stop says nothing, and completions of one token share their
    prompt's pass. Raises InputError for a cloze without candidates or with nothing before its blank.
    """
    if why := no_completion(row):
        raise InputError(
            f"fact {row['id']}: a decoder or encoder-decoder is asked a cloze as a completion, which cannot be done "
            f"{why}: {row['cloze']!r}"
        )
    before, after = row["cloze"].split(MASK)
    after = after if any(letter.isalnum() for letter in after) else ""
    return {"prompt": before.rstrip(), "completions": [f" {word}{after}" for word in row["candidates"]]}


def _candidates(row: Row) -> tuple[list[str], int]:
    return row["candidates"], row["candidates"].index(row["answer"])


def _options(row: Row) -> tuple[list[str], int]:
    return row["options"], row["label"]


def _sciq(row: Row) -> tuple[list[str], int]:
    return [row["distractor1"], row["distractor2"], row["distractor3"], row["correct_answer"]], 3


def _arc(row: Row) -> dict[str, Any]:
    letters = list(LETTERS[: len(row["options"])])
    return {"choices": {"text": row["options"], "label": letters}, "answerKey": letters[row["label"]]}


def _mmlu(row: Row) -> dict[str, Any]:
    return {"choices": row["options"], "answer": row["label"], "subject": row["relation"].replace("_", " ")}


def _aliases(row: Row) -> dict[str, Any]:
    return {"answer": {"aliases": row["answers"]}}


def _all_answers(row: Row) -> list[str]:
    return row["answers"]


def _last_word(row: Row) -> list[str]:
    return [row["text"].split(" ")[-1]]


def _summarise(row: Row) -> list[str]:
    return [f"{SUMMARISE}\n\n{row['story']}"]


def _summarise_published(row: Row) -> list[str]:
    """With the story's highlights at its end, as LLM-KICK's prompts have them; its code calls longer stories news."""
    asked = SUMMARISE if row["relation"] == "small" else SUMMARISE.replace("given story", "given news")
    return [f"{asked}\n\n{row['story']}{row['published_end']}"]


def _turns(row: Row) -> list[str]:
    return row["turns"]


_CLOZE = {"subject": "string?", "cloze": "string", "answer": "string"}
_QUESTION = {"question": "string", "answers": "list<string>"}
_OPEN: dict[str, Any] = {"answers": _all_answers, "metric": "exact_match"}
_WRITTEN: dict[str, Any] = {"engine": "generate", "measure": WRITING}
_STORY: dict[str, Any] = {
    "shown": "story", "shortened": "story", "new_tokens": 256, "sized": True,
    "reference": lambda row: row["highlights"],
}  # fmt: skip
_TEXT: dict[str, Any] = {"families": ("decoder",), "engine": "perplexity", "measure": PERPLEXITY, "shown": "text"}

KINDS = {
    "cloze": Kind(
        _CLOZE | {"candidates": "list<string>?"}, FAMILIES, encoder_engine="cloze", shown="cloze",
        choices=_candidates, ranked=True, majority="answer", document=completions,
    ),
    "cloze_published": Kind(_CLOZE, ("encoder",), engine="cloze_published", shown="cloze"),
    "question": Kind(
        {"question": "string", "answer": "string", "candidates": "list<string>"}, choices=_candidates, majority="answer"
    ),
    "boolq": Kind(
        {"question": "string", "passage": "string", "label": "int64"},
        choices=lambda row: (["no", "yes"], row["label"]), majority="place",
    ),
    "piqa": Kind(
        {"goal": "string", "sol1": "string", "sol2": "string", "label": "int64"}, shown="goal",
        choices=lambda row: ([row["sol1"], row["sol2"]], row["label"]), majority="place",
    ),
    "winogrande": Kind(
        {"sentence": "string", "option1": "string", "option2": "string", "answer": "string"}, shown="sentence",
        choices=lambda row: ([row["option1"], row["option2"]], int(row["answer"]) - 1), majority="place",
    ),
    "arc": Kind(
        {"question": "string", "options": "list<string>", "label": "int64"},
        choices=_options, majority="place", document=_arc,
    ),
    "sciq": Kind(
        {"question": "string", "support": "string", "distractor1": "string", "distractor2": "string",
         "distractor3": "string", "correct_answer": "string"},
        choices=_sciq, majority="any",
    ),
    "hellaswag": Kind(
        {"activity_label": "string", "ctx_a": "string", "ctx_b": "string", "endings": "list<string>", "label": "int64"},
        shown="ctx_a", choices=lambda row: (row["endings"], row["label"]), majority="place",
    ),
    "mmlu": Kind(
        {"examples": "string", "question": "string", "options": "list<string>", "label": "int64"},
        choices=_options, majority="place", document=_mmlu, disciplines=True,
    ),
    "webquestions": Kind(_QUESTION, **_OPEN),
    "triviaqa": Kind(_QUESTION, **_OPEN, document=_aliases),
    "triviaqa_closed": Kind(_QUESTION, **_OPEN),
    "triviaqa_open": Kind({"evidence": "string", **_QUESTION}, **_OPEN),
    "freebaseqa": Kind(_QUESTION, **_OPEN),
    "popqa": Kind(_QUESTION, **_OPEN),
    "lambada": Kind({"text": "string"}, shown="text", answers=_last_word),
    "text": Kind({"text": "string"}, **_TEXT, running=True),
    "lines": Kind({"text": "string"}, **_TEXT),
    "similarity": Kind(
        {"text": "string"}, ("decoder",), engine="similarity", measure=SIMILARITY, shown="text", running=True,
        beside_dense=True,
    ),
    "summary": Kind(
        {"story": "string", "highlights": "string"}, **_WRITTEN, **_STORY, messages=_summarise
    ),
    "summary_published": Kind(
        {"story": "string", "highlights": "string", "published_end": "string"}, **_WRITTEN, **_STORY,
        messages=_summarise_published,
    ),
    "conversation": Kind(
        {"turns": "list<string>", "question": "string"}, **_WRITTEN, messages=_turns, new_tokens=1024
    ),
}  # fmt: skip
