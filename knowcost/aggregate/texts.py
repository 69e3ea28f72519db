"""What can be said of one answer without a judge: of its tokens by themselves, of its words beside another text's.

Tokens are those of the model's own tokenizer, as a measure of words would not see a model that writes line ends for
ever; compressed and dense models share theirs. Words are those of ROUGE: runs of a-z and 0-9 in lower case, not
stemmed. None is said of an answer that is too short to say it of.
"""

from collections import Counter
from collections.abc import Sequence

from rouge_score import tokenize

PERIODS, STRETCH = 3, 16  # a loop is so many times the same, and so many tokens at least
SEEN = 4  # tokens of the stretches that are looked for in what was written before

Tokens = Sequence[int]


def unique(tokens: Tokens) -> int:
    """How many different tokens there are."""
    return len(set(tokens))


def distinct(tokens: Tokens, size: int) -> float | None:
    """Different n-grams of a size, in percent of all (distinct-n of Li et al. 2016, of one answer)."""
    grams = _grams(tokens, size)
    return 100 * len(set(grams)) / len(grams) if grams else None


def repeated(tokens: Tokens) -> float | None:
    """Of the stretches of SEEN tokens the percentage that stood in the answer before."""
    new = distinct(tokens, SEEN)
    return None if new is None else 100 - new


def loops(tokens: Tokens) -> bool:
    """Whether the answer ends in a loop: at its end a stretch of at least STRETCH tokens, at least PERIODS times as
    long as some period, in which every token is the one that stands a period before it."""
    if len(tokens) < STRETCH:
        return False
    for period in range(1, len(tokens) // PERIODS + 1):
        if tokens[-1] == tokens[-1 - period]:
            end = tokens[-max(PERIODS * period, STRETCH) :]
            if end[period:] == end[:-period]:
                return True
    return False


def words(text: str) -> list[str]:
    """The words of a text, as rouge-score has them."""
    return tokenize.tokenize(text, None)


def rouge_n(reference: Sequence[str], answer: Sequence[str], size: int) -> float | None:
    """ROUGE-n: F1, in percent, of the n-grams that both have, each as often as both have it; 0 where one has none.

    None where the reference has no word. Both are `words`.
    """
    if not reference:
        return None
    grams, others = Counter(_grams(reference, size)), Counter(_grams(answer, size))
    return _f1((grams & others).total(), grams.total(), others.total())


def rouge_l(reference: Sequence[str], answer: Sequence[str]) -> float | None:
    """ROUGE-L: F1, in percent, of the longest sequence of words that both have in this order, other words between them
    or not; of the whole text, not sentence by sentence. None where the reference has no word.

    The numbers are those of rouge-score, whose table in Python takes 90 milliseconds for answers of 700 words; this
    takes less than one.
    """
    return _f1(_common(reference, answer), len(reference), len(answer)) if reference else None


def _grams(items: Sequence, size: int) -> list[tuple]:
    return list(zip(*(items[start:] for start in range(size)), strict=False))


def _f1(both: int, these: int, those: int) -> float:
    return 200 * both / (these + those) if both else 0.0


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, a row of the table in one number (Hyyrö 2004): a bit of `row` is 0
    where a word of `first` makes the sequence longer."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    row = whole
    for word in second:
        found = row & places.get(word, 0)
        row = (row + found | row - found) & whole
    return len(first) - row.bit_count()
