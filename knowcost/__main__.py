"""The `knowcost` command (also `python -m knowcost`): small things to ask of a run, in the folder where it was made."""

import argparse
import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence

import knowcost
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.report import answer


def _propose(folder: str) -> None:
    from knowcost.fetch import propose  # imports torch and transformers

    propose.main(folder)


def _hours(configfile: str, gpu_memory_gb: str = "") -> None:
    from knowcost.plan import hours

    hours.main(configfile, gpu_memory_gb)


UNREAD = 141  # what a shell says of a command that SIGPIPE ended

COMMANDS: dict[str, tuple[Callable[..., None], str]] = {  # a function's arguments are the command's
    "answer": (answer.main, "print what compression cost in the last run, in a few sentences"),
    "hours": (
        _hours,
        "print what the study of CONFIGFILE asks of a cluster in all, with GPUs of GPU_MEMORY_GB gigabytes if they are "
        "not configured",
    ),
    "propose": (
        _propose,
        "print the block that the model in FOLDER, or its config.json alone, takes in architectures.yaml",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong input is shown without a traceback, and who reads what is said
    may stop reading (`| head`)."""
    speak_anyhow()
    given = vars(_parser().parse_args(arguments))
    run, _ = COMMANDS[given.pop("command")]
    try:
        run(**given)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it ends
        return UNREAD
    except InputError as error:
        print(visible(f"knowcost: {error}"), file=sys.stderr)
        return 1
    return 0


def speak_anyhow() -> None:
    """Let characters that the terminal's encoding lacks be printed as escapes, rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="knowcost", description=knowcost.__doc__)
    parser.add_argument("--version", action="version", version=f"knowcost {knowcost.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (run, words) in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        for argument, about in inspect.signature(run).parameters.items():
            optional = {} if about.default is about.empty else {"nargs": "?", "default": about.default}
            command.add_argument(argument, metavar=argument.upper(), **optional)
    return parser


if __name__ == "__main__":
    sys.exit(main())
