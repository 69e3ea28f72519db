"""The harness's Hugging Face model with batches of our choosing: what asks for log-likelihoods (lm_eval_likelihoods.py)
and what lets it write (lm_eval_writing.py) have this in common."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from knowcost.models.tokenizers import beginning, ending
from knowcost.recover import dynamic
from knowcost.score.engines.contexts import Contexts
from knowcost.score.engines.lm_eval_questions import Questions
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent

NO_TOKENS = "no_tokens"


class Asker(HFLM):
    """The harness's Hugging Face model for one part of a benchmark, with a log line every few seconds.

    dropped: {the number of a fact that cannot be asked: why}; truncated: facts, once for every prompt that was cut.
    """

    def __init__(self, respondent: Respondent, plan: Plan, questions: Questions) -> None:
        super().__init__(pretrained=respondent.model, tokenizer=respondent.tokenizer, batch_size="auto")
        self.virtual_tokens = respondent.virtual_tokens
        self._window = super().max_length - self.virtual_tokens  # the harness works it out again for every text
        self._questions = questions
        self._plan, self.tokens_per_batch = plan, plan.harness_tokens
        self.one_length = plan.one_length
        self.dropped: dict[int, str] = {}
        self.truncated: list[int] = []
        self.contexts = Contexts(dynamic.of(respondent.model), respondent.tokenizer.all_special_ids)

    @property
    def max_length(self) -> int:
        """The model's window, as the harness knows it, without what virtual tokens take of it."""
        return self._window

    @property
    def plan(self) -> str:
        """How questions are put together, in words for the metadata."""
        return f"harness, {self._plan.words(self.tokens_per_batch, self.one_length)}"

    @property
    def counted(self) -> dict[str, list[int]]:
        """Numbers of facts, some of them several times: of prompts that were cut, and Contexts.own."""
        return {"truncated": self.truncated} | ({"own_contexts": self.contexts.own} if self.contexts.choosing else {})

    def samples(self) -> list[dict[str, Any]]:
        """The harness's samples of all questions, in their order; what it says of those in `dropped` means nothing."""
        requests = self._questions.instances
        answers = getattr(self, requests[0].request_type)(requests) if requests else []
        return self._questions.samples(answers)

    def _bounded(self, request: Instance) -> Instance:
        """A request whose prompt, and answer if it has one, are no longer than the window has to be filled."""
        prompt, answer = request.args
        if isinstance(answer, str):
            answer = beginning(self.tokenizer, answer, self.max_length + self.virtual_tokens)
        return replace(request, arguments=(ending(self.tokenizer, prompt, self.max_length), answer))

    def _groups(self, sizes: Mapping[int, Any]) -> list[list[int]]:
        """Lists of the numbers of requests that may share a batch: all, or those of one size."""
        if not self.one_length:
            return [list(sizes)] if sizes else []
        groups: dict[Any, list[int]] = {}
        for i, size in sizes.items():
            groups.setdefault(size, []).append(i)
        return [groups[size] for size in sorted(groups)]

    def _fitting(self, longest: int) -> int:
        """How many prompts of at most `longest` tokens make a batch."""
        return self._plan.fitting(self.tokens_per_batch, longest)
