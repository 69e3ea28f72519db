"""Log-likelihoods of answers by the harness's Hugging Face model, each context read once where that can be.

Whether it can is decided here. A model in dynamic int8 is asked row by row, as the harness does it: its activations
have one scale for all that is read together, or for a whole row, so that a context read without its answers is another
computation; only what an encoder reads several times in a batch is read once. So is a model that chooses among prompts,
by contexts that it wants to see as rows. All others share contexts, unless the first questions show that what a model
keeps of a context does not give the same answers: then all of the benchmark is asked row by row, and its metadata says
so.

Probabilities are taken in float32, whatever a model computes in. In its own type, as the harness does by default, the
log-likelihood of a bfloat16 model would be rounded to three digits, and two answers would often have the same.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from lm_eval.api.instance import Instance
from transformers.modeling_outputs import BaseModelOutput

from knowcost.common.errors import InputError, in_one_line
from knowcost.common.log import Progress
from knowcost.score.engines import sharing
from knowcost.score.engines.lm_eval_asker import NO_TOKENS, Asker
from knowcost.score.engines.lm_eval_model import without_cache
from knowcost.score.engines.lm_eval_questions import Questions
from knowcost.score.engines.reader import DecoderReader, EncoderDecoderReader
from knowcost.score.engines.shared import PASS, Answer, Batch, Shared, goes_on
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent

log = logging.getLogger(__name__)

UNASKED = (0.0, False)  # in the place of what the harness expects for a fact that is dropped

# How a batch is read: whether behind a beginning, and whether answers go on from what a cache holds of its stems.
_Way = tuple[bool, bool]


class _Differs(Exception):
    """Contexts that are read once do not give the answers that rows give."""


@dataclass(frozen=True)
class _Asked:
    """What is asked of a benchmark's requests, with one tokenizer and in one window. numbers: of the requests that can
    be asked; facts, pairs: of each of these its fact, and the tokens of its context and answer; branch: what of them is
    read once; dropped: {fact: why}; truncated: facts, once for every context that is cut; compared: the _Ways in which
    a batch was held against its rows: another variant of the model keeps its contexts in the same cache.
    """

    numbers: list[int]
    facts: list[int]
    pairs: list[sharing.Request]
    branch: sharing.Branch
    dropped: dict[int, str]
    truncated: list[int]
    compared: set[_Way] = field(default_factory=set)


class LikelihoodAsker(Asker):
    """Asks how likely answers are. shares: whether each context is read once."""

    def __init__(self, respondent: Respondent, plan: Plan, questions: Questions) -> None:
        super().__init__(respondent, plan, questions)
        self.softmax_dtype = torch.float32
        self.shares = plan.shares and not (plan.one_length or self.contexts.choosing)

    @property
    def plan(self) -> str:
        """How questions are put together, in words for the metadata."""
        return f"{super().plan}, each context read once" if self.shares else super().plan

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        key = type(self.model), self.device.type, self.max_length, self.virtual_tokens
        asked = self._questions.once(self.tokenizer, key, lambda: self._asked(requests))
        self.dropped, self.truncated = dict(asked.dropped), list(asked.truncated)
        self._progress = Progress(log)
        answers: list[tuple[float, bool]] = [UNASKED] * len(requests)
        for i, answer in self._answers(asked).items():
            answers[asked.numbers[i]] = answer
        return answers

    def _answers(self, asked: _Asked) -> dict[int, Answer]:
        """{place in `asked`: its answer}."""
        if self.shares:
            try:
                return self._from_shared(asked)
            except _Differs as error:
                log.warning(
                    "contexts are read again for each answer, since the model's cache cannot be used: %s", error
                )
                self.shares = False
        return self._from_rows(asked, range(len(asked.pairs)))

    def _asked(self, requests: Sequence[Instance]) -> _Asked:
        pairs = [self._tokens(request) for request in requests]
        dropped: dict[int, str] = {}
        for request, (context, answer) in zip(requests, pairs, strict=True):
            if not context or not answer:
                dropped.setdefault(request.doc_id, NO_TOKENS)
            elif len(answer) > self.max_length + self.virtual_tokens:
                dropped.setdefault(request.doc_id, "too_long")
        numbers = [i for i, request in enumerate(requests) if request.doc_id not in dropped]
        causal = self.backend == "causal"
        room = self.max_length + 1 if causal else self.max_length
        cut = [
            requests[i].doc_id
            for i in numbers
            if len(pairs[i][0]) + (len(pairs[i][1]) if causal else 0) > room or len(pairs[i][1]) > self.max_length
        ]
        facts, asked = [requests[i].doc_id for i in numbers], [self._ended(pairs[i]) for i in numbers]
        return _Asked(numbers, facts, asked, self._branch(facts, asked), dropped, cut)

    def _tokens(self, request: Instance) -> sharing.Request:
        """The tokens of a request's context and answer, as the harness has them; none of an answer alone that has
        none. Before nothing there is the token that texts begin with."""
        prompt, answer = self._bounded(request).args
        if prompt:
            return self._encode_pair(prompt, answer)
        tokens, start = self.tok_encode(answer, add_special_tokens=False), self.prefix_token_id
        return (tokens[:1], tokens[1:]) if tokens[:1] == [start] else ([start], tokens)

    def _ended(self, pair: sharing.Request) -> sharing.Request:
        """A request whose answer, if it alone passes the window, lacks its first tokens: those are read and not scored.
        Only virtual tokens leave so little room, and a variant is asked the same facts with and without them."""
        context, answer = pair
        before, scored = answer[: -self.max_length], answer[-self.max_length :]
        return [*context, *before] if self.backend == "causal" else context, scored

    @property
    def _kind_of_device(self) -> str:
        return "cpu" if self.device.type == "cpu" else "cuda"

    def _branch(self, facts: Sequence[int], pairs: Sequence[sharing.Request]) -> sharing.Branch:
        """What is read once: a beginning where it saves twice what its pass costs."""
        requests = dict(enumerate(pairs))
        if self.backend == "seq2seq":
            return sharing.Branch(stems=sharing.of_encoder_decoder(requests, self.max_length))
        stems = sharing.of_decoder(requests, dict(enumerate(facts)), self.max_length)
        return sharing.branched(stems, 2 * PASS[self._kind_of_device])

    def _from_shared(self, asked: _Asked) -> dict[int, Answer]:
        """{place in `asked`: its answer}, each context read once. Raises _Differs where the first questions show that
        this does not give what the model gives row by row."""
        causal = self.backend == "causal"
        reader = DecoderReader(self.model, self.virtual_tokens > 0) if causal else EncoderDecoderReader(self.model)
        answers = {i: answer for i, (_, answer) in enumerate(asked.pairs)}
        shared = Shared(reader, answers, self._fitting, PASS[self._kind_of_device])
        found: dict[int, Answer] = {}
        batches = shared.ask(asked.branch)
        while batch := self._next(batches):
            stems, some, begun = batch
            longer = [stem for stem in stems if any(stem.tails)]
            way = begun, goes_on(reader, stems)
            as_rows = not (causal or way[1])  # an encoder-decoder without a cache does what it does row by row
            if not as_rows and way not in asked.compared and self._compare(asked, longer or stems, some):
                asked.compared.add(way)
            found |= some
            self._progress.say("asked %d of %d prompts", len(found), len(asked.pairs))
        return found

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        """The next batch. Raises _Differs for a model that fails so, as one without a cache of its own does in its own
        way: if it cannot be asked at all, its rows say why."""
        try:
            return next(batches, None)
        except (torch.OutOfMemoryError, InputError):
            raise
        except Exception as error:
            raise _Differs(f"{type(error).__name__}: {in_one_line(error, 200)}") from error

    def _compare(self, asked: _Asked, stems: Sequence[sharing.Stem], answers: Mapping[int, Answer]) -> bool:
        """Raise _Differs unless the answers that go on the furthest from the longest of a batch's stems, and from the
        last, which is padded the most, are on average what their rows give, to four of the model's roundings. Returns
        whether that says anything: a destroyed model computes no number."""
        few = sorted({each.tails[max(each.tails, key=len)][0] for each in (stems[0], stems[-1])})
        rows = self._from_rows(asked, few)
        pairs = [(answers[i][0], rows[i][0]) for i in few if math.isfinite(rows[i][0])]
        apart = sum(abs(found - expected) for found, expected in pairs)
        near = max(4 * torch.finfo(self.model.dtype).eps, 1e-4)
        if not apart <= near * sum(max(1.0, abs(expected)) for _, expected in pairs):
            raise _Differs(f"log-likelihoods of {len(pairs)} answers are {apart:.3g} off what they are row by row")
        return bool(pairs)

    def _from_rows(self, asked: _Asked, places: Sequence[int]) -> dict[int, Answer]:
        """{place in `asked`: its answer} of some requests, row by row, as the harness does it."""
        causal = self.backend == "causal"
        room = self.max_length + 1 if causal else self.max_length
        sizes = {}
        for i in places:
            context, answer = asked.pairs[i]
            together = len(context) + len(answer) if causal else len(context)
            sizes[i] = (min(together, room), 0 if causal else len(answer))
        requests: list[Any] = [(None, *pair) for pair in asked.pairs]
        self.contexts.learn(asked.facts, requests)
        found: dict[int, Answer] = {}
        for group in (part for each in self._groups(sizes) for part in self.contexts.rounds(each)):
            self._start = 0
            with self.contexts.round(group):
                answers = super()._loglikelihood_tokens([requests[i] for i in group], disable_tqdm=True)
            found.update(zip(group, answers, strict=True))
        return found

    def _model_call(self, inps: Any, attn_mask: Any = None, labels: Any = None) -> Any:
        """The harness leaves it to an encoder-decoder what its decoder reads, and MBart's then begins with the last
        token of the answers: they follow the start token here, as T5's and BART's do anyway. Of equal rows its encoder
        reads one, which leaves the largest and smallest activation of a batch what they are."""
        with without_cache(self.model):
            if labels is None:
                with self.contexts.reading(len(inps), self.max_length):
                    return super()._model_call(inps)
            starts = torch.full_like(labels[:, :1], self.model.config.decoder_start_token_id)
            read = torch.cat([starts, labels[:, :-1]], dim=1)
            places: dict[tuple[int, ...], int] = {}
            rows = [places.setdefault(tuple(row), len(places)) for row in torch.cat([inps, attn_mask], dim=1).tolist()]
            firsts = [rows.index(place) for place in range(len(places))]
            with torch.no_grad():
                encoded = self.model.get_encoder()(input_ids=inps[firsts], attention_mask=attn_mask[firsts])
                outputs = BaseModelOutput(last_hidden_state=encoded.last_hidden_state[rows])
                return self.model(encoder_outputs=outputs, attention_mask=attn_mask, decoder_input_ids=read).logits

    def _batch_scheduler(self, pos: int, n_reordered_requests: list[Any]) -> int:
        """Size of the batch that holds prompt `pos`; the harness calls this once for each prompt, the longest first."""
        self._progress.say("asked %d of %d prompts", self._start, len(n_reordered_requests))
        self.contexts.in_order(n_reordered_requests)
        _, context, answer = n_reordered_requests[self._start]
        longest = min(len(context), self.max_length) + len(answer)
        size = self._fitting(longest)
        if pos + 1 == self._start + size:
            self._start = pos + 1
        return size
