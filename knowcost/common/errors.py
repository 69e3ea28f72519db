"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""


class InputError(ValueError):
    """Bad input: the message says which file or key, what was expected and what to do. Shown without a traceback."""
