# What is said last, behind all that Snakemake says: the answer where a run made the page, and how far it came where
# Ctrl-C stopped it. Of a dry run and of one with nothing to do there is nothing to say here; the start says what is there
# (common.smk).

import atexit
import signal


def made_at():
    """When the page was made; None where there is none."""
    page = Path(paths.REPORT)
    return page.stat().st_mtime_ns if page.exists() else None


BEFORE = made_at()


def say_the_answer():
    from knowcost.report import answer  # which loads pandas

    answer.main()


def say_what_is_kept():
    say(start.stopped(asking.to_ask(STUDY)))


def stop(number, frame):
    """What Ctrl-C does: what it does without this, but the last line is ours."""
    atexit.unregister(say_what_is_kept)  # of a first Ctrl-C
    atexit.register(say_what_is_kept)
    sys.excepthook = lambda *about: None  # Snakemake itself shows all but Ctrl-C while it plans
    signal.default_int_handler(number, frame)


onsuccess:
    if not workflow.touch and made_at() not in (None, BEFORE):
        atexit.register(say_the_answer)


if SPEAKS and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, stop)
