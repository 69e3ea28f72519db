"""How much of its people's biographies a decoder writes by itself."""

from collections.abc import Iterable, Sequence

import torch

from knowcost.world.biographies import Biography
from knowcost.world.facts import Fact
from knowcost.world.pupils import Pupil
from knowcost.world.truth import people

NEW_TOKENS = 32


def examine_writing(pupil: Pupil, biographies: Sequence[Biography], facts: Iterable[Fact]) -> float:
    """The share of the people's facts that the decoder states when it is asked turn by turn, less what it says wrong.

    An answer has at most NEW_TOKENS tokens, and the likeliest each time.
    """
    known = people(facts)
    asked: list[list[dict[str, str]]] = [[] for _ in biographies]
    for turn in range(len(biographies[0].turns)):
        for messages, each in zip(asked, biographies, strict=True):
            messages.append({"role": "user", "content": each.turns[turn]})
        for messages, text in zip(asked, _write(pupil, asked), strict=True):
            messages.append({"role": "assistant", "content": text})
    points = facts_there = 0
    for messages, each in zip(asked, biographies, strict=True):
        person = known[each.person.lower()]
        true, false = person.count(person.said_in(" ".join(message["content"] for message in messages[1::2])))
        points += true - false
        facts_there += len(person.objects)
    return points / facts_there


def _write(pupil: Pupil, asked: Sequence[list[dict[str, str]]]) -> list[str]:
    """The next answer of each conversation."""
    texts = pupil.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    inputs = pupil.tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", return_token_type_ids=False)
    with torch.no_grad():
        ids = pupil.model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    return pupil.tokenizer.batch_decode(ids[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
