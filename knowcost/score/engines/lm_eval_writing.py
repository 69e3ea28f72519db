"""Answers that the harness's Hugging Face model generates, greedily, with its own stop strings: by our own loop where
that is for a model, else by transformers."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lm_eval.api.instance import Instance
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from knowcost.common.errors import InputError
from knowcost.common.log import Progress
from knowcost.models.tokenizers import encoded
from knowcost.score.engines import decoding
from knowcost.score.engines.decoding import How, decode, start_of
from knowcost.score.engines.lm_eval_asker import NO_TOKENS, Asker
from knowcost.score.engines.lm_eval_model import greedy
from knowcost.score.engines.lm_eval_questions import Questions
from knowcost.score.plan import Plan
from knowcost.score.respondent import Respondent

log = logging.getLogger(__name__)


class WritingAsker(Asker):
    """Lets a model write its answers."""

    def __init__(self, respondent: Respondent, plan: Plan, questions: Questions) -> None:
        super().__init__(respondent, plan, questions)
        self.tokens_per_batch = plan.generated_tokens
        # prompts are padded on the left: that would part virtual tokens from the text
        self.one_length = plan.one_length or self.virtual_tokens > 0
        self._decodes = plan.shares and not self.virtual_tokens and decoding.suits(respondent.model)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """The greedy answers to prompts of one task, in batches by length; the tokens to come count for the budget."""
        new = requests[0].args[1].get("max_gen_toks", self.max_gen_toks)
        room = self.max_length - new if self.backend == "causal" else self.max_length
        if room < 1:
            beside = f" beside {self.virtual_tokens} virtual tokens" if self.virtual_tokens else ""
            raise InputError(f"the model's window of {self.max_length} tokens{beside} has no room to generate {new}")
        requests = [self._bounded(request) for request in requests]
        found = encoded(self.tokenizer, [request.args[0] for request in requests])
        lengths = {i: len(each["input_ids"]) for i, each in enumerate(found) if each["input_ids"]}
        self.dropped = {request.doc_id: NO_TOKENS for i, request in enumerate(requests) if i not in lengths}
        self.truncated = [requests[i].doc_id for i, length in lengths.items() if length > room]
        answers = [""] * len(requests)
        self._progress, self._done = Progress(log), 0
        with greedy(self.model, self.tokenizer.eos_token_id):
            for group in self._groups({i: min(length, room) for i, length in lengths.items()}):
                group = sorted(group, key=lambda i: -lengths[i])
                while group:
                    size = len(group) if self._decodes else self._fitting(min(lengths[group[0]], room) + new)
                    batch, group = group[:size], group[size:]
                    self.batch_size_per_gpu = len(batch)
                    said = super().generate_until([requests[i] for i in batch], disable_tqdm=True)
                    if self.contexts.choosing:
                        read = sorted(batch, key=self._read_at(requests))
                        self.contexts.generated([requests[i].doc_id for i in read])
                    for i, answer in zip(batch, said, strict=True):
                        answers[i] = answer
                    self._answered(0 if self._decodes else len(batch))
        return answers

    def _answered(self, count: int = 1) -> None:
        self._done += count
        self._progress.say("answered %d of %d prompts", self._done, len(self._questions.instances))

    def _read_at(self, requests: Sequence[Instance]) -> Callable[[int], tuple[int, str]]:
        """Where the harness puts a request's prompt among those that it reads together: a key to sort by."""
        return lambda i: (-len(self.tok_encode(requests[i].args[0])), requests[i].args[0])

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **kwargs: Any) -> Any:
        """The harness counts the prompt as part of the answer of an encoder-decoder too: an answer's length would
        follow from the prompts that share its batch. Our own loop makes batches by itself."""
        new = max_length - context.shape[1]
        if not self._decodes or kwargs.get("do_sample"):
            length = 1 + new if self.backend == "seq2seq" else max_length  # 1: the token that the decoder starts with
            return super()._model_generate(context, length, stop=stop, **kwargs)
        over = Until(self.tokenizer, self.model.generation_config.eos_token_id or [], stop)
        how = How(new, over, self._fitting, self.one_length)
        padding = self.tokenizer.pad_token_id
        return generated(self.model, (context, kwargs["attention_mask"]), how, padding, self._answered)


@dataclass(frozen=True)
class Until:
    """Whether an answer is over: it ended, or its text has one of the strings behind which the harness cuts it."""

    tokenizer: PreTrainedTokenizerBase
    ends: Sequence[int]
    stops: Sequence[str]

    def __call__(self, said: list[int]) -> bool:
        if said[-1] in self.ends:
            return True
        text = self.tokenizer.decode(said, skip_special_tokens=True)  # all of it, as the harness cuts it
        return any(stop in text for stop in self.stops if stop)


def generated(
    model: PreTrainedModel,
    padded: tuple[torch.Tensor, torch.Tensor],
    how: How,
    padding: int,
    answered: Callable[[], None],
) -> torch.Tensor:
    """What `generate` would give: int64 (prompts, tokens), a decoder's prompts or the token that an encoder-decoder
    starts with, and the answers, with padding behind. padded: each int64 (prompts, tokens), the prompts and where they
    are. answered: is called for every answer."""
    context, present = padded
    prompts = [ids[seen].tolist() for ids, seen in zip(context, present.bool(), strict=True)]
    rows: list[list[int]] = [[] for _ in prompts]
    for said in decode(model, prompts, how):
        rows[said.text] = said.tokens
        answered()
    width = max(map(len, rows))
    answers = torch.tensor([row + [padding] * (width - len(row)) for row in rows], device=context.device)
    if model.config.is_encoder_decoder:
        context = torch.full_like(context[:, :1], start_of(model))
    return torch.cat([context, answers], dim=1)
