"""The formats of benchmark files: what kind of benchmark each makes, and which loader makes it."""

from collections.abc import Mapping

from knowcost.common.errors import InputError

LAMA = ("trex", "google_re", "squad", "conceptnet")


# format: (kind of the benchmark it makes, "module.function" of its loader)
FORMATS = {
    **{f"lama_{name}": ("cloze", f"lama.{name}") for name in LAMA},
    **{f"lama_{name}_ranked": ("cloze", f"lama_ranked.{name}") for name in LAMA},
    **{f"lama_{name}_published": ("cloze_published", f"lama_published.{name}") for name in LAMA},
    "bear": ("cloze", "templates.bear"),
    "pararel": ("cloze", "templates.pararel"),
    "cloze": ("cloze", "own.cloze"),
    "question": ("question", "own.question"),
    "boolq": ("boolq", "tasks.boolq"),
    "piqa": ("piqa", "tasks.piqa"),
    "winogrande": ("winogrande", "tasks.winogrande"),
    "arc": ("arc", "choices.arc"),
    "sciq": ("sciq", "choices.sciq"),
    "hellaswag": ("hellaswag", "choices.hellaswag"),
    "mmlu": ("mmlu", "mmlu.without_examples"),
    "mmlu_5shot": ("mmlu", "mmlu.with_examples"),
    "webquestions": ("webquestions", "answers.webquestions"),
    "triviaqa": ("triviaqa", "answers.triviaqa"),
    "triviaqa_closed": ("triviaqa_closed", "answers.triviaqa"),
    "triviaqa_open": ("triviaqa_open", "answers.triviaqa_open"),
    "freebaseqa": ("freebaseqa", "answers.freebaseqa"),
    "popqa": ("popqa", "answers.popqa"),
    "lambada": ("lambada", "texts.lambada"),
    "text": ("text", "texts.running"),
    "c4": ("text", "texts.c4"),
    "lines": ("lines", "texts.lines"),
    "similarity": ("similarity", "texts.running"),
    "cnn_dailymail": ("summary", "stories.cnn_dailymail"),
    "cnn_dailymail_published": ("summary_published", "stories.cnn_dailymail_published"),
    "mt_bench": ("conversation", "conversations.mt_bench"),
    "vicuna": ("conversation", "conversations.vicuna"),
    "conversation": ("conversation", "conversations.own"),
}


CHOSEN = [name for name in FORMATS if not name.endswith("_published")]  # the protocol `published` adds the others

PUBLISHED = "@published"  # ends the name of a benchmark's companion that is read and counted as published


def is_published(name: str) -> bool:
    """Whether a benchmark is a companion that is read and counted as published."""
    return name.endswith(PUBLISHED)


def companion(name: str) -> str:
    """The name of a benchmark's companion, whether or not it has one."""
    return name + PUBLISHED


def with_companions(rows: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The benchmark rows {name: row}, each followed by its companion under the published protocol if it has one."""
    made = {}
    for name, row in rows.items():
        made[name] = row
        if f"{row['format']}_published" in FORMATS:
            made[companion(name)] = {**row, "name": companion(name), "format": f"{row['format']}_published"}
    return made


def kind_of(format: str) -> str:
    """The kind of benchmark (`cloze`, `question`, `boolq`, ...) a format makes; InputError for an unknown format."""
    if format not in FORMATS:
        raise InputError(f"no format {format!r}; known: {', '.join(CHOSEN)}")
    return FORMATS[format][0]
