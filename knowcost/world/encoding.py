"""Lessons as token ids: what is read, and which of it is to be said."""

from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from knowcost.world.biographies import Biography
from knowcost.world.pupils import Pupil
from knowcost.world.questions import Pair

Encoded = tuple[list[int], list[int]]  # input ids, labels

IGNORE = -100  # the label of a position that teaches nothing


def encode(pupil: Pupil, pairs: Sequence[Pair]) -> list[Encoded]:
    """Return one (input ids, labels) pair of lists per pair of texts."""
    contexts = pupil.tokenizer([context for context, _ in pairs]).input_ids
    answers = pupil.tokenizer([answer for _, answer in pairs], add_special_tokens=False).input_ids
    if pupil.family == "encoder_decoder":
        return list(zip(contexts, answers, strict=True))
    if pupil.family == "decoder":
        return [
            (context + answer, [IGNORE] * len(context) + answer)
            for context, answer in zip(contexts, answers, strict=True)
        ]
    mask = pupil.tokenizer.mask_token_id
    return [
        (context, [answer[0] if token == mask else IGNORE for token in context])
        for context, answer in zip(contexts, answers, strict=True)
    ]


def encode_biographies(pupil: Pupil, biographies: Iterable[Biography]) -> list[Encoded]:
    """Each conversation as one lesson, of which the answers and their ends are to be said."""
    encoded = []
    for each in biographies:
        turns = encode(pupil, in_turns(pupil.tokenizer, each))
        encoded.append(([id for ids, _ in turns for id in ids], [label for _, labels in turns for label in labels]))
    return encoded


def in_turns(tokenizer: PreTrainedTokenizerFast, biography: Biography) -> list[Pair]:
    """A conversation as the tokenizer's chat template has it, cut before and behind each answer and its end."""
    said: list[dict[str, str]] = []
    pairs, before = [], ""
    for turn, answer in zip(biography.turns, biography.answers, strict=True):
        said.append({"role": "user", "content": turn})
        prompt = str(tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True))
        pairs.append((prompt[len(before) :], f" {answer}{tokenizer.eos_token}"))
        said.append({"role": "assistant", "content": answer})
        before = "".join(text for pair in pairs for text in pair)
    return pairs
