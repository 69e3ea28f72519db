"""The questions of a part of a benchmark, as the harness asks them: made once, and asked many models.

The requests and the verdict on each question are those of the harness's own task; what `lm_eval.evaluate` does between
them for every model (build the requests, decode the documents, hash the prompts) takes longer than a small model's
answers.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from transformers import PreTrainedTokenizerBase

from knowcost.score.engines.lm_eval_tasks import prompts_digest

_Made = TypeVar("_Made")


class Questions:
    """Documents of a task, which are numbered from 0 here and in requests, and by their own numbers in samples.

    instances: the harness's requests; digest: of prompts_digest.
    """

    def __init__(self, task: ConfigurableTask, documents: range) -> None:
        self.task, self.documents = task, documents
        self.digest = prompts_digest(task)
        self.instances: list[Instance] = []
        self._docs: list[Any] = []
        if documents:  # of none the harness would make all
            # The first ones are asked for by their number: for `samples` the harness reads the whole benchmark.
            task.build_all_requests(**({"samples": documents} if documents.start else {"limit": len(documents)}))
            self.instances = task.instances
            docs = {instance.doc_id: instance.doc for instance in self.instances}
            self._docs = [docs[number] for number in range(len(documents))]
        self._made: WeakKeyDictionary[PreTrainedTokenizerBase, dict[Any, Any]] = WeakKeyDictionary()

    def once(self, tokenizer: PreTrainedTokenizerBase, key: Any, make: Callable[[], _Made]) -> _Made:
        """What was made of the requests with this tokenizer under this key, the first time by `make`."""
        made: dict[Any, _Made] = self._made.setdefault(tokenizer, {})
        if key not in made:
            made[key] = make()
        return made[key]

    def samples(self, responses: Sequence[Any]) -> list[dict[str, Any]]:
        """What the harness makes of a response to each instance: of every document its number (doc_id), itself (doc),
        what was asked (arguments), the filtered responses (filtered_resps), and the metrics."""
        choices: list[list[Instance]] = [[] for _ in self._docs]
        for instance, response in zip(self.instances, responses, strict=True):
            instance.resps, instance.filtered_resps = [response], {}
            choices[instance.doc_id].append(instance)
        self.task._instances = self.instances  # others may have been built since
        self.task.apply_filters()
        return [
            self._sample(number, doc, asked)
            for number, doc, asked in zip(self.documents, self._docs, choices, strict=True)
        ]

    def _sample(self, number: int, doc: Any, asked: Sequence[Instance]) -> dict[str, Any]:
        [found] = zip(*(each.filtered_resps.values() for each in sorted(asked, key=lambda each: each.idx)), strict=True)
        said = {"doc_id": number, "doc": doc, "arguments": [each.args for each in asked], "filtered_resps": list(found)}
        return said | self.task.process_results(doc, list(found))
