# What is said last, behind all that Snakemake says: the answer, where the page was made. Snakemake calls this neither for
# a dry run nor where there was nothing to do; what is there is said at the start (common.smk).

import atexit


def made_at():
    """When the page was made; None where there is none."""
    page = Path(paths.REPORT)
    return page.stat().st_mtime_ns if page.exists() else None


BEFORE = made_at()


def say_the_answer():
    from knowcost.report import answer  # which loads pandas

    answer.main()


onsuccess:
    if not workflow.touch and made_at() not in (None, BEFORE):
        atexit.register(say_the_answer)
