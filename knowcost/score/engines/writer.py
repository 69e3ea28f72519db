"""Answers that are texts, generated with a cache in batches of prompts of about one length: by our own loop
(decoding.py), or by transformers' where that does not suit the model, and for models behind virtual tokens.

A decoder's prompts are padded on the left, which changes nothing where generation tells the model each token's
position, as it does wherever the model's forward pass takes `position_ids`. All others, and models behind virtual
tokens, which padding would part from the text, get batches of one length. An encoder reads its padding on the right,
where it moves no position.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from transformers import LogitsProcessorList

from knowcost.common.log import Progress
from knowcost.recover import dynamic
from knowcost.score.engines import decoding
from knowcost.score.engines.decoding import Said
from knowcost.score.engines.drawn import Drawing, Name
from knowcost.score.engines.lm_eval_model import greedy
from knowcost.score.engines.passes import padded, placed
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent
from knowcost.score.rows import ENDED, LENGTH, WINDOW

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """name: of the answer. tokens: that are read. new: the most that are generated."""

    name: Name
    tokens: list[int]
    new: int


@dataclass(frozen=True)
class Written:
    """tokens: that were generated, that which ended the answer among them. ended, seconds, chosen: of rows.TEXTS.
    finite: whether the model computed numbers all along."""

    tokens: list[int]
    ended: str
    seconds: float
    chosen: list[int] | None
    finite: bool


class Writer:
    """A model that writes. new_tokens: the most of an answer; a request of fewer has the window's end before it."""

    def __init__(self, respondent: Respondent, new_tokens: int, plan: Plan) -> None:
        self.model, self.tokenizer = respondent.model, respondent.tokenizer
        self.new_tokens, self._plan = new_tokens, plan
        self._decoder = not self.model.config.is_encoder_decoder
        virtual = respondent.virtual_tokens > 0
        self._one_length = plan.one_length or (self._decoder and (virtual or not placed(self.model)))
        self._suits = plan.shares and not virtual and decoding.suits(self.model)

    @property
    def plan(self) -> str:
        """How prompts are put together, in words for the metadata."""
        who = "own loop" if self._suits else "transformers"
        return f"{who}, {self._plan.words(self._plan.generated_tokens, self._one_length)}"

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """An answer to each request, in their order."""
        drawing = Drawing(self._plan.sampling, [each.name for each in requests])
        said: dict[int, Said] = {}
        chosen: dict[int, list[int] | None] = {}
        progress = Progress(log)
        with greedy(self.model, self.tokenizer.eos_token_id):
            write = self._decoded if self._suits else self._generated
            for answer, prompt in write(requests, drawing):
                said[answer.text], chosen[answer.text] = answer, prompt
                progress.say("wrote %d of %d answers", len(said), len(requests))
            answers = [said[i] for i in range(len(requests))]
            numbers = drawing.finite([len(answer.tokens) for answer in answers])
            return [
                Written(answer.tokens, self._ended(answer.tokens, each), answer.seconds, chosen[answer.text], number)
                for answer, each, number in zip(answers, requests, numbers, strict=True)
            ]

    def _decoded(self, requests: Sequence[Request], drawing: Drawing) -> Iterator[tuple[Said, None]]:
        """Answers by our own loop, those to requests of as many tokens together."""
        for new in sorted({each.new for each in requests}, reverse=True):
            texts = [i for i, each in enumerate(requests) if each.new == new]
            how = decoding.How(new, self._over, self._fitting, self._one_length, self._choosing(drawing, texts))
            for said in decoding.decode(self.model, [requests[i].tokens for i in texts], how):
                yield replace(said, text=texts[said.text]), None

    def _over(self, said: list[int]) -> bool:
        return said[-1] in self._ends

    @staticmethod
    def _choosing(drawing: Drawing, texts: Sequence[int]) -> Callable[[Sequence[int], torch.Tensor], torch.Tensor]:
        """How the next tokens are chosen for some of the texts of a Drawing, by their places among them."""
        return lambda places, logits: drawing.choose([texts[i] for i in places], logits)

    def _generated(self, requests: Sequence[Request], drawing: Drawing) -> Iterator[tuple[Said, list[int] | None]]:
        """Answers by transformers' `generate`, and the prompts that were chosen for them."""
        for batch in self._batches(requests):
            start = time.perf_counter()
            new = requests[batch[0]].new
            rows = self._generate([requests[i].tokens for i in batch], new, drawing.processors(batch))
            chooser = dynamic.of(self.model)
            chosen = chooser.chosen() if chooser else [None] * len(batch)
            seconds = (time.perf_counter() - start) / len(batch)
            for text, row, prompt in zip(batch, rows, chosen, strict=True):
                yield Said(text, self._until_end(row), seconds), prompt

    def _batches(self, requests: Sequence[Request]) -> Iterator[list[int]]:
        """The longest first: if they do not fit into memory, that is known at once."""
        batch: list[int] = []
        for i in sorted(range(len(requests)), key=lambda i: (-requests[i].new, -len(requests[i].tokens))):
            if batch:
                each, first = requests[i], requests[batch[0]]
                size = self._fitting(len(first.tokens) + first.new)
                other = self._one_length and len(each.tokens) != len(first.tokens)
                if len(batch) >= size or each.new != first.new or other:
                    yield batch
                    batch = []
            batch.append(i)
        if batch:
            yield batch

    def _fitting(self, tokens: int) -> int:
        """How many texts of at most so many tokens, with those to come, make a batch."""
        return self._plan.fitting(self._plan.generated_tokens, tokens)

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[list[int]], new: int, drawing: LogitsProcessorList) -> list[list[int]]:
        """The tokens that follow each of a batch of prompts, with what follows an end before others have theirs."""
        device = next(self.model.parameters()).device
        ids, present = (each.to(device) for each in padded(prompts, self._decoder, self._padding))
        made = self.model.generate(
            input_ids=ids,
            attention_mask=present,
            max_new_tokens=new,
            do_sample=False,
            pad_token_id=self._padding,
            logits_processor=drawing,
        )
        before = ids.shape[1] if self._decoder else 1  # the token that an encoder-decoder's answers start with
        rows: list[list[int]] = made[:, before:].tolist()
        return rows

    @property
    def _padding(self) -> int:
        return self.tokenizer.pad_token_id or 0

    @property
    def _ends(self) -> list[int]:
        return self.model.generation_config.eos_token_id or []

    def _until_end(self, row: list[int]) -> list[int]:
        """What was generated for a row before others in its batch went on."""
        end = next((i + 1 for i, token in enumerate(row) if token in self._ends), len(row))
        return row[:end]

    def _ended(self, answer: list[int], asked: Request) -> str:
        if answer and answer[-1] in self._ends:
            return ENDED
        return LENGTH if asked.new == self.new_tokens else WINDOW
