"""Answers that are texts: a model is asked turn by turn and writes, each turn after its own answers to those before.

What it reads is in score/prompts.py, how it writes in writer.py.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from knowcost.benchmarks import prepared
from knowcost.benchmarks.kinds import KINDS, Kind
from knowcost.common.errors import InputError
from knowcost.models.tokenizers import check_asked
from knowcost.score.engines import Told
from knowcost.score.engines.writer import Request, Writer
from knowcost.score.places import Places, rows_in
from knowcost.score.plan import Plan
from knowcost.score.prompts import Prompt, Template, prompt, template_of
from knowcost.score.respondent import Respondent
from knowcost.score.rows import TEXTS
from knowcost.spec.architectures import positions

log = logging.getLogger(__name__)

NO_TOKENS = "no_tokens"
UNBOUNDED = 2048  # tokens: the window where neither a model nor its tokenizer names one; the harness's, too
COMPARED = 100  # prompts by which cells are seen to be asked alike
BEYOND = 1_000_000  # tokens: a tokenizer that names no length says more


def _digest(template: Template, kind: Kind, rows: Sequence[dict[str, Any]]) -> str:
    """The sha256 of a benchmark's first prompts before they are shortened, whichever of its rows are asked: the same
    for all variants that are asked the same."""
    texts = [template.text(kind.said(row)[:1]) for row in rows]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


@dataclass(frozen=True)
class _Room:
    """How many tokens there are. most: for a prompt beside an answer; window: for a prompt at all; new: for an answer;
    one: whether both share a window."""

    most: int
    window: int
    new: int
    one: bool

    def beside(self, prompt: int) -> int:
        """How many an answer to a prompt of so many may have."""
        return min(self.new, self.window - prompt) if self.one else self.new


@dataclass
class _Conversation:
    """A row of the benchmark, how many turns it has, its place, and the answers so far, as rows of TEXTS."""

    row: dict[str, Any]
    turns: int
    place: int
    answers: list[dict[str, Any]] = field(default_factory=list)


def ask(respondent: Respondent, benchmark_file: str | Path, part: slice, plan: Plan) -> tuple[pa.Table, Told]:
    """Let a model answer the messages of a benchmark; a row per answer, in the benchmark's order, turn by turn.

    respondent: with a causal or encoder-decoder transformers model. benchmark_file: parquet of a kind with messages
    (benchmarks/kinds.py). part: of its facts. plan: its prompts, generated_tokens, one_length and sampling count.

    Returns (table with the columns of TEXTS; Told). An answer has at most as many tokens as the benchmark says
    (its metadata's new_tokens, else its kind's). A prompt that leaves them no room in the model's window, less what
    virtual tokens take of it, is shortened (score/prompts.py), and counted in the metadata's "truncated"; one that
    cannot be shortened so far takes the rest from its answer, which then ends at the window's end. An encoder-decoder
    reads and writes in windows of their own. "not_finite" counts answers in which a model computes NaN or infinite
    numbers, as a destroyed one can in fp16: their tokens are what transformers makes of that. A conversation whose
    first prompt has no token is dropped ("no_tokens"). Raises InputError for a model or tokenizer that cannot be asked,
    a chat template that fails, and a window without room.
    """
    table, about = prepared.read(benchmark_file)
    kind = KINDS[about["kind"]]
    new_tokens = int(about.get("new_tokens") or kind.new_tokens or 0)
    try:
        template = _template(respondent)
        room = _room(respondent, new_tokens)
        talks = [_Conversation(row, len(kind.said(row)), place) for place, row in rows_in(table, part)]
        writing = _Writing(Writer(respondent, new_tokens, plan), template, kind, room)
        writing.all(talks)
    except InputError as error:
        raise InputError(f"{benchmark_file}: {error}") from error
    answers = [answer for talk in talks for answer in talk.answers]
    found: Places = {"rows": [talk.place for talk in talks for _ in talk.answers], "not_finite": writing.not_finite}
    found["truncated"] = [place for place, answer in zip(found["rows"], answers, strict=True) if answer["cut"] > 0]
    found["dropped"] = {NO_TOKENS: [talk.place for talk in talks if not talk.answers]}
    dropped, not_finite = len(found["dropped"][NO_TOKENS]), len(found["not_finite"])
    for count, said in ((dropped, "no token to read"), (not_finite, "the model computes no finite numbers")):
        if count:
            log.warning("%d of %d answers: %s", count, len(answers) + dropped, said)
    about = {
        "template": template.name,
        "new_tokens": new_tokens,
        "sampling": asdict(plan.sampling),
        "prompts_sha256": _digest(template, kind, table.slice(0, COMPARED).to_pylist()),
    }
    return pa.Table.from_pylist(answers, schema=TEXTS), Told(found, len(table), writing.writer.plan, about)


def _template(respondent: Respondent) -> Template:
    """The template of who is asked. Raises InputError for who cannot write."""
    if not respondent.model.can_generate():
        raise InputError(
            f"{type(respondent.model).__name__} cannot write texts: that takes a decoder or an encoder-decoder. Take "
            "the model's family out of this benchmark's column `families`"
        )
    check_asked(respondent.tokenizer, respondent.family)
    return template_of(respondent.tokenizer, respondent.family)


def _room(respondent: Respondent, new: int) -> _Room:
    """The room for prompts and answers of so many tokens. Raises InputError where there is none."""
    config, virtual = respondent.model.config, respondent.virtual_tokens
    window = respondent.room
    if window is None:
        named = respondent.tokenizer.model_max_length
        window = (named if named < BEYOND else UNBOUNDED) - virtual
    one = not config.is_encoder_decoder
    most = window - new if one else window
    if most < 1 or (not one and new > (positions(config) or new)):
        beside = f" beside {virtual} virtual tokens" if virtual else ""
        raise InputError(
            f"the model's window of {window:,} tokens{beside} has no room for an answer of {new:,}; say fewer in the "
            "column new_tokens of the benchmark table, or take the model out of the benchmark"
        )
    return _Room(most, window, new, one)


class _Writing:
    """Conversations while they are held."""

    def __init__(self, writer: Writer, template: Template, kind: Kind, room: _Room) -> None:
        self.writer, self._template, self._kind, self._room = writer, template, kind, room
        self.not_finite: list[int] = []

    def all(self, talks: Sequence[_Conversation]) -> None:
        """Hold them all, a turn of each at a time."""
        turns = max(talk.turns for talk in talks)
        self._template.text(["a"] * (2 * turns - 1))  # what fails at a later turn fails before the first is asked
        for turn in range(1, turns + 1):
            self._turn([talk for talk in talks if talk.turns >= turn], turn)

    def _turn(self, talks: Sequence[_Conversation], turn: int) -> None:
        prompts = [self._prompt(talk) for talk in talks]
        if turn == 1:
            for talk, each in zip(talks, prompts, strict=True):
                talk.turns = talk.turns if each.tokens else 0
        asked = [(talk, each) for talk, each in zip(talks, prompts, strict=True) if each.tokens]
        requests = [
            Request((talk.row["id"], turn), each.tokens, self._room.beside(len(each.tokens))) for talk, each in asked
        ]
        for (talk, each), found in zip(asked, self.writer.write(requests), strict=True):
            self.not_finite += [] if found.finite else [talk.place]
            talk.answers.append(
                {
                    "id": talk.row["id"],
                    "relation": talk.row["relation"],
                    "turn": turn,
                    "text": self._text(found.tokens),
                    "tokens": found.tokens,
                    "ended": found.ended,
                    "prompt_tokens": len(each.tokens),
                    "cut": each.cut,
                    "seconds": found.seconds,
                    "chosen": found.chosen,
                }
            )

    def _prompt(self, talk: _Conversation) -> Prompt:
        """Of a conversation's next turn. Raises InputError for one that passes the window even when it is shortened."""
        said = [answer["text"] for answer in talk.answers]
        made = prompt(self._template, self._kind, talk.row, said, self._room.most)
        if len(made.tokens) > self._room.window or self._room.beside(len(made.tokens)) < 1:
            raise InputError(
                f"row {talk.row['id']}: what the model is asked takes {len(made.tokens):,} tokens even without the "
                f"text that may be shortened, and the model's window has {self._room.window:,}; take the model out of "
                "the benchmark"
            )
        return made

    def _text(self, tokens: list[int]) -> str:
        return self.writer.tokenizer.decode(tokens, skip_special_tokens=True).strip()
