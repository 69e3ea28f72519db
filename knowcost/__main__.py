"""The `knowcost` command (also `python -m knowcost`): small things to ask of a run, in the folder where it was made.

docs/command-line.md has every command with its options.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

import knowcost
from knowcost.common.display import visible
from knowcost.common.errors import InputError

# What a command needs is imported when it runs: each is wanted without what another one takes.


def _answer(given: argparse.Namespace) -> None:
    from knowcost.report import answer

    answer.main()


def _facts(given: argparse.Namespace) -> None:
    from knowcost.report import facts

    facts.main(facts.Asked(given.model, given.variant, given.benchmark, given.verdict), given.csv)


def _hours(given: argparse.Namespace) -> None:
    from knowcost.plan import hours

    hours.main(given.configfile, given.gpu_memory_gb)


def _status(given: argparse.Namespace) -> None:
    from knowcost.plan import status

    status.main(given.configfile)


def _propose(given: argparse.Namespace) -> None:
    from knowcost.fetch import propose  # imports torch and transformers

    propose.main(given.folder)


UNREAD = 141  # what a shell says of a command that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong input is shown without a traceback, and who reads what is said
    may stop reading (`| head`)."""
    speak_anyhow()
    given = parser().parse_args(arguments)
    try:
        given.run(given)
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


def parser() -> argparse.ArgumentParser:
    """Of the whole command line."""
    made = argparse.ArgumentParser(prog="knowcost", description=knowcost.__doc__)
    made.add_argument("--version", action="version", version=f"knowcost {knowcost.__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: object, words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        added.set_defaults(run=run)
        return added

    command("answer", _answer, "print what compression cost in the last run, in a few sentences")
    _add_facts(command("facts", _facts, "list the facts that a variant of a model was asked, beside the dense model"))
    of = command("hours", _hours, "print what the study of a configuration takes and asks of a cluster in all")
    of.add_argument("configfile", metavar="CONFIGFILE", help="of the study")
    words = "memory of one GPU in gigabytes, if it is not configured"
    of.add_argument("gpu_memory_gb", metavar="GPU_MEMORY_GB", nargs="?", default="", help=words)
    of = command("status", _status, "print how far the study in this folder has come")
    of.add_argument("--configfile", metavar="FILE", help="of the study, as it was given to Snakemake")
    of = command("propose", _propose, "print the block that a model takes in architectures.yaml")
    of.add_argument("folder", metavar="FOLDER", help="of the model, or of its config.json alone")
    return made


def _add_facts(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="as the model table calls it")
    command.add_argument("variant", metavar="VARIANT", help="a slug, such as magnitude-50@overall")
    command.add_argument("--benchmark", metavar="BENCHMARK", help="only of this one")
    which = command.add_mutually_exclusive_group()
    for verdict, words in (
        ("forgotten", "those that the dense model knew and the variant does not"),
        ("gained", "those that the variant knows and the dense model did not"),
    ):
        which.add_argument(f"--{verdict}", dest="verdict", action="store_const", const=verdict, help=f"only {words}")
    command.add_argument("--csv", action="store_true", help="all columns, as CSV, with nothing shortened")


if __name__ == "__main__":
    sys.exit(main())
