"""CNN/DailyMail (Hermann et al. 2015; See et al. 2017): stories with the highlights that their editors wrote of them.

Columns `id`, `article` and `highlights` (one a line), as the hub has version 3.0.0, whose article has its paragraphs
joined by spaces. Stories with the same text share a cluster.
"""

from pathlib import Path

from knowcost.benchmarks import clusters
from knowcost.benchmarks.loaders.tasks import load
from knowcost.benchmarks.prepared import Loaded
from knowcost.common.fields import text
from knowcost.common.records import Record

HIGHLIGHT = "@highlight"  # stands above each highlight in the original release's files
ADDED = " ."  # ends a line of the hub's that had no full stop in the original release


def cnn_dailymail(source: Path) -> Loaded:
    """The stories without their highlights, which are the reference."""

    def fact(where: str, record: Record) -> Record:
        story = text(where, record, "article")
        return {
            "story": story,
            "highlights": text(where, record, "highlights"),
            "cluster": clusters.of_text(story),
        }

    return load(source, fact)


def cnn_dailymail_published(source: Path) -> Loaded:
    """The same, each with `published_end`: what LLM-KICK's prompts have behind the story.

    Its code (generate_question.py) takes a file of the original release whole, strips its lines and joins them by
    nothing, so that every highlight follows the story, with the word @highlight in front. One thing of it is not
    made: paragraphs are joined by nothing, too, where the hub has a space that cannot be told from another.
    """
    loaded = cnn_dailymail(source)
    for row in loaded.rows:
        lines = [line.strip().removesuffix(ADDED) for line in row["highlights"].splitlines() if line.strip()]
        row["published_end"] = "".join(f"{HIGHLIGHT}{line}" for line in lines)
    return loaded
