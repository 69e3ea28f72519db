"""Exceptions that mean "the input is wrong", as opposed to "the program or the machine is wrong"."""

from knowcost.common import addresses


class InputError(ValueError):
    """Bad input: the message says which file or key, what was expected and what to do. Shown without a traceback.

    What may be a key in the addresses of the message is hidden.
    """

    def __init__(self, message: str) -> None:
        super().__init__(addresses.hide(message))


class BrokenPromise(Exception):
    """A stage did not make what it says it makes: a bug or a broken machine, so it is shown with its traceback."""


def in_one_line(error: BaseException, most: int | None = None) -> str:
    """All that an error says, its line ends and indents as single blanks; most: the characters to stop behind."""
    return " ".join(str(error).split())[:most]


def first_line(error: BaseException) -> str:
    """What an error says first, with what may be a key in an address hidden; its type where it says nothing."""
    return addresses.hide(next((line for line in str(error).splitlines() if line.strip()), type(error).__name__))
